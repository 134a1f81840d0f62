"""Epochs of chunks, whatever is trained: progress, checkpoints, interruption, divergence.

A chunk is the unit that is never torn: tables, position and listeners agree at its border, so that is
where a checkpoint is taken, also on Ctrl-C. All that follows from the seed is drawn per (epoch, chunk),
hence a resumed run equals one that never stopped, byte for byte.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from ftcore.base.interruption import installed
from ftcore.engines.interface import Engine, Rate, StepResult
from ftcore.errors import Diverged
from ftcore.model.matrices import Matrices, as_array, assign, move
from ftcore.training.checkpoints import State
from ftcore.training.conditions import Conditions
from ftcore.training.progress import Progress, notify

if TYPE_CHECKING:
    from torch import Tensor

    from ftcore.model.module import TwoTables


Chunks = Callable[[int], int]
TrainChunk = Callable[[int, int, Rate], StepResult]
EndEpoch = Callable[[int], dict[str, float]]


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training; `tables` are the ones passed in, trained in place."""

    tables: TwoTables | Matrices
    history: list[dict[str, float]]  # an epoch each: epoch (1-based), loss, lr, valid_* scores
    tokens: int
    updates: int
    seconds: float  # of training, over all processes of a resumed run
    engine: str
    device: str
    best_epoch: int | None = None  # 1-based, where a validation set was given
    stopped_early: bool = False
    resumed: bool = False

    @property
    def words_per_second(self) -> float:
        """Tokens over seconds."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclass
class Position:
    """Where training stands; exactly what JSON can hold."""

    epoch: int = 0
    chunk: int = 0  # of the epoch, the next to train
    tokens: int = 0
    updates: int = 0
    loss: float = 0.0  # sums since the epoch began
    examples: int = 0
    seconds: float = 0.0
    history: list[dict[str, int | float]] = field(default_factory=list)
    best_epoch: int | None = None
    best_score: list[float] | None = None  # two numbers
    stopped_early: bool = False

    @classmethod
    def read(cls, values: Any) -> Position | None:
        """A position from JSON; None where it cannot be one."""
        names = {one.name for one in fields(cls)}
        if not isinstance(values, dict) or not values.keys() <= names:
            return None
        place = cls(**values)
        counts = [
            place.epoch,
            place.chunk,
            place.tokens,
            place.updates,
            place.examples,
            place.best_epoch or 0,
        ]
        score = [0.0, 0.0] if place.best_score is None else place.best_score
        fit = (
            all(type(count) is int and 0 <= count < 1 << 62 for count in counts)
            and (place.best_epoch is None or type(place.best_epoch) is int)
            and _are_numbers([place.loss, place.seconds])
            and place.seconds >= 0
            and isinstance(place.history, list)
            and all(isinstance(one, dict) and _are_numbers([*one.values()]) for one in place.history)
            and (isinstance(score, list) and len(score) == 2 and _are_numbers(score))
            and type(place.stopped_early) is bool
        )
        return place if fit else None


def _are_numbers(values: list[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)


class Loop:
    """Drives one training.

    Args:
        stage: name in progress reports and errors.
        tables: trained in place; on the engine's device while it runs.
        epochs: passes.
        total: tokens of all passes together.
        lr: learning rate by tokens processed since the beginning.
        key: what a checkpoint must match to be resumed.
        advice: how to mend a training that diverged.
    """

    def __init__(
        self,
        stage: str,
        tables: TwoTables | Matrices,
        engine: Engine,
        conditions: Conditions,
        *,
        epochs: int,
        total: int,
        lr: Rate,
        key: str,
        advice: str,
    ) -> None:
        self.stage, self.tables, self.engine = stage, tables, engine
        self.epochs, self.total, self.lr, self.advice = epochs, total, lr, advice
        self.listeners, self.checkpoint, self.key = conditions.listeners, conditions.checkpoint, key
        self.position = Position()
        self.best: dict[str, Any] = {}  # the tables of the best epoch so far
        self.resumed = False

    def run(
        self,
        chunks: Chunks,
        train: TrainChunk,
        end_epoch: EndEpoch | None = None,
    ) -> TrainingResult:
        """Train what is left.

        Args:
            chunks: epoch -> how many chunks it has.
            train: (epoch, chunk, lr by tokens of this chunk) -> result.
            end_epoch: epoch -> validation scores; may set `position.stopped_early` and keep `best`.
        """
        home = move(self.tables, self.engine.device)
        self._resume()
        started, before = time.perf_counter(), self.position.tokens
        done_seconds = self.position.seconds
        try:
            with self._stoppable() as asked:
                while self.position.epoch < self.epochs and not self.position.stopped_early:
                    self._one_chunk(chunks, train, end_epoch, started, before, done_seconds)
                    if self.checkpoint and (asked or self.checkpoint.due):
                        self._save()
                    if asked:
                        raise KeyboardInterrupt
        finally:
            move(self.tables, home)
        place = self.position
        return TrainingResult(
            self.tables, place.history, place.tokens, place.updates, place.seconds,
            self.engine.name, str(self.engine.device), place.best_epoch, place.stopped_early, self.resumed,
        )  # fmt: skip

    def _one_chunk(
        self,
        chunks: Chunks,
        train: TrainChunk,
        end_epoch: EndEpoch | None,
        started: float,
        before: int,
        done_seconds: float,
    ) -> None:
        place = self.position
        epoch, count = place.epoch, chunks(place.epoch)
        if place.chunk < count:
            base = place.tokens
            result = train(epoch, place.chunk, lambda done: self.lr(base + done))
            self._check(result)
            place.chunk += 1
            place.tokens += result.tokens
            place.updates += result.updates
            place.loss += result.loss
            place.examples += result.examples
        loss = place.loss / place.examples if place.examples else float("nan")
        rate = self.lr(place.tokens)
        scores: dict[str, float] = {}
        ended = place.chunk >= count
        if ended:
            scores = end_epoch(epoch) if end_epoch else {}
            valid = {f"valid_{name}": value for name, value in scores.items()}
            place.history.append({"epoch": epoch + 1, "loss": loss, "lr": rate, **valid})
            place.epoch, place.chunk, place.loss, place.examples = epoch + 1, 0, 0.0, 0
        elapsed = time.perf_counter() - started
        place.seconds = done_seconds + elapsed
        speed = (place.tokens - before) / elapsed
        report = Progress(
            self.stage, place.updates, place.tokens, self.total, loss, rate, speed, scores, epoch, ended
        )
        try:
            notify(self.listeners, report)
        except KeyboardInterrupt:  # the state is whole here, so it is worth keeping
            self._save()
            raise

    def _check(self, result: StepResult) -> None:
        if result.broken is None:
            return
        step = self.position.updates + result.broken + 1
        raise Diverged(
            f"Encountered NaN. {self.stage}: the loss is not a number any more at step {step} "
            f"(lr {self.lr(self.position.tokens):.4g}); {self.advice}"
        )

    def _resume(self) -> None:
        state = self.checkpoint.load(self.key) if self.checkpoint else None
        if state is None or self.checkpoint is None:
            return
        tables = {"input": self.tables.input, "output": self.tables.output}
        tensors = state.tensors
        wanted = {*tables, *(f"best_{name}" for name in tables if f"best_{name}" in tensors)}
        fit = tensors.keys() == wanted and len(wanted) % 2 == 0
        for name, tensor in tensors.items() if fit else ():
            table = tables[name.removeprefix("best_")]
            kind = str(table.dtype).removeprefix("torch.")
            fit = fit and tensor.shape == table.shape and str(tensor.dtype) == kind
        place = Position.read(state.position)
        if (
            not fit
            or place is None
            or place.epoch > self.epochs
            or (place.best_epoch is None) != (place.best_score is None)
        ):
            self.checkpoint.refuse("is damaged (its position or its tables are not those of this training)")
            return
        assign(self.tables, {name: tensors[name] for name in tables})
        self.best = {name: tensors[f"best_{name}"] for name in tables if f"best_{name}" in tensors}
        self.position, self.resumed = place, True

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        tensors: dict[str, Any] = {"input": self.tables.input, "output": self.tables.output}
        tensors |= {f"best_{name}": tensor for name, tensor in self.best.items()}
        self.checkpoint.save(State(tensors, asdict(self.position)), self.key)

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[list[int]]:
        """Ctrl-C waits for the chunk's end (a second or so); a second Ctrl-C does not.

        Only where Python's own handler or a command's (`ftcore.base.interruption`) is in place and this is the
        main thread: a handler that someone else installed (a notebook's) stays.
        """
        asked: list[int] = []
        main = threading.current_thread() is threading.main_thread()
        command = installed()
        if self.checkpoint is not None and main and command is not None:
            with command.postponed() as asked:
                yield asked
            return
        if (
            self.checkpoint is None
            or not main
            or signal.getsignal(signal.SIGINT) != signal.default_int_handler
        ):
            yield asked
            return

        def remember(number: int, frame: FrameType | None) -> None:
            if asked:
                signal.default_int_handler(number, frame)
            asked.append(number)

        signal.signal(signal.SIGINT, remember)
        try:
            yield asked
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def content_key(*parts: str | np.ndarray | Tensor) -> str:
    """One digest (xxh3, 32 hex digits) of texts and arrays: what a checkpoint belongs to."""
    sums = xxhash.xxh3_128()
    for part in parts:
        if isinstance(part, str):
            sums.update(part.encode())
        else:
            array = as_array(part)
            sums.update(f"{array.dtype}{array.shape}".encode())
            flat = np.ascontiguousarray(array).reshape(-1)
            for start in range(0, len(flat), 1 << 22):
                sums.update(flat[start : start + (1 << 22)].data)
    return sums.hexdigest()
