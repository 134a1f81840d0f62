"""The native module under arguments that nobody should give it (see `fuzzing`)."""

from __future__ import annotations

import sys

import pytest

from ftcore import native
from tests.ftcore.native import fuzzing
from tests.ftcore.native.fuzz_table import MAKERS

MODULE = sys.modules["ftcore._native"]


def test_every_function_is_in_the_table():
    """Whoever adds a function to the module adds a maker of its arguments to `fuzz_table`, and none is left behind."""
    assert set(fuzzing.targets(MODULE)) - set(MAKERS) == set(), "without a maker in fuzz_table"
    assert set(MAKERS) - set(fuzzing.targets(MODULE)) == set(), "no longer in the module"
    assert native.PROCESSOR in dict(native.PROCESSORS)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_what_a_maker_makes_is_taken(name: str):
    """Arguments that fit are answered, or the mutations of them would never come beyond the first check."""
    for call in range(40):
        guards = fuzzing.Guards(False)
        _, function, args = fuzzing.prepare(MODULE, MAKERS, 1, call, guards, only=name)
        function(*args)
        assert guards.broken() is None


def test_no_argument_breaks_it():
    assert fuzzing.check(0, 2_000) is None


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_argument_breaks_it_in_a_million_calls(capsys: pytest.CaptureFixture):
    def progress(line: str) -> None:
        with capsys.disabled():
            print(f"\rfuzzing the native module: {line}", end="", flush=True)

    assert fuzzing.check(1, 1_000_000, progress=progress) is None
