"""Imports beside a training."""

from __future__ import annotations

import sys
import threading

import pytest

from tasks.meanwhile import imported_meanwhile


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Two modules, each of which waits for its event."""
    begun, go = threading.Event(), threading.Event()
    monkeypatch.setattr(sys, "waits", (begun, go), raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("slow_one", "slow_two"):
        (tmp_path / f"{name}.py").write_text("import sys\nsys.waits[0].set()\nassert sys.waits[1].wait(30)\n")
    yield begun, go
    for name in ("slow_one", "slow_two"):
        sys.modules.pop(name, None)


def test_modules_are_imported_while_the_block_runs(modules):
    begun, go = modules
    go.set()
    with imported_meanwhile(("no.such.module", "slow_one")):
        assert begun.wait(30)
    assert "slow_one" in sys.modules


def test_the_block_ends_with_the_module_that_is_being_imported(modules):
    """No thread imports any more afterwards, also where the block failed."""
    begun, go = modules
    with pytest.raises(ZeroDivisionError), imported_meanwhile(("slow_one", "slow_two")):
        assert begun.wait(30)
        threading.Timer(0.2, go.set).start()
        raise ZeroDivisionError
    assert "slow_one" in sys.modules and "slow_two" not in sys.modules
    assert not [t for t in threading.enumerate() if t.name == "imports"]
