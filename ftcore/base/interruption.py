"""Ctrl-C, SIGTERM and a closed terminal, as a command takes them: it ends soon, and within seconds whatever it does.

The first signal raises `KeyboardInterrupt` in the main thread (a training first ends its chunk and saves). What
still lives `GRACE` seconds later is tidied up and ended by a watcher; a second signal ends it at once. The
watcher hears of signals through `signal.set_wakeup_fd`, since Python's handlers wait while compiled code runs.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

GRACE = 2.0  # seconds for an orderly end
TIDYING = 1.0  # seconds for what the watcher then does
TOGETHER = 0.25  # seconds within which a signal is the first one again: make passes on what its group got too
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """The handler of a command's signals; `install` makes it the process's own.

    Attributes:
        number: the signal that came first; 0 before.
        orderly: whether somebody catches `KeyboardInterrupt` now; the process ends at once where nobody does.
        farewell: gives the last line that the user sees.
        tidy: what is to be closed elsewhere before the process ends, see `tidy_up`.
    """

    def __init__(self) -> None:
        self.number = 0
        self.orderly = False
        self.farewell: Callable[[], str] = lambda: "interrupted before any work was done"
        self.tidy: list[Callable[[], None]] = []
        self._raised = False
        self._postponed: list[int] | None = None
        self._saying = threading.Lock()

    def install(self) -> Interruption:
        """Take over the signals that nobody handles or ignores (a shell's background jobs ignore SIGINT)."""
        global _installed
        _installed = self
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(reader,), daemon=True, name="interruption").start()
        for number in SIGNALS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self)
        return self

    def release(self) -> None:
        """Give the signals back to Python, in a process that turns out to be no command."""
        global _installed
        _installed = None
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            if signal.getsignal(number) is self:
                signal.signal(
                    number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                )

    def take(self, number: int) -> None:
        """Handle a signal again that somebody else (Prefect) has taken since."""
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, self)

    @property
    def code(self) -> int:
        """The exit code, as shells give it: 130 after Ctrl-C, 143 after SIGTERM, 129 without a terminal."""
        return 128 + self.number

    @contextmanager
    def postponed(self) -> Iterator[list[int]]:
        """The first signal only fills the list while the block runs; whoever runs it raises when ready."""
        asked: list[int] = []
        self._postponed = asked
        try:
            yield asked
        finally:
            self._postponed = None

    def __call__(self, number: int, frame: object) -> None:
        """Python's handler; later signals are the watcher's."""
        if self._raised:
            return
        self._raised = True
        self.number = self.number or number
        if not self.orderly:
            self.leave()
        if self._postponed is not None:
            self._postponed.append(number)
            return
        raise KeyboardInterrupt

    def tidy_up(self) -> None:
        """Do what is in `tidy`, side by side and for a second at most."""
        threads = [threading.Thread(target=_quietly, args=(work,), daemon=True) for work in self.tidy]
        for thread in threads:
            thread.start()
        end = time.monotonic() + TIDYING
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def leave(self) -> None:
        """Show the last line and end the process, without waiting for any thread."""
        if self._saying.acquire(blocking=False):
            try:
                line = self.farewell()
            except Exception:  # told while anything may be half done
                line = "interrupted"
            cursor = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar may have hidden it
            with suppress(OSError):  # the terminal is gone
                os.write(2, f"{cursor}\n{line}\n".encode(errors="replace"))
            os._exit(self.code)
        time.sleep(TIDYING)  # the other thread is at it
        os._exit(self.code)

    def _watch(self, reader: int) -> None:
        first = 0.0
        while True:
            left = max(0.0, first + GRACE - time.monotonic()) if first else None
            if not select.select([reader], [], [], left)[0]:
                break
            for number in os.read(reader, 64):
                if number not in SIGNALS or signal.getsignal(number) == signal.SIG_IGN:
                    continue
                if not first:
                    first = time.monotonic()
                    self.number = self.number or number
                    if not self.orderly:
                        self.leave()
                elif time.monotonic() - first > TOGETHER:
                    self.leave()
        self.tidy_up()
        self.leave()


_installed: Interruption | None = None


def installed() -> Interruption | None:
    """The handler of this process, where it is a command."""
    return _installed


def interrupted() -> bool:
    """Whether a signal has asked this process to end."""
    return _installed is not None and _installed.number != 0


def _quietly(work: Callable[[], None]) -> None:
    with suppress(Exception):
        work()
