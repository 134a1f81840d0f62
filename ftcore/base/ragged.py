"""Rows of different lengths as one flat array and its offsets (CSR), for numpy and torch.

The subwords of every word, the path of every label in the Huffman tree and the features of every
document are all ragged; one gather serves them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """``values[offsets[i]:offsets[i + 1]]`` is row i.

    Example:
        >>> Ragged.of([[7, 8], [], [9]]).take(np.array([2, 0])).rows()
        [[9], [7, 8]]
    """

    values: np.ndarray  # [N]
    offsets: np.ndarray  # int64[rows + 1]

    @classmethod
    def of(cls, rows: Iterable[Iterable[int]], dtype: type = np.int64) -> Ragged:
        """Build from a list of lists."""
        arrays: list[np.ndarray] = [np.asarray(row, dtype=dtype) for row in rows]
        sizes = np.array([len(a) for a in arrays], dtype=np.int64)
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)
        return cls(values, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> np.ndarray:
        """int64[rows]: the length of each row."""
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> Ragged:
        """Ragged of the named rows, in that order, repeats allowed; one vectorised gather."""
        starts = np.asarray(self.offsets[:-1], dtype=np.int64)[rows]
        sizes = np.asarray(self.offsets[1:], dtype=np.int64)[rows] - starts
        if len(sizes) and sizes.min() == sizes.max() == 1:  # as most documents have one label
            return Ragged(np.asarray(self.values[starts]), np.arange(len(sizes) + 1))
        positions, offsets = spans(starts, sizes)
        return Ragged(np.asarray(self.values[positions]), offsets)

    def where(self, kept: np.ndarray) -> Ragged:
        """The values where bool[N] `kept`; no row goes, some may be left empty."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return Ragged(self.values[kept], before[self.offsets])

    def rows(self) -> list[list[int]]:
        """A list of lists, for tests and messages."""
        return [self.values[a:b].tolist() for a, b in zip(self.offsets[:-1], self.offsets[1:], strict=True)]


def spans(starts: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the spans ``starts[i] : starts[i] + sizes[i]`` one after another, and their offsets.

    Example:
        >>> spans(np.array([4, 0]), np.array([2, 1]))
        (array([4, 5, 0]), array([0, 2, 3]))
    """
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return np.repeat(starts - offsets[:-1], sizes) + np.arange(offsets[-1]), offsets
