"""Exact duplicates over all parts, in bounded memory: 8 bytes a document and one partition of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ftcore.errors import UnreadableFile

_PARTITION = 1 << 18  # keys sorted at once (about 25 MB)
_BLOCK = 1 << 16  # keys read at once


@dataclass(frozen=True)
class Dropped:
    """Which documents go, each for which: rows over all files, and how alike the two are.

    Attributes:
        rows: int64 [n], ascending.
        kept: int64 [n], each before its row.
        similarity: float32 [n], 1 for exact copies.
    """

    rows: np.ndarray
    kept: np.ndarray
    similarity: np.ndarray

    def mask(self, size: int) -> np.ndarray:
        """Bool [size], true for the rows that go."""
        gone = np.zeros(size, np.bool_)
        gone[self.rows] = True
        return gone

    def also(self, other: Dropped) -> Dropped:
        """What goes when, of those that stay, others go too; whatever went for one of these goes for its own."""
        at = np.minimum(np.searchsorted(other.rows, self.kept), max(0, len(other.rows) - 1))
        moved = other.rows[at] == self.kept if len(other.rows) else np.zeros(len(self.kept), np.bool_)
        kept, similarity = self.kept.copy(), self.similarity.copy()
        kept[moved], similarity[moved] = other.kept[at[moved]], other.similarity[at[moved]]
        rows = np.concatenate([self.rows, other.rows])
        order = np.argsort(rows)
        return Dropped(
            rows[order],
            np.concatenate([kept, other.kept])[order],
            np.concatenate([similarity, other.similarity])[order],
        )


def find_duplicates(key_files: Sequence[Path], partition: int = _PARTITION) -> Dropped:
    """Find the rows whose key occurs before: in an earlier file, or further up in the same file.

    Args:
        key_files: one .npy per part, uint64 ``[n, 2]`` (the two halves of a document's key), in the
            order that decides which copy stays.
        partition: keys in memory at once. The files are read once per partition.

    Raises:
        UserError: a key file is missing or damaged.
    """
    starts = row_starts(key_files)
    total = int(starts[-1])
    kept = np.full(total, -1, np.int64)
    # as many as keep a partition within bounds, but no more than 64: each one reads all files
    count = min(64, max(1, -(-total // partition)))
    for number in range(count):
        keys, rows = _gather(key_files, starts, number, count)
        order = np.lexsort((rows, keys[:, 1], keys[:, 0]))
        keys, rows = keys[order], rows[order]
        repeated = np.zeros(len(keys), np.bool_)
        repeated[1:] = (keys[1:] == keys[:-1]).all(axis=1)
        first = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(keys))))
        kept[rows[repeated]] = rows[first[repeated]]
    rows = np.flatnonzero(kept >= 0)
    return Dropped(rows, kept[rows], np.ones(len(rows), np.float32))


def row_starts(key_files: Sequence[Path]) -> np.ndarray:
    """Row over all files at which each file begins, and behind the last one: int64 [files + 1]."""
    return np.concatenate([[0], np.cumsum([_length(path) for path in key_files])]).astype(np.int64)


def _gather(
    files: Sequence[Path], starts: np.ndarray, number: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keys of one partition and their row numbers over all files."""
    all_keys, all_rows = [np.zeros((0, 2), np.uint64)], [np.zeros(0, np.int64)]
    for path, start in zip(files, starts, strict=False):
        for keys in _blocks(path):
            # keys are hashes: any bits of them spread evenly
            mine = np.flatnonzero((keys[:, 0] >> np.uint64(32)) % np.uint64(count) == number)
            all_keys.append(keys[mine])
            all_rows.append(mine + start)
            start = start + len(keys)
    return np.concatenate(all_keys), np.concatenate(all_rows)


def _length(path: Path) -> int:
    try:
        shape, dtype = _header(path)
    except FileNotFoundError:
        raise UnreadableFile(f"{path}: no such file of keys; run the preparation again") from None
    except ValueError as error:
        raise UnreadableFile(f"{path}: not a file of keys ({error}); run the preparation again") from None
    if len(shape) != 2 or shape[1] != 2 or dtype != np.uint64:
        raise UnreadableFile(
            f"{path}: keys must be uint64 [n, 2], not {dtype} {list(shape)}; run the preparation again"
        )
    return shape[0]


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    keys = np.load(path, mmap_mode="r")
    return keys.shape, keys.dtype


def _blocks(path: Path) -> Iterator[np.ndarray]:
    """Keys of a file, a bounded number at a time, read rather than mapped: mapped pages count as memory."""
    with open(path, "rb") as file:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        read(file)
        while len(block := np.fromfile(file, np.uint64, 2 * _BLOCK)):
            yield block.reshape(-1, 2)
