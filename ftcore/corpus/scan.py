"""Text to words in one pass over its bytes: split, hash, look up, make features.

All are kernels over plain arrays that release the GIL, so that threads scan blocks at once; they live in
this one file because they call each other (see `ftcore.model.kernel`).

Source of the rules: fastText 0.9.3 ``src/dictionary.cc``: ``readWord`` (209-236), ``add`` (49-61),
``computeSubwords`` (172-194), ``addWordNgrams`` (311-323), ``addSubwords`` (325-349), ``getLine``
(358-421).

*Text* is a uint8 array with `PAD` bytes behind the last one that counts, so that eight can be read
anywhere; a line ends at its newline. A *table* of words is (slots, blob, offsets): packed words and an
open hash table, uint64[2 * size], size a power of two, of (first eight bytes; key << 32 | number + 1),
0 where empty. A word never holds a zero byte, which is a separator: its first eight bytes, padded by
zeros, decide alone for words of up to seven. The key is a hash that takes eight bytes at a step; fastText's
own (FNV-1a, a byte at a step, each waiting for the one before) is only made where n-grams need it.

Words are split a batch at a time, eight bytes at once and without a jump that depends on a word's length up
to eight; the table's lines are then touched, all at once, because a word costs less to split than to wait for.
"""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from ftcore.model.kernel import kernel

PAD = 8
BATCH = 256  # words split before they are looked up
_EOS_HASH = np.uint64(3617362777)  # fnv1a(b"</s>")
_EOS_FIRST = 0x3E732F3C  # b"</s>", little-endian
_SEPARATORS = (1 << 0) | (1 << 9) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 32)
_LOW = 0xFFFFFFFF


# ------------------------------------------------------------------------------------- bytes and words
@kernel(inline=True)
def _separates(byte):
    """Space, \\n, \\r, \\t, \\v, \\f or \\0; a letter needs one comparison."""
    return byte <= 32 and (_SEPARATORS >> np.int64(byte)) & 1


@kernel(inline=True)
def _mix(h, byte):
    """One step of FNV-1a over a *sign-extended* byte; only the low 32 bits of the result count."""
    return (h ^ np.uint64(np.int64(np.int8(byte)))) * np.uint64(16777619)


@kernel(inline=True)
def _load(data, i):
    """Eight bytes from ``i`` on, the first one lowest (one load on x86)."""
    b = np.uint64(i)  # unsigned: no test for a negative index
    word = np.uint64(0)
    for j in range(8):
        word |= np.uint64(data[b + np.uint64(j)]) << np.uint64(8 * j)
    return word


@kernel(inline=True)
def eight(data, begin, end):
    """The first eight bytes of ``data[begin:end]`` as an integer, zeros behind fewer."""
    word = _load(data, begin)
    missing = 8 - (end - begin)
    if missing > 0:
        word &= np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(8 * missing) if missing < 8 else np.uint64(0)
    return word


@kernel(inline=True)
def _scrambled(h):
    return (h ^ h >> np.uint64(32)) * np.uint64(0x9E3779B97F4A7C15)


@kernel(inline=True)
def key_of(data, begin, end, first):
    """The table's hash of a word whose first eight bytes are given: 32 bits."""
    h = _scrambled(first ^ np.uint64(end - begin))
    j = begin + 8
    while j < end:
        h = _scrambled(h ^ eight(data, j, end))
        j += 8
    return h >> np.uint64(32)


@kernel(inline=True)
def _fnv(data, begin, end, first):
    """FNV-1a of a word whose first eight bytes are given; without a jump that depends on its length up to eight."""
    h = np.uint64(2166136261)
    size = end - begin
    for j in range(8):
        more = _mix(h, np.uint8(first >> np.uint64(8 * j)))
        h = more if j < size else h
    for i in range(begin + 8, end):
        h = _mix(h, data[i])
    return h & np.uint64(_LOW)


@kernel
def _starts_with(data, begin, end, prefix):
    i = 0
    while i < len(prefix) and begin + i < end and data[begin + i] == prefix[i]:
        i += 1
    return i == len(prefix)


