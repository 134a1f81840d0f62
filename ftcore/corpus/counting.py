"""Words of a text and how often they occur, in order of first occurrence; by threads, and yet exactly so.

Each thread counts the blocks it gets in a table of its own and notes where a word was first seen; merged
and ordered by that place, the tables are what one reader would have counted.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from threading import Event, Lock
from typing import TypeVar

import numpy as np

from ftcore.corpus import scan
from ftcore.corpus.introsort import sort_permutation
from ftcore.corpus.lines import Block, encode, padded
from ftcore.corpus.lookup import Words, empty_slots
from ftcore.errors import UserError
from ftcore.model.hashing import EOS
from ftcore.model.kernel import kernel, source_stamp

MAX_TYPES = 22_500_000  # 0.75 * MAX_VOCAB_SIZE: above it, rare words are dropped while reading
_PLACE = 1 << 40  # bytes of a block at most: places in the text are block * _PLACE + byte
MARK = b"\xff\xfelabel\xff"  # before a label's number in the text of documents; no UTF-8
_BLOCK = 1 << 22  # bytes of documents counted at a time
S, T = TypeVar("S"), TypeVar("T")


@dataclass(frozen=True)
class Counted:
    """Words in order of first occurrence with their counts int64[n]; ntokens words were read."""

    words: Words
    counts: np.ndarray
    ntokens: int


class _Table:
    """Words that grow: the arrays `count_words` works on, and how many words they hold."""

    def __init__(self, words: Words | None = None, capacity: int = 1 << 14) -> None:
        words = Words.of([EOS]) if words is None else words  # word 0 is the end of line
        self.n, size = len(words), len(words.blob)
        self.capacity = max(capacity, 2 * self.n)
        self.blob = np.zeros(size + 8 * self.capacity, np.uint8)
        self.offsets = np.zeros(self.capacity + 1, np.int64)
        self.blob[:size], self.offsets[: self.n + 1] = words.blob, words.offsets
        self.counts, self.seen = np.zeros(self.capacity, np.int64), np.zeros(self.capacity, np.int64)
        self.live = 0
        self._enter()

    def _enter(self) -> None:
        self.slots = empty_slots(self.capacity)
        scan.insert_words(self.slots, self.blob, self.offsets, self.n)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.slots, self.blob, self.offsets, self.counts, self.seen

    def grow(self, word: int) -> None:
        """Make room for at least one more word, of so many bytes at most."""
        used = int(self.offsets[self.n])
        if used + word + scan.PAD > len(self.blob):
            self.blob = _resized(self.blob, 2 * len(self.blob) + word)
        if self.n >= self.capacity:
            self.capacity *= 2
            self.offsets = _resized(self.offsets, self.capacity + 1)
            self.counts, self.seen = _resized(self.counts, self.capacity), _resized(self.seen, self.capacity)
            self._enter()

    def count(self, data: np.ndarray, start: int, base: int, limit: int) -> int:
        """Count a text from ``start``; where it stopped: its end, or where the limit was exceeded."""
        stop = len(data) - scan.PAD
        at = start
        while at < stop:
            at, self.n, self.live = count_words()(data, at, stop, base, *self.arrays, self.n, limit)
            if self.live > limit:
                break
            if at < stop:
                self.grow(stop - at)
        return at

    def merge(self, other: _Table) -> None:
        at, cuts = 0, other.offsets[: other.n + 1]
        while at < other.n:
            given = other.blob, cuts, other.counts, other.seen
            at, self.n = merge_words()(*given, at, *self.arrays, self.n)
            if at < other.n:
                self.grow(int(cuts[at + 1] - cuts[at]))

    def counted(self) -> Counted:
        counts = self.counts[: self.n]
        order = np.argsort(self.seen[: self.n], kind="stable")
        order = order[counts[order] > 0]
        return Counted(
            Words(self.blob, self.offsets[: self.n + 1]).take(order), counts[order], int(counts.sum())
        )


def count(blocks: Iterable[Block], threads: int, label: bytes) -> Counted | None:
    """Count the words of blocks that end between words; None if more than `MAX_TYPES` occurred.

    Rare words are then dropped while reading, which only `count_pruning` does in the right order.
    """
    if threads == 1:
        return count_pruning(blocks, label)
    numbered, lock, stopped = enumerate(blocks), Lock(), Event()

    def work() -> _Table:
        table = _Table()
        while table.live <= MAX_TYPES and not stopped.is_set():
            with lock:
                number, block = next(numbered, (0, None))
            if block is None:
                break
            table.count(block(), 0, number * _PLACE, MAX_TYPES)
        return table

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work) for _ in range(threads)]
        try:
            tables = sorted((future.result() for future in futures), key=lambda table: -table.n)
        finally:
            stopped.set()  # after an error or an interrupt: the others need not go on
    if tables[0].live > MAX_TYPES:
        return None
    for other in tables[1:]:
        tables[0].merge(other)
    found = tables[0].counted()
    return found if len(found.counts) <= MAX_TYPES else None


def count_pruning(blocks: Iterable[Block], label: bytes) -> Counted:
    """Count in one thread; where more than `MAX_TYPES` words occur, the rare ones go, as in ``readFromFile``.

    Source: fastText 0.9.3 ``dictionary.cc`` 238-268.
    """
    table, threshold, ntokens, base = _Table(), 1, 0, 0
    for block in blocks:
        data = block()
        at = 0
        while at < len(data) - scan.PAD:
            at = table.count(data, at, base, MAX_TYPES)
            if table.live > MAX_TYPES:
                threshold += 1
                table, lost = _prune(table, threshold, label)
                ntokens += lost
                base += _PLACE  # behind the places that stand for the order of those kept
        base += _PLACE
    found = table.counted()
    return Counted(found.words, found.counts, found.ntokens + ntokens)


def _prune(table: _Table, threshold: int, label: bytes) -> tuple[_Table, int]:
    """A table of the words that stay, in their new order; and how many occurrences went with the others."""
    found = table.counted()
    kept = in_order(found, threshold, threshold, label)[0]
    words, counts, seen = found.words.take(kept), found.counts[kept], np.arange(len(kept))
    first = _place_of_eos(words)
    if first is None:
        words = Words.of([EOS]) + words
        counts, seen = np.append(0, counts), np.append(0, seen)
    else:
        order = np.append(first, np.delete(seen, first))
        words, counts, seen = words.take(order), counts[order], order
    made = _Table(words)
    made.counts[: made.n], made.seen[: made.n] = counts, seen
    made.live = len(kept)
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
    order = sort_permutation(np.where(is_label, np.int64(1) << 62, 0) - found.counts)
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


def _resized(array: np.ndarray, size: int) -> np.ndarray:
    grown = np.zeros(size, array.dtype)
    grown[: len(array)] = array
    return grown


# --------------------------------------------------------------------------------------------- threads
def usable_threads(threads: int | None) -> int:
    """The number asked for, or that of the cores this process may use."""
    if threads is not None:
        return max(1, threads)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(work: Callable[[S], T], items: Iterable[S], threads: int) -> Iterator[T]:
    """``work`` on every item, the results in the items' order; few are under way at a time."""
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


