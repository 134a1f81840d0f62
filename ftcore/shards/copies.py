"""Copies leave: exact ones, near ones on request, and a list of which document went for which.

What `drop_copies` leaves in its folder:

* ``<number>.npy``      of each part the rows that go, int64, ascending
* ``copies.jsonl``      a line for each of them: id and source of the document that went, kept_id and kept_source of the
                        one that it went for, similarity of their n-grams (Jaccard; 1 for exact copies), an excerpt
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftcore.base import files
from ftcore.config import NearCopies
from ftcore.reading.documents import excerpt
from ftcore.shards.dedup import Dropped, find_duplicates, row_starts
from ftcore.shards.manifest import COPIES, DOCS, KEYS
from ftcore.shards.near import find_near_copies
from ftcore.shards.shards import iter_file

_LINE = ("id", "source", "kept_id", "kept_source", "similarity", "excerpt")


def drop_copies(
    parts: Sequence[Path],
    out: Path,
    scratch: Path,
    near: NearCopies | None = None,
    threads: int | None = None,
    keep: bool = False,
) -> dict[str, int]:
    """Find the documents that are copies of one before them.

    Args:
        parts: folders of `prepare_part`, in the order that decides which copy stays.
        out: folder of the result; made if need be.
        scratch: a folder for what does not stay in memory.
        near: what a near copy is; None: only exact ones go.
        threads: default: one a core.
        keep: leave the signatures of near copies in the parts' folders, for the next call.

    Returns:
        ``duplicates``: how many go; ``near``: how many of them are near copies.

    Raises:
        UserError: a file is missing or damaged; the disk is full.
    """
    out.mkdir(parents=True, exist_ok=True)
    keys = [part / KEYS for part in parts]
    starts = row_starts(keys)
    dropped = find_duplicates(keys)
    exact = len(dropped.rows)
    if near is not None:
        gone = dropped.mask(int(starts[-1]))
        documents = [part / DOCS for part in parts]
        dropped = dropped.also(find_near_copies(documents, gone, near, scratch, threads, keep=keep))
    for number, (first, last) in enumerate(_ranges(dropped.rows, starts)):
        np.save(out / f"{number}.npy", dropped.rows[first:last] - starts[number])
    _write_list(dropped, parts, starts, out / COPIES)
    return {"duplicates": len(dropped.rows), "near": len(dropped.rows) - exact}


def _ranges(rows: np.ndarray, starts: np.ndarray) -> list[tuple[int, int]]:
    """From where to where the rows of each part lie."""
    places = np.searchsorted(rows, starts).tolist()
    return list(zip(places[:-1], places[1:], strict=True))


def _write_list(dropped: Dropped, parts: Sequence[Path], starts: np.ndarray, path: Path) -> None:
    sources = _Sources(parts, dropped)
    ids = _Ids(parts, starts)
    with files.explain_full_disk(path), files.open_sink(path) as file:
        for number, (first, last) in enumerate(_ranges(dropped.rows, starts)):
            start, rows = 0, dropped.rows[first:last] - starts[number]
            for batch in iter_file(parts[number] / DOCS, ["id", "source", "tokens"], rows=1 << 14):
                low, high = np.searchsorted(rows, [start, start + len(batch)])
                picked = batch.take(pa.array(rows[low:high] - start))
                start += len(batch)
                kept = dropped.kept[first + low : first + high]
                columns = [
                    *(picked.column(name).to_pylist() for name in ("id", "source")),
                    ids.of(kept),
                    sources.of(kept),
                    dropped.similarity[first + low : first + high].round(4).tolist(),
                    map(excerpt, picked.column("tokens").to_pylist()),
                ]
                for row in zip(*columns, strict=True):
                    line = json.dumps(dict(zip(_LINE, row, strict=True)), ensure_ascii=False)
                    file.write(line.encode() + b"\n")


class _Ids:
    """Ids of documents anywhere, from the files of keys."""

    def __init__(self, parts: Sequence[Path], starts: np.ndarray) -> None:
        self._keys = [np.load(part / KEYS, mmap_mode="r") for part in parts]
        self._starts = starts

    def of(self, rows: np.ndarray) -> list[str]:
        """Strings of 32 hex digits."""
        found = np.empty((len(rows), 2), ">u8")
        part = np.searchsorted(self._starts, rows, "right") - 1
        for number in np.unique(part).tolist():
            mine = part == number
            found[mine] = self._keys[number][rows[mine] - self._starts[number]]
        digits = found.tobytes().hex()
        return [digits[at : at + 32] for at in range(0, len(digits), 32)]


class _Sources:
    """Sources of the documents that copies go for, one pass over the parts: 12 bytes each."""

    def __init__(self, parts: Sequence[Path], dropped: Dropped) -> None:
        self._rows = np.unique(dropped.kept)
        names: dict[str, int] = {}
        codes = [np.zeros(0, np.int32)]
        start = 0
        for part in parts if len(self._rows) else ():
            for batch in iter_file(part / DOCS, ["source"], rows=1 << 14):
                low, high = np.searchsorted(self._rows, [start, start + len(batch)])
                wanted = batch.column("source").take(pa.array(self._rows[low:high] - start)).to_pylist()
                codes.append(np.array([names.setdefault(name, len(names)) for name in wanted], np.int32))
                start += len(batch)
        self._codes, self._names = np.concatenate(codes), list(names)

    def of(self, rows: np.ndarray) -> list[str]:
        """Their names."""
        return [self._names[code] for code in self._codes[np.searchsorted(self._rows, rows)].tolist()]
