"""What training tells its listeners, and the listener that draws it in a terminal.

Every listener (this one, TensorBoard, MLflow in `tasks/tracking.py`) is a function of one `Progress`.
"""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn

STEP = 0.05  # of a training, between two ends of epochs that are told


@dataclass(frozen=True)
class Progress:
    """One report, after every chunk; `validation` is filled where an epoch ended with a validation set."""

    stage: str  # pretrain, finetune
    step: int  # updates so far
    done: int  # tokens so far
    total: int  # tokens of the whole training
    loss: float  # nats an example, mean since the epoch began
    lr: float
    words_per_second: float  # since this process began to train
    validation: dict[str, float] = field(default_factory=dict)
    epoch: int = 0  # 0-based; the one just ended where `epoch_end`
    epoch_end: bool = False

    @property
    def eta_seconds(self) -> float:
        """Seconds left at this speed; infinite before there is one."""
        left = max(self.total - self.done, 0)
        return left / self.words_per_second if self.words_per_second > 0 else float("inf")


Listener = Callable[[Progress], None]


def notify(listeners: Sequence[Listener], progress: Progress) -> None:
    """Tell every listener, in order. A listener's error is the caller's: it stops the training."""
    for listener in listeners:
        listener(progress)


class Closable(ABC):
    """What is closed where its ``with`` ends, however that comes about."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Give back what is held; a second call does nothing."""


class TerminalListener(Closable):
    """A rich bar in a terminal; elsewhere a plain line every `seconds` and at ends of epochs.

    Use as a context manager, so that the bar is closed when training fails::

        with TerminalListener() as show:
            pretrain(..., listeners=[show])
    """

    def __init__(self, stream: TextIO | None = None, seconds: float = 5.0):
        self.stream = stream or sys.stderr
        self.seconds = seconds
        self._spoke = self._told = -float("inf")
        self._bar: Bar | None = None
        self._terminal = hasattr(self.stream, "isatty") and self.stream.isatty()

    def __call__(self, progress: Progress) -> None:
        """Draw the bar, or write a line where there is no terminal."""
        if self._terminal:
            self._draw(progress)
        elif self._is_told(progress) or time.monotonic() - self._spoke >= self.seconds:
            self._spoke = time.monotonic()
            share = progress.done / max(progress.total, 1)
            print(f"{progress.stage} {share:6.1%}  {describe(progress)}", file=self.stream, flush=True)

    def _is_told(self, progress: Progress) -> bool:
        """Whether an epoch's end gets a line: of a hundred short ones a twentieth at a time."""
        share = progress.done / max(progress.total, 1)
        told = progress.epoch_end and (share >= 1 or share - self._told >= STEP)
        if told:
            self._told = share
        return told

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = bar_of(self.stream, progress.stage, progress.total, width=10)
        state = describe(replace(progress, validation={}))
        self._bar.update(self._bar.task_ids[0], completed=progress.done, state=state)
        if progress.validation and self._is_told(progress):  # above the bar, to stay
            scores = f"{progress.stage} epoch {progress.epoch + 1}  {_scores(progress.validation)}"
            self._bar.console.print(scores, highlight=False)
        if progress.done >= progress.total:
            self.close()

    def close(self) -> None:
        """Leave the bar as it stands and give the terminal back."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def bar_of(stream: TextIO, name: str, total: float, width: int, *more: ProgressColumn) -> Bar:
    """A bar that is shown, of one task: its name, its share, and ``state``, a text told with every update."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    parts = (BarColumn(bar_width=width), TaskProgressColumn(), TextColumn("{task.fields[state]}"), *more)
    bar = Bar(TextColumn("{task.description}"), *parts, console=Console(file=stream))
    bar.start()
    bar.add_task(name, total=total, state="")
    return bar


def describe(progress: Progress) -> str:
    """One line: loss, lr, speed, time left, validation.

    Example:
        >>> describe(Progress("pretrain", 10, 500, 1000, 1.5, 0.025, 100.0))
        'epoch 1  loss 1.5000  lr 0.02500  100 words/s  eta 0:05'
    """
    text = (
        f"epoch {progress.epoch + 1}  loss {progress.loss:.4f}  lr {progress.lr:.5f}  "
        f"{progress.words_per_second:,.0f} words/s  eta {_clock(progress.eta_seconds)}"
    )
    return f"{text}  {_scores(progress.validation)}" if progress.validation else text


def _scores(validation: dict[str, float]) -> str:
    return "  ".join(f"valid {name} {value:.4f}" for name, value in validation.items())


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
