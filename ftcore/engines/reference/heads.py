"""The output side of one chunk, cut into updates: what each hidden vector is scored against.

A *unit* is one hidden vector: a centre (skip-gram), a context bag (CBOW), a document (supervised). An
*example* is a unit with one target: in skip-gram a unit has several, elsewhere one. An update takes
consecutive units. `gradient(k, ...)` answers for update k with one loss and three tensors; whether a
full table (softmax, ova) or single rows (ns, hs) are scored is all that differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ftcore.engines.draws import draw_negatives
from ftcore.engines.reference.gradients import ova_gradient, rows_gradient, softmax_gradient
from ftcore.engines.setup import LossTables


@dataclass(frozen=True)
class Examples:
    """The examples of one chunk, ordered by unit."""

    unit_E: np.ndarray  # int64[E] nondecreasing; which hidden vector
    target_E: np.ndarray  # int64[E] row of the output table: a word or a label
    units: int
    per_update: int  # units an update
    weight_E: np.ndarray | None = None  # float32[E] class weights
    truth_EC: np.ndarray | None = None  # float32[E, C] all labels, for ova

    @property
    def cuts(self) -> np.ndarray:
        """int64[updates + 1]: where each update's examples start."""
        return np.searchsorted(self.unit_E, np.arange(0, self.units + self.per_update, self.per_update))


@dataclass(frozen=True)
class HeadGradient:
    """Loss of one update, gradient of its hidden vectors and of output rows (None: the whole table)."""

    loss: Tensor  # []
    hidden_BD: Tensor
    row_T: Tensor | None
    output_TD: Tensor


class DenseHead:
    """Softmax and one-against-all: every row of the output table takes part in every example."""

    def __init__(self, loss: str, examples: Examples, device: torch.device):
        self.softmax = loss == "softmax"
        sizes = np.diff(examples.cuts).tolist()
        targets = examples.target_E if self.softmax else examples.truth_EC
        assert targets is not None
        self.target = to_device(targets, device).split(sizes)
        self.unit = to_device(examples.unit_E % examples.per_update, device).split(sizes)
        weight = examples.weight_E
        self.weight = [None] * len(sizes) if weight is None else to_device(weight, device).split(sizes)
        # one example a unit: hidden vectors and examples are the same list, nothing to gather
        self.single = len(examples.unit_E) == examples.units

    def gradient(self, k: int, hidden_BD: Tensor, output_CD: Tensor) -> HeadGradient:
        """Loss and gradients of update k: hidden [B, D], the whole output table [C, D]."""
        unit_E = self.unit[k]
        hidden_ED = hidden_BD if self.single else hidden_BD.index_select(0, unit_E)
        closed_form = softmax_gradient if self.softmax else ova_gradient
        loss, grad_ED, grad_CD = closed_form(hidden_ED, output_CD, self.target[k], self.weight[k])
        if not self.single:
            grad_ED = torch.zeros_like(hidden_BD).index_add_(0, unit_E, grad_ED)
        return HeadGradient(loss, grad_ED, None, grad_CD)


class RowsHead:
    """Negative sampling and the Huffman tree: each example is scored against a few output rows."""

    def __init__(
        self,
        row_T: np.ndarray,
        truth_T: np.ndarray,
        size_E: np.ndarray,
        examples: Examples,
        device: torch.device,
    ) -> None:
        unit_T = np.repeat(examples.unit_E % examples.per_update, size_E)
        stops = np.concatenate([[0], np.cumsum(size_E)])
        sizes = np.diff(stops[examples.cuts]).tolist()
        self.row = to_device(row_T, device).split(sizes)
        self.truth = to_device(truth_T, device).split(sizes)
        self.unit = to_device(unit_T, device).split(sizes)
        weight = examples.weight_E
        if weight is None:
            self.weight = [None] * len(sizes)
        else:
            self.weight = to_device(np.repeat(weight, size_E), device).split(sizes)
        self.repeats: np.ndarray | None = None  # bool[updates]: some row occurs twice in a batch-1 update

    @classmethod
    def negatives(
        cls,
        targets: LossTables,
        examples: Examples,
        neg: int,
        rng: np.random.Generator,
        device: torch.device,
    ) -> RowsHead:
        """The target with truth 1, then `neg` drawn rows with truth 0."""
        target_E = examples.target_E
        drawn_EN = draw_negatives(targets.negatives, target_E, neg, rng)
        row_EK = np.concatenate([target_E[:, None], drawn_EN], axis=1)
        truth_EK = np.zeros(row_EK.shape, dtype=np.float32)
        truth_EK[:, 0] = 1
        head = cls(row_EK.ravel(), truth_EK.ravel(), np.full(len(target_E), neg + 1), examples, device)
        if examples.per_update == 1:
            head.repeats = (np.diff(np.sort(row_EK, axis=1), axis=1) == 0).any(axis=1)
        return head

    @classmethod
    def tree(cls, targets: LossTables, examples: Examples, device: torch.device) -> RowsHead:
        """The nodes from the target's leaf to the root, truth its Huffman code."""
        assert targets.paths is not None and targets.codes is not None
        path, code = targets.paths.take(examples.target_E), targets.codes.take(examples.target_E)
        return cls(path.values.astype(np.int64), code.values.astype(np.float32), path.sizes, examples, device)

    def gradient(self, k: int, hidden_BD: Tensor, output_CD: Tensor) -> HeadGradient:
        """Loss and gradients of update k: hidden [B, D], the rows that it scores [C, D]."""
        args = (self.row[k], self.truth[k], self.unit[k], self.weight[k])
        loss, grad_BD, grad_TD = rows_gradient(hidden_BD, output_CD, *args)
        return HeadGradient(loss, grad_BD, self.row[k], grad_TD)

    def one_by_one(self, k: int, hidden_BD: Tensor, output_CD: Tensor, step: float) -> HeadGradient | None:
        """Batch 1 with a negative drawn twice: fastText's second visit sees the row its first one moved.

        Updates the output rows in place; returns the gradient of hidden, or None if no row repeats.
        """
        if self.repeats is None or not self.repeats[k]:
            return None
        loss, grad_BD = hidden_BD.new_zeros(()), torch.zeros_like(hidden_BD)
        weight = self.weight[k]
        for t in range(len(self.row[k])):
            one = slice(t, t + 1)
            row, truth, unit = self.row[k][one], self.truth[k][one], self.unit[k][one]
            part = rows_gradient(
                hidden_BD, output_CD, row, truth, unit, None if weight is None else weight[one]
            )
            output_CD.index_add_(0, row, part[2], alpha=-step)
            loss, grad_BD = loss + part[0], grad_BD.add_(part[1])
        return HeadGradient(loss, grad_BD, None, output_CD.new_empty(0))


def make_head(
    targets: LossTables, examples: Examples, neg: int, rng: np.random.Generator, device: torch.device
) -> DenseHead | RowsHead:
    """The head of a chunk; draws the chunk's negatives where the loss is ns."""
    if targets.loss == "ns":
        return RowsHead.negatives(targets, examples, neg, rng, device)
    if targets.loss == "hs":
        return RowsHead.tree(targets, examples, device)
    return DenseHead(targets.loss, examples, device)


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """One copy a chunk and array, not one an update."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)
