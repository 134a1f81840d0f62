"""Words of a text and how often they occur, in order of first occurrence; by threads, and yet exactly so.

Each thread counts the blocks it gets in a table of its own and notes where a word was first seen; merged
and ordered by that place, the tables are what one reader would have counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock

import numpy as np

from ftcore import native
from ftcore.dictionary.hashing import EOS
from ftcore.dictionary.lines import Block
from ftcore.dictionary.lookup import Words
from ftcore.dictionary.tokens import encode, padded
from ftcore.errors import UserError

log = logging.getLogger("ftcore.counting")
MAX_TYPES = 22_500_000  # 0.75 * MAX_VOCAB_SIZE: above it, rare words are dropped while reading
PLACE = 1 << 40  # bytes of a block at most: places in the text are block * PLACE + byte
MARK = b"\xff\xfelabel\xff"  # before a label's number in the text of documents; no UTF-8
_BLOCK = 1 << 22  # bytes of documents counted at a time


@dataclass(frozen=True)
class Counted:
    """Words in order of first occurrence with their counts int64[n]; ntokens words were read.

    Where rare words went while reading, a count is short by `short` at most, and a word that is missing occurs no more
    often than that; 0: every count is exact.
    """

    words: Words
    counts: np.ndarray
    ntokens: int
    short: int = 0


def counted(table: native.WordCounts) -> Counted:
    """What the table holds, in order of first occurrence; it is empty then."""
    blob, offsets, counts, seen = table.take()
    order = np.argsort(seen, kind="stable")
    order = order[counts[order] > 0]
    return Counted(Words(blob, offsets).take(order), counts[order], int(counts.sum()))


def count(blocks: Iterable[Block], threads: int, label: bytes) -> Counted | None:
    """Count the words of blocks that end between words; None if more than `MAX_TYPES` occurred.

    Rare words are then dropped while reading, which only `count_pruning` does in the right order.
    """
    if threads == 1:
        return count_pruning(blocks, label)
    numbered, lock, stopped = enumerate(blocks), Lock(), Event()

    def work() -> native.WordCounts:
        table = native.WordCounts()
        while table.live <= MAX_TYPES and not stopped.is_set():
            with lock:
                number, block = next(numbered, (0, None))
            if block is None:
                break
            table.count(block(), 0, number * PLACE, MAX_TYPES)
        return table

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work) for _ in range(threads)]
        try:
            tables = sorted((future.result() for future in futures), key=lambda table: -len(table))
        finally:
            stopped.set()  # after an error or an interrupt: the others need not go on
    if tables[0].live > MAX_TYPES:
        return None
    for other in tables[1:]:
        tables[0].merge(other)
    found = counted(tables[0])
    return found if len(found.counts) <= MAX_TYPES else None


def count_pruning(blocks: Iterable[Block], label: bytes) -> Counted:
    """Count in one thread; where more than `MAX_TYPES` words occur, the rare ones go, as in ``readFromFile``.

    Source: fastText 0.9.3 ``dictionary.cc`` 238-268.
    """
    table, threshold, ntokens, base, short = native.WordCounts(), 1, 0, 0, 0
    for block in blocks:
        data = block()
        at = 0
        while at < len(data) - native.PAD:
            at = table.count(data, at, base, MAX_TYPES)
            if table.live > MAX_TYPES:
                threshold += 1
                table, lost = _prune(table, threshold, label)
                ntokens += lost
                short += (
                    threshold - 1
                )  # of one word that went; one that goes each time loses so much each time
                base += PLACE  # behind the places that stand for the order of those kept
        base += PLACE
    found = counted(table)
    if short:
        log.warning(
            "more than %s different words: rare ones were dropped %d times while reading, as fastText does; a count is "
            "short by %s at most, and a word that is missing occurs no more often than that",
            f"{MAX_TYPES:,}",
            threshold - 1,
            f"{short:,}",
        )
    return Counted(found.words, found.counts, found.ntokens + ntokens, short)


def _prune(table: native.WordCounts, threshold: int, label: bytes) -> tuple[native.WordCounts, int]:
    """A table of the words that stay, in their new order; and how many occurrences went with the others."""
    found = counted(table)
    kept = in_order(found, threshold, threshold, label)[0]
    words, counts, seen = found.words.take(kept), found.counts[kept], np.arange(len(kept))
    first = _place_of_eos(words)
    if first is None:
        words = Words.of([EOS]) + words
        counts, seen = np.append(0, counts), np.append(0, seen)
    else:
        order = np.append(first, np.delete(seen, first))
        words, counts, seen = words.take(order), counts[order], order
    made = native.WordCounts(words.blob, words.offsets, counts, seen)
    return made, found.ntokens - int(counts.sum())


def _place_of_eos(words: Words) -> int | None:
    places = np.flatnonzero(np.diff(words.offsets) == len(EOS))
    letters = words.blob[words.offsets[places, None] + np.arange(len(EOS))]
    found = places[(letters == np.frombuffer(EOS, np.uint8)).all(1)]
    return int(found[0]) if len(found) else None


def in_order(found: Counted, min_count: int, min_count_label: int, label: bytes) -> tuple[np.ndarray, int]:
    """Numbers of the words kept in fastText's order, words then labels, by count; how many are words.

    Source: ``Dictionary::threshold``, ``dictionary.cc`` 270-299.
    """
    is_label = found.words.starting_with(label) if label else np.zeros(len(found.counts), np.bool_)
    order = native.sort_permutation(np.where(is_label, np.int64(1) << 62, 0) - found.counts)
    kept = order[found.counts[order] >= np.where(is_label[order], min_count_label, min_count)]
    return kept, int((~is_label[kept]).sum())


def marked(documents: Iterable[tuple[Sequence[str], str | bytes]], names: dict[str, int]) -> Iterator[Block]:
    """Documents (labels, words) as blocks of text, with labels as marked numbers before the words.

    Args:
        names: label -> its number; filled here.
    """
    part: list[bytes] = []
    size = 0
    for labels, tokens in documents:
        part += [MARK + b"%d " % names.setdefault(label, len(names)) for label in labels]
        line = encode(tokens)
        if MARK in line:
            raise UserError(
                f"tokens hold the bytes {MARK!r}, which stand for labels here; they are no UTF-8: remove them"
            )
        part += (line.replace(b"\n", b" "), b"\n")
        size += len(line)
        if size >= _BLOCK:
            yield partial(padded, b"".join(part))
            part, size = [], 0
    if part:
        yield partial(padded, b"".join(part))
