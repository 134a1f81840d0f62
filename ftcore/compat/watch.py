"""What a training says while it runs: the original's three lines of counts, a bar, and the user's callbacks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from ftcore.training.progress import Listener, Progress, TerminalListener, describe

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary


class Watch(contextlib.AbstractContextManager):
    """Progress on standard error, as ``verbose`` asks: 0 nothing, 1 counts and the last state, 2 all.

    Args:
        callbacks: one, or several, told after every chunk of work, behind the bar.
    """

    def __init__(
        self, verbose: int, callbacks: Sequence[Callable] = (), stream: TextIO | None = None
    ) -> None:
        self.verbose, self.stream = verbose, stream or sys.stderr
        self._bar = TerminalListener(self.stream) if verbose > 1 else None
        self._last: Progress | None = None
        own: list[Listener] = [self._bar or self._remember] if verbose > 0 else []
        self.listeners: list[Listener] = [*own, *([callbacks] if callable(callbacks) else callbacks)]

    def _remember(self, progress: Progress) -> None:
        self._last = progress

    def read(self, dictionary: Dictionary) -> None:
        """``Dictionary::readFromFile``'s report."""
        if self.verbose > 0:
            print(f"Read {dictionary.ntokens // 1_000_000}M words", file=self.stream)
            print(f"Number of words:  {dictionary.nwords}", file=self.stream)
            print(f"Number of labels: {dictionary.nlabels}", file=self.stream, flush=True)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._last is not None:
            print(f"{self._last.stage} {describe(self._last)}", file=self.stream, flush=True)