# --------------------------------------------------------------------------------------------- kernels
# They call kernels of `scan`, and so are made with a stamp of its source, see `source_stamp`.
@lru_cache(maxsize=1)
def count_words() -> Callable:
    """The kernel that counts the words of ``data[start:stop]``, which begins and ends between words.

    Word 0 is the end of line, counted at every newline. Stops early where the table is full, and behind
    the word with which more than ``limit`` words have occurred. Its arguments:

    * base: added to a word's place to say when it was first seen.
    * slots, blob, offsets[capacity + 1], counts[capacity], seen[capacity]: of the ``n`` words known;
      seen is only right where counts is above 0.

    It returns (where to go on, n, live: how many words have occurred).
    """
    made_of = source_stamp(scan)

    @kernel
    def count(data, start, stop, base, slots, blob, offsets, counts, seen, n, limit):
        assert made_of
        begins, ends, keys, firsts, _ = scan.batch_arrays()
        live = n if counts[0] > 0 else n - 1
        i = start
        while i < stop:
            i, size = scan.split(data, i, stop, begins, ends, keys, firsts)
            keys[scan.BATCH] = scan.touch(slots, keys, size)
            for k in range(size):
                begin, end = begins[k], ends[k]
                w = 0
                if begin < end:
                    s = scan.find_slot(slots, blob, offsets, data, begin, end, keys[k], firsts[k])
                    w = scan.number_at(slots, s)
                    if w < 0:
                        if not scan.add_word(
                            slots, s, keys[k], firsts[k], data, begin, end, n, blob, offsets, counts
                        ):
                            return begin, n, live
                        w, n = n, n + 1
                if counts[w] == 0:
                    seen[w] = base + begin
                    live += 1
                counts[w] += 1
                if live > limit:
                    return max(end, begin + (begin == end)), n, live
        return i, n, live

    return count


@lru_cache(maxsize=1)
def merge_words() -> Callable:
    """The kernel that adds another table's words from number ``start`` on: (the next one, where this is full; n)."""
    made_of = source_stamp(scan)

    @kernel
    def merge(more, cuts, more_counts, more_seen, start, slots, blob, offsets, counts, seen, n):
        assert made_of
        for v in range(start, len(cuts) - 1):
            if more_counts[v] == 0:
                continue
            begin, end = cuts[v], cuts[v + 1]
            first = scan.eight(more, begin, end)
            h = scan.key_of(more, begin, end, first)
            s = scan.find_slot(slots, blob, offsets, more, begin, end, h, first)
            w = scan.number_at(slots, s)
            if w < 0:
                if not scan.add_word(slots, s, h, first, more, begin, end, n, blob, offsets, counts):
                    return v, n
                w, n = n, n + 1
            if counts[w] == 0 or more_seen[v] < seen[w]:
                seen[w] = more_seen[v]
            counts[w] += more_counts[v]
        return len(cuts) - 1, n

    return merge