# ---------------------------------------------------------------------------------------------- tables
@kernel(inline=True)
def find_slot(slots, blob, offsets, data, begin, end, h, first):
    """The slot that holds the word or, where there is none, the empty one for it."""
    mask = np.uint64(len(slots) // 2 - 1)
    s = h & mask
    while True:
        entry = slots[np.uint64(2) * s + np.uint64(1)]
        if entry == 0:
            return s
        if slots[np.uint64(2) * s] == first and entry >> np.uint64(32) == h:
            size = end - begin
            if size < 8:
                return s
            w = entry & np.uint64(_LOW)
            at = offsets[w - np.uint64(1)]
            if offsets[w] - at == size:
                j = 8
                while j < size and eight(blob, at + j, at + size) == eight(data, begin + j, end):
                    j += 8
                if j >= size:
                    return s
        s = (s + np.uint64(1)) & mask


@kernel(inline=True)
def number_at(slots, s):
    """The word at a slot, -1 where it is empty."""
    return np.int64(slots[np.uint64(2) * s + np.uint64(1)] & np.uint64(_LOW)) - 1


@kernel
def enter(slots, s, h, first, number):
    slots[np.uint64(2) * s] = first
    slots[np.uint64(2) * s + np.uint64(1)] = h << np.uint64(32) | np.uint64(number + 1)


@kernel(inline=True)
def add_word(slots, s, h, first, data, begin, end, n, blob, offsets, counts):
    """Make a word number ``n`` of a table, at an empty slot, not counted yet; False where there is no room."""
    used = offsets[n]
    if n >= len(counts) or used + end - begin + PAD > len(blob):
        return False
    enter(slots, s, h, first, n)
    for j in range(begin, end):
        blob[used + j - begin] = data[j]
    offsets[n + 1] = used + end - begin
    counts[n] = 0
    return True


@kernel
def insert_words(slots, blob, offsets, stop):
    """Enter the first ``stop`` words; of equal ones the last stays, as in ``Dictionary::load``."""
    for w in range(stop):
        begin, end = offsets[w], offsets[w + 1]
        first = eight(blob, begin, end)
        h = key_of(blob, begin, end, first)
        enter(slots, find_slot(slots, blob, offsets, blob, begin, end, h, first), h, first, w)


@kernel
def find_words(slots, blob, offsets, data, cuts):
    """Numbers of packed words (with `PAD` bytes behind them), -1 where the table has none: int32[n]."""
    out = np.empty(len(cuts) - 1, np.int32)
    for k in range(len(out)):
        begin, end = cuts[k], cuts[k + 1]
        first = eight(data, begin, end)
        h = key_of(data, begin, end, first)
        out[k] = number_at(slots, find_slot(slots, blob, offsets, data, begin, end, h, first))
    return out


# --------------------------------------------------------------------------------------------- batches
@kernel(inline=True)
def _below_33(word):
    """Of eight bytes, the highest bit of each that is below 33; right up to the first one at least."""
    ones = np.uint64(0x0101010101010101)
    return (word - ones * np.uint64(33)) & ~word & (ones << np.uint64(7))


@kernel(inline=True)
def split(data, i, stop, begins, ends, keys, firsts):
    """The next words of a text, an end of line (of no bytes) for each newline: (where to go on, how many)."""
    n = 0
    while i < stop and n < len(begins):
        first = _load(data, i)
        low, end = _below_33(first), i
        while low == 0 and end < stop:  # eight bytes of one word
            end += 8
            low = _below_33(_load(data, end)) if end < stop else np.uint64(0)
        end += np.int64(trailing_zeros(low) >> np.uint64(3))
        end = min(end, stop)
        while end < stop and not _separates(data[end]):  # a control character: part of a word
            end += 1
        if end == i:
            if data[i] == 10:
                begins[n], ends[n], firsts[n] = i, i, np.uint64(_EOS_FIRST)
                n += 1
            i += 1
            continue
        size = min(end - i, 8)
        first &= np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * size)
        begins[n], ends[n] = i, end
        keys[n], firsts[n] = key_of(data, i, end, first), first
        n += 1
        i = end
        if end < stop and data[end] != 10:
            i += 1
    return i, n


