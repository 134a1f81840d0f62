"""Processes that a flow starts: their environment, and what holds them to it. Their end: `ftcore.base.ending`.

A child lives in a session of its own, so that a Ctrl-C in the terminal reaches the flow alone, which then ends
its children; and it ends with its parent, kill -9 included. ``python -m flows.children PARENT COMMAND…`` is
what holds a command to that which does not know of it (MLflow's servers and all that these start).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.proxies import spare_loopback, without_unusable
from ftcore.base.interruption import installed


def environment(more: Mapping[str, str] = {}) -> dict[str, str]:
    """The environment of a child.

    This interpreter's programs come first (MLflow calls ``uvicorn`` by its name), and no proxy stands before
    this machine.
    """
    made = {**os.environ, **more}
    programs = str(Path(sys.executable).parent)
    made["PATH"] = os.pathsep.join([programs, *filter(None, [made.get("PATH")])])
    return {**without_unusable(made), **spare_loopback(made)}


def start(words: Sequence[str], *, env: Mapping[str, str] = {}, **popen: Any) -> subprocess.Popen:
    """Start ``python WORDS…``, which looks after its parent's end by itself, in a session of its own."""
    root = Path(__file__).resolve().parent.parent
    return subprocess.Popen(
        [sys.executable, *words], env=environment(env), cwd=root, start_new_session=True, **popen
    )


def start_held(words: Sequence[str], **popen: Any) -> subprocess.Popen:
    """Start ``python WORDS…`` and hold it, and all that it starts, to this process's life."""
    holder = ["-m", "flows.children", str(os.getpid()), sys.executable]
    return start([*holder, *words], stdin=subprocess.DEVNULL, **popen)


def main() -> None:
    """Run a command in this process's group until it ends, or the parent does: then nothing of it is left."""
    parent, words = int(sys.argv[1]), sys.argv[2:]
    if command := installed():
        command.release()
    child = subprocess.Popen(words)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the group has it too; the answer is the child's
    while os.getppid() == parent:
        with suppress(subprocess.TimeoutExpired):
            sys.exit(child.wait(0.3))
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
