"""A task's table as a shared one and what the task adds: a head over the shared rows, and the rows that it changed most.

A linear classifier over pretrained vectors is, feature by feature, the vector times a head plus what the task learnt of the
feature itself. The first part needs D · C numbers whatever the vocabulary; of the second the largest numbers are kept, a byte
each. Fifty tasks then share one table in memory, and each costs as much as its own part.

Shapes: R rows of the shared table, D columns, F features of the task, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore import native
from ftcore.base.ragged import spans

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary

SMOOTH = 1e-3  # a row of which p features are weighs SMOOTH / (SMOOTH + p): Arora et al. 2017
LEVELS = 127  # of a number's size in a byte
_ROWS = 1 << 14  # made at a time


@dataclass(frozen=True, eq=False)
class SharedTable:
    """A pretrained table that many tasks stand on; none of them changes it.

    Attributes:
        dictionary: its words, and the buckets of its n-grams.
        table: float32[R, D], perhaps mapped from a file.
        shares: float32[words], how many of all tokens each word is.
        path: of the file.
    """

    dictionary: Dictionary
    table: np.ndarray
    shares: np.ndarray
    path: str = ""

    @property
    def dim(self) -> int:
        """D."""
        return self.table.shape[1]

    @cached_property
    def digest(self) -> str:
        """Of words, numbering and every number of the table, whatever the format of the file is."""
        from xxhash import xxh3_128

        words, found = self.dictionary.packed_words, xxh3_128()
        o = self.dictionary.options
        found.update(f"{self.table.shape} {o.minn} {o.maxn} {self.dictionary.bucket}".encode())
        found.update(words.offsets.tobytes())
        found.update(words.blob[: words.offsets[-1]].tobytes())
        found.update(self.dictionary.buckets.astype(np.int32).tobytes())
        for at in range(0, len(self.table), _ROWS):
            found.update(self.table[at : at + _ROWS].astype("<f4", copy=False).tobytes())
        return found.hexdigest()

    def rows(self, places: np.ndarray, weighed: bool) -> np.ndarray:
        """Rows of the table: float32[n, D], a copy.

        Args:
            weighed: the smaller the more frequent a word is; an n-gram, of which no model knows how frequent it is, by half.
        """
        made = np.array(self.table[places], np.float32)
        if weighed:
            shares = np.full(len(places), SMOOTH, np.float32)
            words = places < len(self.shares)
            shares[words] = self.shares[places[words]]
            made *= (np.float32(SMOOTH) / (np.float32(SMOOTH) + shares))[:, None]
        return made


@dataclass(frozen=True, eq=False)
class Changes:
    """What some features add to some labels' scores beside the shared rows' part.

    Attributes:
        rows: int64[k], sorted, the rows of the task's table.
        offsets: int64[k + 1].
        labels: uint16[N], of each number.
        sizes: int8[N], of its size: ``sign · size² / LEVELS² · largest``, so that small numbers are as exact as large ones.
        largest: the largest number.
    """

    rows: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
    largest: float

    def values(self, at: np.ndarray) -> np.ndarray:
        """The numbers at some places: float32[n]."""
        sizes = self.sizes[at].astype(np.float32)
        return sizes * np.abs(sizes) * np.float32(self.largest / LEVELS**2)

    def add(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Add those of each row [n] to float32[n, C]."""
        if not len(self.rows):
            return
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        hit = np.flatnonzero(self.rows[place] == rows)
        starts = self.offsets[place[hit]]
        at, cuts = spans(starts, self.offsets[place[hit] + 1] - starts)
        out[np.repeat(hit, np.diff(cuts)), self.labels[at]] += self.values(at)


def as_bytes(values: np.ndarray) -> tuple[np.ndarray, float]:
    """(sizes int8[N], largest) of numbers: the inverse of `Changes.values`, as near as it goes.

    Example:
        >>> as_bytes(np.array([1.0, -0.25, 0.0]))[0].tolist()
        [127, -64, 0]
    """
    largest = float(np.abs(values).max(initial=0)) or 1.0
    return (np.sign(values) * np.rint(LEVELS * np.sqrt(np.abs(values) / largest))).astype(np.int8), largest


class AdaptedRows:
    """float32[F, C], rows made as they are asked for: shared row times head, plus the task's changes.

    Args:
        shared: the table.
        source: int64[F - words], the row of the shared table of each n-gram's, -1 where it has none; None: the same one.
        head: float32[C, D].
        changes: of the rows here.
        rows: F.
        weighed: see `SharedTable.rows`.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        shared: SharedTable,
        source: np.ndarray | None,
        head: np.ndarray,
        changes: Changes,
        rows: int,
        weighed: bool = True,
    ) -> None:
        self.shared, self.source, self.changes, self.weighed = shared, source, changes, weighed
        self.head = np.ascontiguousarray(head, np.float32)
        self.shape = (rows, len(head))

    def __len__(self) -> int:
        return self.shape[0]

    def gather(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        """The rows of these numbers: float32[n, C]. The bits of each depend on nothing else."""
        rows = np.asarray(rows, np.int64)
        made = np.zeros((len(rows), self.shape[1]), np.float32)
        for at in range(0, len(rows), _ROWS):
            self._fill(rows[at : at + _ROWS], made[at : at + _ROWS])
        return made

    def _fill(self, rows: np.ndarray, out: np.ndarray) -> None:
        words = self.shared.dictionary.nwords
        places = rows
        if self.source is not None and len(self.source):
            own = np.maximum(rows - words, 0)
            places = np.where(rows < words, rows, self.source[np.minimum(own, len(self.source) - 1)])
        known = np.flatnonzero((places >= 0) & (places < len(self.shared.table)))
        if len(known):
            found = np.empty((len(known), self.shape[1]), np.float32)
            native.products(self.shared.rows(places[known], self.weighed), self.head, found)
            out[known] = found
        self.changes.add(rows, out)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            return self.gather(np.arange(*rows.indices(len(self))))
        return self.gather(rows)

    def dense(self) -> np.ndarray:
        """All rows."""
        return self.gather(np.arange(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        made = self.dense()
        return made if dtype is None else made.astype(dtype, copy=False)