@kernel(inline=True)
def touch(slots, keys, n):
    """Fetch the table's lines of ``n`` words at once. The result is there to be used, so that they are."""
    mask = np.uint64(len(slots) // 2 - 1)
    sum_ = np.uint64(0)
    for k in range(n):
        sum_ ^= slots[np.uint64(2) * (keys[k] & mask)]
    return sum_


@kernel
def _look_up(slots, blob, offsets, data, begins, ends, keys, firsts, n, eos, numbers):
    """Numbers of a batch's words, -1 where the table has none; ``eos`` for a newline."""
    keys[BATCH] = touch(slots, keys, n)
    for k in range(n):
        numbers[k] = eos
        if begins[k] < ends[k]:
            s = find_slot(slots, blob, offsets, data, begins[k], ends[k], keys[k], firsts[k])
            numbers[k] = number_at(slots, s)


@kernel
def batch_arrays():
    """Arrays for a batch: (begins, ends, keys, firsts, numbers); the key behind the last is for `touch`."""
    return (
        np.empty(BATCH, np.int64), np.empty(BATCH, np.int64),
        np.empty(BATCH + 1, np.uint64), np.empty(BATCH, np.uint64), np.empty(BATCH, np.int64),
    )  # fmt: skip


# -------------------------------------------------------------------------------------- to ids: pretraining
@kernel
def word_ids(data, stop, slots, blob, offsets, nwords, eos):
    """In-vocabulary words of a text, ends of line included, in order: (ids int32[n], words read).

    Numbers from ``nwords`` on are labels: -1. ``eos``: number of the end of line, -1 where it has none.
    """
    begins, ends, keys, firsts, numbers = batch_arrays()
    out = np.empty(stop, np.int32)
    i, n, total = 0, 0, 0
    while i < stop:
        i, size = split(data, i, stop, begins, ends, keys, firsts)
        _look_up(slots, blob, offsets, data, begins, ends, keys, firsts, size, eos, numbers)
        total += size
        for k in range(size):
            w = numbers[k]
            if w >= 0:
                out[n] = w if w < nwords else -1
                n += 1
    return out[:n].copy(), total


# ------------------------------------------------------------------------------- to features: supervised
@kernel(inline=True)
def _byte(data, begin, end, i):
    """Byte i of a word between its marks: "<" stands before it, ">" behind."""
    return np.uint8(60) if i < begin else np.uint8(62) if i >= end else data[i]


@kernel
def _ngrams(data, begin, end, minn, maxn, bucket, base, out, k):
    """Write base + bucket of every character n-gram of ``<word>``; returns where ``out`` goes on."""
    stop = end + 1
    for start in range(begin - 1, stop):
        if _byte(data, begin, end, start) & 0xC0 == 0x80:
            continue  # continues the character before
        h = np.uint64(2166136261)
        j, n = start, 1
        while j < stop and n <= maxn:
            h = _mix(h, _byte(data, begin, end, j))
            j += 1
            while j < stop and _byte(data, begin, end, j) & 0xC0 == 0x80:
                h = _mix(h, data[j])
                j += 1
            if n >= minn and not (n == 1 and (start < begin or j == stop)):
                out[k] = np.int32(base + np.int64((h & np.uint64(_LOW)) % bucket))
                k += 1
            n += 1
    return k


@kernel
def subwords(blob, offsets, minn, maxn, bucket, eos):
    """Each packed word's own number, then len(words) + bucket of its character n-grams: (int32[N], offsets).

    Word ``eos`` (-1: none) has no n-grams.
    """
    words = len(offsets) - 1
    cuts = np.zeros(words + 1, np.int64)
    for w in range(words):
        characters = 2  # "<" (with what a word begins with in the middle of a character) and ">"
        for i in range(offsets[w], offsets[w + 1]):
            characters += blob[i] & 0xC0 != 0x80
        size = 1
        if w != eos and bucket > 0:
            for n in range(max(minn, 1), maxn + 1):
                size += max(0, characters - n + 1)
            if minn <= 1 <= maxn:
                size -= 2
        cuts[w + 1] = cuts[w] + size
    out = np.empty(cuts[words], np.int32)
    for w in range(words):
        out[cuts[w]] = w
        if cuts[w + 1] - cuts[w] > 1:
            _ngrams(blob, offsets[w], offsets[w + 1], minn, maxn, bucket, words, out, cuts[w] + 1)
    return out, cuts


@kernel
def word_features(data, size, slots, blob, offsets, nwords, minn, maxn, bucket):
    """Number of a word (-1: in no vocabulary) and of its n-grams: int32[1 + n]. data: uint8[size + PAD]."""
    cuts = np.array([0, size])
    eos = size == 4 and eight(data, 0, size) == np.uint64(_EOS_FIRST)
    out, _ = subwords(data, cuts, minn, maxn, bucket, 0 if eos else -1)
    out[1:] += nwords - 1
    out[0] = find_words(slots, blob, offsets, data, cuts)[0]
    return out


@kernel(inline=True)
def _remainder(h, divisor, inverse):
    """h % divisor by floating point, where the quotient is then off by one at most; divisions are slow."""
    if divisor < np.uint64(1 << 14):
        return h % divisor
    r = np.int64(h - np.uint64(np.float64(h) * inverse) * divisor)
    if r < 0:
        r += np.int64(divisor)
    elif r >= np.int64(divisor):
        r -= np.int64(divisor)
    return np.uint64(r)


@kernel
def _grown(array, used, more):
    """A copy of at least twice the size, with room for ``more`` behind ``used``."""
    grown = np.empty(max(2 * len(array), used + more), array.dtype)
    grown[:used] = array[:used]
    return grown


@kernel
def line_features(
    data, stop, with_eos, rest, slots, blob, offsets, nwords, eos, prefix, known, cuts, minn, maxn, n, bucket
):  # fmt: skip
    """Features and labels of a text's lines, in full numbering.

    A line gives its words' numbers and character n-grams, word by word, then its word n-grams. A newline
    is an end of line, a word too, if ``with_eos``. Behind a literal one the rest of the line is a line of
    its own if ``rest`` (training), else dropped (prediction).

    Args:
        nwords: numbers from here on in the table are labels. eos: number of the end of line, or -1.
        prefix: uint8[]: a word out of the vocabulary that starts so is a label nobody knows; none if empty.
        known, cuts: of `subwords`, empty where maxn is 0. n: longest word n-gram. bucket: uint64.

    Returns:
        (features int32[N], line offsets int64[L + 1], labels int32[T], their offsets int64[L + 1]).
    """
    begins, ends, keys, firsts, numbers = batch_arrays()
    state = np.zeros(6, np.int64)  # sizes of the four arrays to come, is a line open, is its rest dropped
    out, lines = np.empty(stop // 4, np.int32), np.zeros(stop // 64 + 1, np.int64)
    labels, label_lines = np.empty(0, np.int32), np.zeros(len(lines), np.int64)
    words = np.empty(0, np.uint64)  # hashes of the open line
    i = 0
    while i < stop:
        i, size = split(data, i, stop, begins, ends, keys, firsts)
        _look_up(slots, blob, offsets, data, begins, ends, keys, firsts, size, eos, numbers)
        more = size if maxn <= 0 else _most_subwords(begins, ends, numbers, size, nwords, cuts, maxn)
        more += (state[3] + size) * (n - 1)
        if state[0] + more > len(out):
            out = _grown(out, state[0], more)
        if state[1] + BATCH + 2 > len(lines):
            lines = _grown(lines, state[1] + 1, BATCH + 1)
            label_lines = _grown(label_lines, state[1] + 1, BATCH + 1)
        if state[2] + size > len(labels):
            labels = _grown(labels, state[2], size)
        if state[3] + size > len(words):
            words = _grown(words, state[3], size)
        _emit(
            data, begins, ends, firsts, numbers, size, with_eos, rest, nwords, prefix, known, cuts,
            minn, maxn, n, bucket, out, lines, labels, label_lines, words, state,
        )  # fmt: skip
    if state[4]:  # the last line has no newline
        state[0] = _word_ngrams(words, state[3], n, bucket, nwords, out, state[0])
        state[1] += 1
        lines[state[1]], label_lines[state[1]] = state[0], state[2]
    lines, label_lines = lines[: state[1] + 1].copy(), label_lines[: state[1] + 1].copy()
    return out[: state[0]].copy(), lines, labels[: state[2]].copy(), label_lines


@kernel
def _most_subwords(begins, ends, numbers, size, nwords, cuts, maxn):
    """No fewer than the features of a batch's words, word n-grams apart."""
    more = 0
    for k in range(size):
        w = numbers[k]
        if w < 0:
            more += (ends[k] - begins[k] + 2) * maxn
        elif w < nwords:
            more += cuts[w + 1] - cuts[w]
    return more


@kernel
def _emit(
    data, begins, ends, firsts, numbers, size, with_eos, rest, nwords, prefix, known, cuts,
    minn, maxn, n, bucket, out, lines, labels, label_lines, words, state,
):  # fmt: skip
    """Features of one batch into arrays that have room. Apart, since to name an array anew in a loop is slow."""
    eos_is_label = len(prefix) > 0 and _starts_with(np.array([60, 47, 115, 62], np.uint8), 0, 4, prefix)
    filled, nlines, nlabels, nhashes, opened, dropping = state
    plain = n == 1 and maxn <= 0  # a word is one feature
    for k in range(size):
        begin, end, w = begins[k], ends[k], numbers[k]
        if plain and np.uint64(w) < np.uint64(nwords) and firsts[k] != np.uint64(_EOS_FIRST) and not dropping:
            out[filled] = w  # as below, in few steps
            filled += 1
            opened = 1
            continue
        newline = begin == end
        closes = newline
        opened = 1
        if not dropping and (with_eos or not newline):
            if w >= nwords:
                labels[nlabels] = w - nwords
                nlabels += 1
            elif w >= 0 or not (
                len(prefix) > 0 and (eos_is_label if newline else _starts_with(data, begin, end, prefix))
            ):
                if n > 1:
                    words[nhashes] = _EOS_HASH if newline else _fnv(data, begin, end, firsts[k])
                    nhashes += 1
                if maxn <= 0:
                    out[filled] = w
                    filled += w >= 0
                elif w >= 0:
                    for j in range(cuts[w], cuts[w + 1]):
                        out[filled] = known[j]
                        filled += 1
                elif firsts[k] != np.uint64(_EOS_FIRST):
                    filled = _ngrams(data, begin, end, minn, maxn, bucket, nwords, out, filled)
            if firsts[k] == np.uint64(_EOS_FIRST) and not newline:
                dropping = np.int64(not rest)
                closes = rest
        if closes:
            if n > 1:
                filled = _word_ngrams(words, nhashes, n, bucket, nwords, out, filled)
            nlines += 1
            lines[nlines], label_lines[nlines] = filled, nlabels
            nhashes, opened, dropping = 0, 0, 0
    state[0], state[1], state[2], state[3], state[4], state[5] = (
        filled, nlines, nlabels, nhashes, opened, dropping,
    )  # fmt: skip


@kernel
def _word_ngrams(words, size, n, bucket, base, out, k):
    """Write base + bucket of the word n-grams of a line: by first word, then by length."""
    inverse = 1.0 / np.float64(bucket)
    for i in range(size):
        h = np.uint64(np.int64(np.int32(words[i])))  # 32 bits, widened with their sign
        for j in range(i + 1, min(i + n, size)):
            h = h * np.uint64(116049371) + np.uint64(np.int64(np.int32(words[j])))
            out[k] = np.int32(base + np.int64(_remainder(h, bucket, inverse)))
            k += 1
    return k
