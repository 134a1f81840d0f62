"""Exact duplicates over all parts, in bounded memory: one byte per document and one partition of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ftcore.errors import UnreadableFile

_PARTITION = 1 << 18  # keys sorted at once (about 25 MB)
_BLOCK = 1 << 16  # keys read at once


def find_duplicates(key_files: Sequence[Path], out: Path, partition: int = _PARTITION) -> int:
    """Find the rows whose key occurs before: in an earlier file, or further up in the same file.

    Args:
        key_files: one .npy per part, uint64 ``[n, 2]`` (the two halves of a document's key), in the
            order that decides which copy stays.
        out: folder; gets ``<index>.npy`` per file, the int64 row numbers to drop, ascending.
        partition: keys in memory at once. The files are read once per partition.

    Returns:
        How many rows are to be dropped.

    Raises:
        UserError: a key file is missing or damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    lengths = [_length(path) for path in key_files]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    total = int(starts[-1])
    dropped = np.zeros(total, np.bool_)
    # as many as keep a partition within bounds, but no more than 64: each one reads all files
    count = min(64, max(1, -(-total // partition)))
    for number in range(count):
        keys, rows = _gather(key_files, starts, number, count)
        order = np.lexsort((rows, keys[:, 1], keys[:, 0]))
        keys = keys[order]
        repeated = (keys[1:] == keys[:-1]).all(axis=1)
        dropped[rows[order[1:]][repeated]] = True
    for index in range(len(key_files)):
        rows = np.flatnonzero(dropped[starts[index] : starts[index + 1]]).astype(np.int64)
        np.save(out / f"{index}.npy", rows)
    return int(dropped.sum())


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
