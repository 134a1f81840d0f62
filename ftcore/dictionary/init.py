"""Initial vectors: U(-1/dim, 1/dim), each value a pure function of (seed, row number, column).

fastText draws its input table from one stream of random numbers per thread (``densematrix.cc``,
``uniform``), so that a row's start depends on the size of the table. Here no value depends on another:
a bucket that never occurred needs no memory, because its row can be made when it is asked for, and
equals the row a table with all buckets would hold. The arithmetic is `native/kernels/initial.cc`'s: the bits are the
same on every platform.
"""

from __future__ import annotations

import numpy as np

from ftcore import native
from ftcore.base.cores import usable_threads
from ftcore.base.threads import ahead

_SPLIT = 1 << 20  # numbers that threads are worth starting for
_BUCKETS = 1 << 40  # words are numbered from 0, buckets from here: the two never meet


def word_numbers(ids: np.ndarray | int) -> np.ndarray:
    """Row numbers of words by id; an int n stands for the words 0..n-1: int64[n]."""
    return np.arange(ids, dtype=np.int64) if isinstance(ids, int) else np.asarray(ids, np.int64)


def bucket_numbers(buckets: np.ndarray) -> np.ndarray:
    """Row numbers of hash buckets (independent of how many words there are): int64[n]."""
    return np.asarray(buckets, np.int64) + _BUCKETS


def initial_rows(
    seed: int, row_numbers: np.ndarray, dim: int, out: np.ndarray | None = None, threads: int | None = 1
) -> np.ndarray:
    """Initial vectors of some rows: float32[n, dim] in [-1/dim, 1/dim).

    Args:
        seed: of the model.
        row_numbers: int64[n], from `word_numbers` or `bucket_numbers`, in any order.
        dim: size of a vector.
        out: float32[n, dim] to fill, or None for a new array.
        threads: that fill it where it is large, None takes one a core; the values do not depend on it.

    Example:
        >>> a = initial_rows(7, bucket_numbers(np.array([5, 9])), 4)
        >>> b = initial_rows(7, bucket_numbers(np.array([9])), 4)
        >>> bool((a[1] == b[0]).all())
        True
    """
    numbers = np.ascontiguousarray(row_numbers, np.int64)
    out = np.empty((len(numbers), dim), np.float32) if out is None else out
    start, threads = int(np.uint64(seed)), usable_threads(threads)
    if threads == 1 or out.size < _SPLIT:
        native.initial_rows(start, numbers, out)
        return out
    cuts = np.linspace(0, len(numbers), threads + 1).astype(np.int64)
    fill = lambda a, b: native.initial_rows(start, numbers[a:b], out[a:b])  # noqa: E731
    list(ahead(fill, zip(cuts[:-1], cuts[1:], strict=True), threads))
    return out
