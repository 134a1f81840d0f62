"""Initial vectors: U(-1/dim, 1/dim), each value a pure function of (seed, row number, column).

fastText draws its input table from one stream of random numbers per thread (``densematrix.cc``,
``uniform``), so that a row's start depends on the size of the table. Here no value depends on another:
a bucket that never occurred needs no memory, because its row can be made when it is asked for, and
equals the row a table with all buckets would hold. Only integer arithmetic and two exact float32
steps are used, so the bits are the same on every platform.
"""

from __future__ import annotations

import numpy as np

from ftcore.model.kernel import kernel

_BUCKETS = 1 << 40  # words are numbered from 0, buckets from here: the two never meet


def word_numbers(ids: np.ndarray | int) -> np.ndarray:
    """Row numbers of words by id; an int n stands for the words 0..n-1. int64[n]"""
    return np.arange(ids, dtype=np.int64) if isinstance(ids, int) else np.asarray(ids, np.int64)


def bucket_numbers(buckets: np.ndarray) -> np.ndarray:
    """Row numbers of hash buckets (independent of how many words there are). int64[n]"""
    return np.asarray(buckets, np.int64) + _BUCKETS


def initial_rows(seed: int, row_numbers: np.ndarray, dim: int, out: np.ndarray | None = None) -> np.ndarray:
    """Initial vectors of some rows: float32[n, dim] in [-1/dim, 1/dim).

    Args:
        seed: of the model.
        row_numbers: int64[n], from `word_numbers` or `bucket_numbers`, in any order.
        dim: size of a vector.
        out: float32[n, dim] to fill, or None for a new array.

    >>> a = initial_rows(7, bucket_numbers(np.array([5, 9])), 4)
    >>> b = initial_rows(7, bucket_numbers(np.array([9])), 4)
    >>> bool((a[1] == b[0]).all())
    True
    """
    numbers = np.ascontiguousarray(row_numbers, np.int64)
    out = np.empty((len(numbers), dim), np.float32) if out is None else out
    _fill(np.uint64(seed), numbers.view(np.uint64), out, np.float32(1) / np.float32(dim))
    return out


@kernel
def _mix(x):
    """The finaliser of splitmix64: a bijection of 64 bits that spreads every bit over all."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
def _fill(seed, numbers, out, bound):
    golden = np.uint64(0x9E3779B97F4A7C15)
    start = _mix(seed + golden)
    for i in range(out.shape[0]):
        state = _mix(start ^ (numbers[i] * golden + np.uint64(1)))
        for j in range(out.shape[1]):
            state += golden
            # 24 bits: 2u - 1 is exact in float32, so the product is rounded once, alike everywhere
            unit = np.float32(np.int32(_mix(state) >> np.uint64(40))) * np.float32(2.0**-23)
            out[i, j] = (unit - np.float32(1)) * bound
