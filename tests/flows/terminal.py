"""A command on a real terminal (a pseudo-terminal whose foreground group it leads), as a shell starts it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
CTRL_C = b"\x03"


class Terminal:
    """Runs ``python WORDS…`` on a pseudo-terminal; `screen` is all that it showed.

    Example: ``with Terminal("-m", "flows.ui", cwd=folder) as t: t.wait_for("Ctrl-C"); t.press(CTRL_C)``
    """

    def __init__(self, *words: object, cwd: Path, program: str = sys.executable, **environment: str):
        self.master, slave = pty.openpty()
        kept = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [program, *map(str, words)],
            cwd=cwd,
            env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: _own(slave),
        )
        os.close(slave)
        self.shown = bytearray()

    @property
    def screen(self) -> str:
        return self.shown.decode("utf-8", "replace").replace("\r\n", "\n")

    def press(self, keys: bytes = CTRL_C) -> None:
        """Type on the keyboard; Ctrl-C becomes SIGINT for the whole foreground group, by the kernel."""
        os.write(self.master, keys)

    def _read(self, seconds: float) -> bool:
        """Take what is there, waiting `seconds` at most; False once the terminal is closed."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # the last one on the other side is gone
            return False
        self.shown += data
        return bool(data)

    def wait_for(self, text: str, seconds: float = 300) -> None:
        """Until the screen shows `text`."""
        self.wait_until(lambda: text in self.screen, seconds, f"{text!r} on the screen")

    def wait_until(self, true, seconds: float = 300, what: str = "the moment") -> None:
        """Until a condition holds, read on so that the command is not held up."""
        end = time.monotonic() + seconds
        while not true():
            alive = self._read(0.02)
            assert alive and self.process.poll() is None or true(), f"ended before {what}:\n{self.screen}"
            assert time.monotonic() < end, f"no {what} in {seconds} s:\n{self.screen}"

    def prompt(self, seconds: float = 60) -> float:
        """Wait until the command has ended; how long it took."""
        begin = time.monotonic()
        while self.process.poll() is None:
            self._read(0.02)
            assert time.monotonic() - begin < seconds, f"no prompt after {seconds} s:\n{self.screen}"
        took = time.monotonic() - begin
        while select.select([self.master], [], [], 0)[0] and self._read(0):
            pass
        return took

    def group(self) -> list[psutil.Process]:
        """All that live in the foreground group."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getpgid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (OSError, psutil.Error):
                continue
        return found

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


def _own(slave: int) -> None:
    """Make the terminal the controlling one of the session that this process leads."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
