"""Near copies over all parts by MinHash: likely pairs from bands of signatures, each settled by its true similarity.

A document goes for the first document before it that stays and whose shingles are similar enough (Jaccard, over
hashes of 32 bits); nothing goes for a document that goes itself. The result depends on the documents and their order
alone.

Memory: 40 bytes a document, about 100 bytes a near copy, and one part's signatures a thread. Signatures (some 90
bytes a document) and shingles (4 bytes a character of those that have a likely pair) lie on the disk meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftcore import native
from ftcore.base import files
from ftcore.base.cores import cores
from ftcore.base.strings import string_buffers
from ftcore.base.threads import ahead
from ftcore.config import NearCopies
from ftcore.errors import UnreadableFile
from ftcore.shards.dedup import Dropped
from ftcore.shards.shards import iter_file

PLACES = 128  # of a signature, at most
FOUND = 0.99  # share of the pairs at the threshold that some band brings together
_PAIRS = 1 << 16  # settled in one call
_NEIGHBOURS = 2  # of a document in a band: the first ones and the last ones before it


def bands_of(threshold: float) -> tuple[int, int]:
    """How many bands of how many places: the longest that bring `FOUND` of the pairs at the threshold together.

    Example:
        >>> bands_of(0.8), bands_of(0.5)
        ((21, 6), (42, 3))
    """
    fits = [r for r in range(1, PLACES + 1) if 1 - (1 - threshold**r) ** (PLACES // r) >= FOUND]
    rows = max(fits, default=1)
    return PLACES // rows, rows


def find_near_copies(
    documents: Sequence[Path],
    gone: np.ndarray,
    options: NearCopies,
    scratch: Path,
    threads: int | None = None,
) -> Dropped:
    """Find the documents that are nearly one before them.

    Args:
        documents: Parquet files with ``language`` and ``tokens``, in the order that decides which copy stays.
        gone: bool [rows of all files], documents that are left out already.
        options: threshold and shingles.
        scratch: a folder for what does not stay in memory.
        threads: default: one a core.

    Raises:
        UserError: a file is unreadable; the disk is full.
    """
    threads = cores() if threads is None else threads
    bands, rows = bands_of(options.threshold)
    signatures = [scratch / f"bands-{number:05d}.npy" for number in range(len(documents))]
    starts = np.zeros(len(documents) + 1, np.int64)

    def sign(path: Path, out: Path) -> int:
        return _write_bands(path, options, bands, rows, out)

    for number, size in enumerate(ahead(sign, zip(documents, signatures, strict=True), threads)):
        starts[number + 1] = starts[number] + size
    pairs = _likely_pairs(signatures, gone, bands)
    for path in signatures:
        path.unlink()
    both = [half.astype(np.int64) for half in (pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF))]
    chosen = _unique(np.concatenate(both))
    offsets = _write_shingles(documents, starts, chosen, options, scratch / "shingles", threads)
    later, earlier = (np.searchsorted(chosen, half) for half in both)
    kept, similarity = np.full(len(chosen), -1, np.int64), np.zeros(len(chosen), np.float32)
    with open(scratch / "shingles", "rb") as file:
        for at in range(0, len(pairs), _PAIRS):
            part = slice(at, at + _PAIRS)
            if not native.settle_pairs(
                later[part], earlier[part], file.fileno(), offsets, options.threshold, kept, similarity
            ):
                raise UnreadableFile(f"{file.name}: ends before its time; run the preparation again")
    (scratch / "shingles").unlink()
    found = np.flatnonzero(kept >= 0)
    return Dropped(chosen[found], chosen[kept[found]], similarity[found])


def _batches(path: Path) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Batches of a file, and which of their documents are compared by characters."""
    for batch in iter_file(path, ["language", "tokens"], rows=4096):
        latin = pc.equal(batch.column("language"), "en").to_numpy(zero_copy_only=False)
        yield batch, ~latin


def _write_bands(path: Path, options: NearCopies, bands: int, rows: int, out: Path) -> int:
    """Bands of a file's documents as uint32 [bands, documents]; returns how many documents."""
    found = [np.zeros((bands, 0), np.uint32)]
    for batch, by_characters in _batches(path):
        data, offsets = string_buffers(batch.column("tokens"))
        found.append(np.empty((bands, len(batch)), np.uint32))
        native.minhash_bands(data, offsets, by_characters, options.characters, options.words, found[-1], rows)
    with files.explain_full_disk(out), open(out, "wb") as file:
        whole = np.concatenate(found, axis=1)
        np.save(file, whole)
    return whole.shape[1]


def _likely_pairs(signatures: Sequence[Path], gone: np.ndarray, bands: int) -> np.ndarray:
    """Pairs that share a band as later << 32 | earlier, uint64, ascending.

    Of many documents that share one each is paired with the first and the last ones before it: those are alike, or
    their own copies.
    """
    stay = np.flatnonzero(~gone).astype(np.uint64)
    pairs = np.zeros(0, np.uint64)
    for band in range(bands):
        each = [np.load(path, mmap_mode="r")[band] for path in signatures]
        hashes = np.concatenate([np.zeros(0, np.uint32), *each])[~gone]
        order = hashes.astype(np.uint64) << np.uint64(32) | stay
        order.sort()  # of equal hashes the first document comes first
        hashes, rows = order >> np.uint64(32), order & np.uint64(0xFFFFFFFF)
        same = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1  # places whose document has one before it
        new = np.ones(len(hashes), bool)
        new[same] = False
        begins = np.maximum.accumulate(np.where(new, np.arange(len(hashes)), 0))
        found = [pairs]
        for step in range(_NEIGHBOURS):
            for other in (begins[same] + step, same - 1 - step):
                fits = (begins[same] <= other) & (other < same)
                found.append(rows[same[fits]] << np.uint64(32) | rows[other[fits]])
        pairs = _unique(np.concatenate(found))
    return pairs


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
) -> np.ndarray:
    """Shingles of the chosen documents (rows over all files) behind each other; where each begins, int64 [n + 1]."""

    def shingles(number: int) -> list[tuple[np.ndarray, np.ndarray]]:
        first, last = np.searchsorted(chosen, starts[number : number + 2])
        wanted, start, found = chosen[first:last] - starts[number], 0, []
        if len(wanted):
            for batch, by_characters in _batches(documents[number]):
                low, high = np.searchsorted(wanted, [start, start + len(batch)])
                rows = wanted[low:high] - start
                start += len(batch)
                data, offsets = string_buffers(batch.column("tokens").take(pa.array(rows)))
                found.append(
                    native.shingles(data, offsets, by_characters[rows], options.characters, options.words)
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
    return np.concatenate(ends)
