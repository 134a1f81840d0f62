"""The model itself: two tables, a bag of rows averaged, a product.

Shape suffixes: B bags, N features of all bags, A absent features, R input rows, O output rows,
D vector size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.model import forks  # noqa: F401 - registers what a forked child needs
from ftcore.model.matrices import Matrices, arrays


class Absent(NamedTuple):
    """Features whose bucket has no row in the table: their rows, made on demand, and their bags."""

    rows: Tensor  # float[A, D]
    bag: Tensor  # int64[A], which bag each belongs to

    def to(self, device: torch.device | str) -> Absent:
        """The same on another device."""
        return Absent(self.rows.to(device), self.bag.to(device))


class Bags(NamedTuple):
    """A ragged batch: the rows of bag b are ``ids[offsets[b]:offsets[b + 1]]`` (to the end for the last).

    Example:
        >>> make_bags(np.array([3, 1, 2]), np.array([0, 2, 3])).offsets.tolist()
        [0, 2]
    """

    ids: Tensor  # int64[N], rows of the input table
    offsets: Tensor  # int64[B], where each bag starts
    absent: Absent | None = None

    def to(self, device: torch.device | str) -> Bags:
        """The same on another device."""
        absent = None if self.absent is None else self.absent.to(device)
        return Bags(self.ids.to(device), self.offsets.to(device), absent)

    def __len__(self) -> int:  # number of bags
        return len(self.offsets)


def make_bags(ids: np.ndarray, offsets: np.ndarray, seed: int = 0, dim: int = 0) -> Bags:
    """Tensors of a ragged batch from a `BagCorpus`'s numbering.

    Args:
        ids: int[N], rows of the table; a negative number ``-1 - bucket`` is a bucket without a row.
        offsets: int64[B + 1].
        seed: of the model; makes the rows of absent buckets.
        dim: columns of these rows.
    """
    ids = np.asarray(ids)
    gone = ids < 0
    if not gone.any():
        return Bags(_tensor(ids), _tensor(offsets[:-1]))
    bag = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[gone]
    rows = initial_rows(seed, bucket_numbers(-1 - ids[gone].astype(np.int64)), dim)
    before = np.concatenate([[0], np.cumsum(gone)])  # absent features before each position
    kept = _tensor(offsets[:-1] - before[offsets[:-1]])
    return Bags(_tensor(ids[~gone]), kept, Absent(torch.from_numpy(rows), _tensor(bag)))


class TwoTables(nn.Module):
    """fastText's two matrices: ``input`` [R, D] of features, ``output`` [O, D] of classes or words.

    Source: fastText ``src/model.cc`` ``computeHidden`` and ``src/loss.cc`` ``computeOutput``.

    Args:
        input: float32[R, D], e.g. from `ftcore.dictionary.init.initial_rows`.
        output: float32[O, D]; fastText starts it at zero.
        sparse: give ``input`` sparse gradients. They are quick on large tables, but need SparseAdam or
            plain SGD; see `ftcore.model.optimizers`.

    Example:
        ``TwoTables(torch.randn(10, 4), torch.zeros(2, 4))(ids, offsets)`` -> logits [B, 2].
    """

    def __init__(self, input: Tensor, output: Tensor, sparse: bool = False) -> None:
        super().__init__()
        self.input = nn.Parameter(input)
        self.output = nn.Parameter(output)
        self.sparse = sparse

    @classmethod
    def over(cls, tables: TwoTables | Matrices) -> TwoTables:
        """These tables, or those over the memory of arrays."""
        if isinstance(tables, cls):
            return tables
        input, output = arrays(tables)
        return cls(torch.from_numpy(input), torch.from_numpy(output))

    @property
    def dim(self) -> int:
        """Size D of the vectors."""
        return self.input.shape[1]

    def hidden(self, ids: Tensor, offsets: Tensor, absent: Absent | None = None) -> Tensor:
        """Mean of each bag's rows, absent ones included: [B, D]; zero for an empty bag."""
        if absent is None:
            return F.embedding_bag(ids, self.input, offsets, mode="mean", sparse=self.sparse)
        sum_BD = F.embedding_bag(ids, self.input, offsets, mode="sum", sparse=self.sparse)
        sum_BD = sum_BD.index_add(0, absent.bag, absent.rows.to(sum_BD.dtype))
        ends = torch.cat([offsets[1:], offsets.new_tensor([len(ids)])])
        size_B = ends - offsets + torch.bincount(absent.bag, minlength=len(offsets))
        return sum_BD / size_B.clamp(min=1).unsqueeze(1)

    def forward(self, ids: Tensor, offsets: Tensor, absent: Absent | None = None) -> Tensor:
        """Scores of every output row: hidden · outputᵀ, [B, O]."""
        return self.hidden(ids, offsets, absent) @ self.output.T


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.int64))
