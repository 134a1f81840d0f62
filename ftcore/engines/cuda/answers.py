"""A classifier whose table lies on the device: means and scores of many lines at once, by the engine's kernels.

Text becomes features on the processor's threads, as for the classifier that it stands in for; what is best is found
there too. Scores agree to float32's rounding: sums go in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ftcore import native
from ftcore.base.threads import ahead
from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.dictionary.tokens import text_of_lines
from ftcore.engines.cuda.ops import NO_PADDING, bag_mean
from ftcore.engines.cuda.resident import Resident
from ftcore.errors import IncompatibleModel
from ftcore.inference.classifier import Classifier
from ftcore.inference.predict import Predictor
from ftcore.model.model import Model

_LINES = 4096  # a call of the device


def classifier_on(model: Model, device: str, threads: int | None = None) -> Classifier:
    """A `Classifier` that scores on a device.

    Args:
        device: ``cuda:N``; ``cpu`` for the kernels' twins.
        threads: that make features; default as many as there are cores.

    Raises:
        UserError: a model without a classifier, or one whose rows are codes.

    Example:
        classifier_on(read_model("model"), "cuda:0").predict(texts)
    """
    made = Classifier(model, threads, fold=False)
    made.predictor = DevicePredictor(model.in_float32(), torch.device(device), threads)
    return made


class DevicePredictor(Predictor):
    """A model's answers with its two tables on a device.

    Args:
        classic: the model; it must not change.
        device: where the tables go.
        threads: that make features.

    Raises:
        UserError: the model's rows are codes.
    """

    def __init__(self, classic: Model, device: torch.device, threads: int | None = None) -> None:
        super().__init__(classic, threads, fold=False)
        if self.tables.table is None or self.folded is not None:
            raise IncompatibleModel(
                f"{classic.path or 'the model'} is quantised, its rows are decoded on the processor; set engine=auto"
            )
        self.device = device
        put = Resident(device).copy
        self.input, self.head = put(self.tables.table, np.float32), put(self.output, np.float32)

    def _core(self) -> None:
        """Nothing answers from bytes to labels on a processor alone."""

    def raw(self, lines: Sequence[str | bytes], threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """As `Predictor.raw`; the next lines' features are made while the device scores."""
        told, found = [np.zeros(0, np.bool_)], [torch.zeros(0, len(self.output), device=self.device)]
        for ids, offsets in ahead(self._features, self._cut(lines), threads or self.threads):
            told.append(self._told(ids, offsets))
            found.append(self.hidden(*self.tables.known(ids, offsets)) @ self.head.T)
        return np.concatenate(told), torch.cat(found).cpu().numpy()

    def scores(self, places: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """As `Predictor.scores`."""
        hidden = self.hidden(places, offsets)
        return (hidden if self.kind == native.TREE else hidden @ self.head.T).cpu().numpy()

    def hidden(self, places: np.ndarray, offsets: np.ndarray) -> Tensor:
        """The mean of each line's rows, on the device: float32[B, D]."""
        rows = self.tables.signed(places)
        put, gone = Resident(self.device).copy, rows < 0
        mean = bag_mean(
            self.input, put(np.where(gone, NO_PADDING, rows), np.int32), put(offsets, np.int64), NO_PADDING
        )
        if not gone.any():
            return mean
        # buckets without a row: made from the seed, and a part of the mean like any other
        bag = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        absent = np.bincount(bag[gone], minlength=len(offsets) - 1).astype(np.float32)
        size = np.maximum(np.diff(offsets), 1).astype(np.float32)
        made = initial_rows(self.tables.seed, bucket_numbers(-1 - rows[gone]), self.tables.dim)
        mean = mean * put((size - absent) / size, np.float32)[:, None]
        each = put(made, np.float32) / put(size[bag[gone]], np.float32)[:, None]
        return mean.index_add(0, put(bag[gone], np.int64), each)

    def _features(self, lines: Sequence[str | bytes]) -> tuple[np.ndarray, np.ndarray]:
        ids, offsets, *_ = self.dictionary.line_features(
            text_of_lines(lines), label=self.classic.args.label or None
        )
        return ids, offsets

    @staticmethod
    def _cut(lines: Sequence[str | bytes]) -> Iterator[tuple[Sequence[str | bytes]]]:
        for at in range(0, len(lines), _LINES):
            yield (lines[at : at + _LINES],)
