"""The whole input of a model that was trained with rows for occurring buckets only.

fastText's own training has a row for every bucket. Here a bucket that never occurred has none in
memory; its row is the one it started from, which `initial_rows` makes from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import numpy as np

from ftcore.base.cores import cores
from ftcore.base.threads import ahead
from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.model.model import Model

_ROWS = 1 << 12  # made at a time


def write_all_rows(file: IO[bytes], classic: Model) -> None:
    """Write the rows of all words and buckets: float32[nwords + bucket, D], little-endian.

    Rows are made some at a time by a few threads while others are written.
    """
    nwords = classic.dictionary.nwords
    table = np.asarray(classic.input)
    _write_rows(file, table[:nwords])
    threads = min(4, cores())
    # every open call has a buffer of its own, which is written before another takes it
    buffers = [np.empty((_ROWS, classic.args.dim), np.float32) for _ in range(2 * threads)]
    starts = range(0, classic.dictionary.bucket, _ROWS)
    jobs = ((classic, start, buffers[turn % len(buffers)]) for turn, start in enumerate(starts))
    for rows in ahead(_bucket_rows, jobs, threads):
        _write_rows(file, rows)


def _write_rows(file: IO[bytes], rows: np.ndarray) -> None:
    file.write(np.ascontiguousarray(rows, "<f4").reshape(-1).view(np.uint8).data)


def _bucket_rows(classic: Model, start: int, buffer: np.ndarray) -> np.ndarray:
    """Rows of the buckets from ``start`` on, as many as the buffer holds: a part of it."""
    dictionary, buckets = classic.dictionary, classic.dictionary.buckets
    stop = min(start + len(buffer), dictionary.bucket)
    rows = buffer[: stop - start]
    initial_rows(classic.seed, bucket_numbers(np.arange(start, stop)), classic.args.dim, rows)
    # of the buckets' own type: another's would have all of them converted, for every part
    first, last = np.searchsorted(buckets, np.array([start, stop], buckets.dtype))
    table = classic.dense[0][dictionary.nwords + first : dictionary.nwords + last]
    rows[buckets[first:last] - start] = table
    return rows


class AllRows:
    """The whole input, row by fastText's number, made as it is asked for; a matrix where it is there whole.

    Example:
        >>> AllRows(classic)[np.array([7, 0])].shape, len(AllRows(classic))
        ((2, 100), 9)
    """

    def __init__(self, classic: Model) -> None:
        classic = classic.written_out()
        self.classic, self.table = classic, np.asarray(classic.input)
        self.whole = not classic.dictionary.bucket_rows.seeded
        rows = len(self.table) if self.whole else classic.dictionary.complete().rows
        self.shape = (rows, classic.args.dim)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        if self.whole:
            return self.table[rows]
        numbers = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else np.asarray(rows)
        signed = self.classic.dictionary.to_signed(numbers)
        out = self.table[np.maximum(signed, 0)]
        absent = signed < 0
        buckets = bucket_numbers(-1 - signed[absent])
        out[absent] = initial_rows(self.classic.seed, buckets, self.shape[1])
        return out

    def parts(self) -> Iterator[np.ndarray]:
        """All rows in their order, some at a time."""
        for start in range(0, len(self), _ROWS):
            yield self[start : start + _ROWS]
