"""A search for hyperparameters, drawn in a terminal: time, trials, the best so far."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from ftcore.training.autotune import Trial
from ftcore.training.progress import Closable, bar_of

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class SearchBar(Closable):
    """A rich bar in a terminal; elsewhere a plain line for every new best and every `seconds`.

    Use as a context manager::

        with SearchBar(300) as bar:
            autotune(..., duration=300, on_trial=bar.trial, on_progress=bar.elapsed)
    """

    def __init__(self, duration: float, stream: TextIO | None = None, seconds: float = 30.0) -> None:
        self.duration, self.stream, self.seconds = duration, stream or sys.stderr, seconds
        self.trials, self.best = 0, float("nan")
        self._spoke = time.monotonic()
        self._bar: Bar | None = None
        if hasattr(self.stream, "isatty") and self.stream.isatty():
            from rich.progress import TimeRemainingColumn

            self._bar = bar_of(self.stream, "autotune", duration, 20, TimeRemainingColumn())
            self.elapsed(0)

    def close(self) -> None:
        """Leave the bar as it stands and give the terminal back."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def trial(self, trial: Trial) -> None:
        """Take one finished trial."""
        self.trials += 1
        if trial.best:
            self.best = trial.score
            self._say(f"trial {trial.number}  {describe(trial)}")
        self.elapsed(trial.begun + trial.seconds)

    def elapsed(self, seconds: float) -> None:
        """The search is so old."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=min(seconds, self.duration), state=self.state())
        elif time.monotonic() - self._spoke >= self.seconds:
            self._say(f"autotune {seconds / self.duration:6.1%}  {self.state()}")

    def state(self) -> str:
        """One line: trials and best score."""
        best = "unknown" if self.best != self.best else f"{self.best:.4f}"
        return f"trials {self.trials}  best score {best}"

    def _say(self, line: str) -> None:
        self._spoke = time.monotonic()
        if self._bar is not None:
            self._bar.console.print(line, highlight=False)
        else:
            print(line, file=self.stream, flush=True)


def describe(trial: Trial) -> str:
    """One line: what came of a trial, and its arguments.

    Example:
        >>> from ftcore.config import Finetune
        >>> from ftcore.training.search import Settings
        >>> describe(Trial(1, Settings(Finetune(dim=100)), "scored", 0.5, True, 0.0, 1.5))
        'score 0.5000  epoch 5  lr 0.1  dim 100  word_ngrams 1  minn 0  maxn 0  1.5 s'
    """
    options = trial.settings.options
    own = ("epoch", "lr", "dim") if options.head == "sgd" else ("head",)
    shown = (*own, "word_ngrams", "minn", "maxn")
    values = "  ".join(f"{name} {getattr(options, name)}" for name in shown)
    buckets = f"  bucket {options.bucket}" if options.word_ngrams > 1 or options.maxn else ""
    what = f"score {trial.score:.4f}" if trial.outcome == "scored" else trial.outcome
    return f"{what}  {values}{buckets}  {trial.seconds:.1f} s"
