"""Near copies over all parts by MinHash: likely pairs from bands of signatures, each settled by its true similarity.

A document goes for the first document before it that stays and whose shingles are similar enough (Jaccard, over
hashes of 32 bits); nothing goes for a document that goes itself. The result depends on the documents and their order
alone.

Memory: 40 bytes a document, some 100 bytes one with a likely pair and 40 a pair, and one part's signatures a thread.
Signatures (some 90 bytes a document) and shingles (4 bytes a character of those that have a likely pair) lie on the
disk meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftcore import native
from ftcore.base import files
from ftcore.base.cores import cores
from ftcore.base.strings import string_buffers
from ftcore.base.threads import ahead
from ftcore.config import NearCopies
from ftcore.errors import UnreadableFile
from ftcore.shards.bands import bands_of, document_batches, kept_bands, write_bands
from ftcore.shards.dedup import Dropped

_PAIRS = 1 << 16  # settled in one call
_NEIGHBOURS = 2  # of a document in a band: the first ones and the last ones before it
_PENDING = 1 << 20  # pairs that wait to be sorted in, at least; as many as there are of the others


def find_near_copies(
    documents: Sequence[Path],
    gone: np.ndarray,
    options: NearCopies,
    scratch: Path,
    threads: int | None = None,
    keep: bool = False,
) -> Dropped:
    """Find the documents that are nearly one before them.

    Args:
        documents: Parquet files with ``language`` and ``tokens``, in the order that decides which copy stays.
        gone: bool [rows of all files], documents that are left out already.
        options: threshold and shingles.
        scratch: a folder for what does not stay in memory.
        threads: default: one a core.
        keep: leave the signatures beside the files, for the next call; those that lie there are taken.

    Raises:
        UserError: a file is unreadable; the disk is full.
    """
    threads = cores() if threads is None else threads

    def sign(number: int, path: Path) -> Path:
        if keep:
            return kept_bands(path, options)
        out = scratch / f"bands-{number:05d}.npy"
        with files.explain_full_disk(out), open(out, "wb") as file:
            write_bands(path, options, file)
        return out

    signatures = list(ahead(sign, enumerate(documents), threads))
    sizes = [np.load(path, mmap_mode="r").shape[1] for path in signatures]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    pairs = _likely_pairs(signatures, gone, bands_of(options.threshold)[0])
    if not keep:
        for path in signatures:
            path.unlink()
    both = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF)
    wanted = np.zeros(starts[-1], bool)
    for half in both:
        wanted[half] = True
    chosen, place = np.flatnonzero(wanted), np.cumsum(wanted) - 1
    offsets, sketches = _write_shingles(documents, starts, chosen, options, scratch / "shingles", threads)
    later, earlier = (place[half] for half in both)
    kept, similarity = np.full(len(chosen), -1, np.int64), np.zeros(len(chosen), np.float32)
    with open(scratch / "shingles", "rb") as file:
        for at in range(0, len(pairs), _PAIRS):
            part = slice(at, at + _PAIRS)
            if not native.settle_pairs(
                later[part],
                earlier[part],
                file.fileno(),
                offsets,
                sketches,
                options.threshold,
                kept,
                similarity,
            ):
                raise UnreadableFile(f"{file.name}: ends before its time; run the preparation again")
    (scratch / "shingles").unlink()
    found = np.flatnonzero(kept >= 0)
    return Dropped(chosen[found], chosen[kept[found]], similarity[found])


def _likely_pairs(signatures: Sequence[Path], gone: np.ndarray, bands: int) -> np.ndarray:
    """Pairs that share a band as later << 32 | earlier, uint64, ascending.

    Of many documents that share one each is paired with the first and the last ones before it: those are alike, or
    their own copies.
    """
    stay = np.flatnonzero(~gone).astype(np.uint64)
    pairs, found = np.zeros(0, np.uint64), [np.zeros(0, np.uint64)]
    for band in range(bands):
        each = [np.load(path, mmap_mode="r")[band] for path in signatures]
        hashes = np.concatenate([np.zeros(0, np.uint32), *each])[~gone]
        order = hashes.astype(np.uint64) << np.uint64(32) | stay
        order.sort()  # of equal hashes the first document comes first
        hashes, rows = order >> np.uint64(32), order & np.uint64(0xFFFFFFFF)
        same = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1  # places whose document has one before it
        new = np.ones(len(hashes), bool)
        new[same] = False
        begins = np.maximum.accumulate(np.where(new, np.arange(len(hashes)), 0))[same]
        for step in range(_NEIGHBOURS):
            for other in (begins + step, same - 1 - step):
                fits = (begins <= other) & (other < same)
                found.append(rows[same[fits]] << np.uint64(32) | rows[other[fits]])
        if sum(map(len, found)) > max(_PENDING, len(pairs)):
            pairs, found = _unique(np.concatenate([pairs, *found])), []
    return _unique(np.concatenate([pairs, *found]))


def _unique(values: np.ndarray) -> np.ndarray:
    """What `numpy.unique` gives; numpy's hashes of integers, 25 times slower than sorting, clash on packed pairs."""
    values.sort()
    first = np.ones(len(values), bool)
    first[1:] = values[1:] != values[:-1]
    return values[first]


def _write_shingles(
    documents: Sequence[Path],
    starts: np.ndarray,
    chosen: np.ndarray,
    options: NearCopies,
    out: Path,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Shingles of the chosen documents (rows over all files) behind each other.

    Returns:
        Where each begins, int64 [n + 1], and their sketches, uint64 [n, SKETCH].
    """
    sketches = np.zeros((len(chosen), native.SKETCH), np.uint64)

    def shingles(number: int) -> list[tuple[np.ndarray, np.ndarray]]:
        first, last = np.searchsorted(chosen, starts[number : number + 2])
        wanted, start, found = chosen[first:last] - starts[number], 0, []
        if len(wanted):
            for batch, by_characters in document_batches(documents[number]):
                low, high = np.searchsorted(wanted, [start, start + len(batch)])
                rows = wanted[low:high] - start
                start += len(batch)
                data, offsets = string_buffers(batch.column("tokens").take(pa.array(rows)))
                mine = sketches[first + low : first + high]
                found.append(
                    native.shingles(
                        data, offsets, by_characters[rows], options.characters, options.words, mine
                    )
                )
        return found

    ends, end = [np.zeros(1, np.int64)], 0
    with files.explain_full_disk(out), open(out, "wb") as file:
        for found in ahead(shingles, ((number,) for number in range(len(documents))), threads):
            for hashes, cuts in found:
                file.write(hashes.data)
                ends.append(end + cuts[1:])  # none where no document of a batch is like another one
                end += int(cuts[-1])
        file.flush()
        os.fsync(file.fileno())
    return np.concatenate(ends), sketches
