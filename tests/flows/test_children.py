"""What a flow starts: found without `.venv/bin` on PATH, in a session of its own, gone with its parent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.children import environment, start, start_held
from ftcore.base.ending import end

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = "/usr/bin:/bin"  # a fresh shell's PATH, where no environment is activated


def test_a_childs_programs_are_those_beside_the_interpreter(monkeypatch):
    monkeypatch.setenv("PATH", ELSEWHERE)
    for name in ("uvicorn", "mlflow", "prefect", "alembic"):
        found = shutil.which(name, path=environment()["PATH"])
        assert found is not None and Path(found).parent == Path(sys.executable).parent, name
    assert environment({"PATH": "/mine"})["PATH"].endswith(":/mine")
    monkeypatch.delenv("PATH")
    assert environment()["PATH"] == str(Path(sys.executable).parent)


@pytest.mark.parametrize("begin", [start, start_held])
def test_a_shell_below_finds_them_too(monkeypatch, begin):
    """As MLflow calls uvicorn: through ``bash -c``."""
    monkeypatch.setenv("PATH", ELSEWHERE)
    code = "import subprocess; print(subprocess.run(['bash', '-c', 'command -v uvicorn'], capture_output=True, text=True).stdout)"
    process = begin(["-c", code], stdout=subprocess.PIPE, text=True)
    assert Path(process.communicate(timeout=60)[0].strip()).parent == Path(sys.executable).parent


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


GRANDCHILD = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "time.sleep(60)"
)


def grown(process: psutil.Process, members: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 30
    while len(found := family(process)) < members and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(found) == members
    return found


def test_all_that_a_held_command_started_goes_with_a_killed_parent():
    code = f"from flows.children import start_held; import time; start_held(['-c', {GRANDCHILD!r}]); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    found = grown(psutil.Process(parent.pid), 4)  # the parent, the holder, the command, what that started
    assert all(os.getpgid(p.pid) != os.getpgid(parent.pid) for p in found[1:]), "Ctrl-C must not reach them"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    gone, alive = psutil.wait_procs(found[1:], timeout=10)
    assert not alive


def test_the_end_of_a_held_command_ends_all_of_it():
    process = start_held(["-c", "import signal; signal.signal(15, signal.SIG_IGN)\n" + GRANDCHILD])
    found = grown(psutil.Process(process.pid), 3)
    time.sleep(0.5)
    end([process], seconds=0.5)
    assert not psutil.wait_procs(found, timeout=5)[1]


def test_a_held_commands_exit_code_comes_through():
    assert start_held(["-c", "raise SystemExit(7)"]).wait(30) == 7
