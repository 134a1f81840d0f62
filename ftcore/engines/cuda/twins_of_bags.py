"""`bag_kernels` in plain torch: what they mean, and what runs on processors and in deterministic mode."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ftcore.engines.cuda.twins import sums


class Segments(NamedTuple):
    """The occurrences of each row, together: what moves a row once, in one fixed order."""

    rows: Tensor  # int64[n], each once
    starts: Tensor  # int64[n + 1]
    bags: Tensor  # int64[N]


class Occurrences(NamedTuple):
    """Every id that is not padding, with its bag; and what each bag's mean divides by."""

    rows: Tensor  # int64[N]
    bags: Tensor  # int64[N]
    sizes: Tensor  # float32[B], 1 at least


def occurrences(ids: Tensor, offsets: Tensor, padding: int) -> Occurrences:
    """Of the ids of bags ``ids[offsets[b]:offsets[b + 1]]``."""
    bags = torch.repeat_interleave(
        torch.arange(len(offsets) - 1, device=ids.device), offsets.diff(), output_size=len(ids)
    )
    real = ids != padding
    rows, bags = ids[real].long(), bags[real]
    sizes = torch.bincount(bags, minlength=len(offsets) - 1).clamp(min=1).float()
    return Occurrences(rows, bags, sizes)


def segments(found: Occurrences) -> Segments:
    """The occurrences row by row; within a row in the order of the text."""
    rows, order = found.rows.sort(stable=True)
    each, count = torch.unique_consecutive(rows, return_counts=True)
    return Segments(each, torch.cat([count.new_zeros(1), count.cumsum(0)]), found.bags[order])


def mean(table: Tensor, ids: Tensor, offsets: Tensor, padding: int) -> Tensor:
    """`mean_kernel`: float32[B, D]."""
    found = occurrences(ids, offsets, padding)
    return sums(table, found.rows, found.bags, len(offsets) - 1) / found.sizes[:, None]


def scatter(table: Tensor, ids: Tensor, offsets: Tensor, grad: Tensor, scale: float, padding: int) -> None:
    """`scatter_kernel`: adds to the table."""
    found = occurrences(ids, offsets, padding)
    table.index_add_(0, found.rows, (grad * (scale / found.sizes)[:, None])[found.bags])


def adagrad(table: Tensor, state: Tensor, given: Segments, grad: Tensor, lr: float, eps: float) -> None:
    """`adagrad_kernel`: changes the table and the state."""
    of = torch.repeat_interleave(torch.arange(len(given.rows), device=grad.device), given.starts.diff())
    total = torch.zeros(len(given.rows), grad.shape[1], device=grad.device)
    total.index_add_(0, of, grad[given.bags])
    squares = state[given.rows] + total * total
    state[given.rows] = squares
    table[given.rows] -= lr * total / (squares.sqrt() + eps)
