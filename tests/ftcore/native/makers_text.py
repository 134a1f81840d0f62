"""Arguments for reading text: words, lines and their features."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import numpy as np

from ftcore.text import letters
from tests.ftcore.native.fuzzing import Given
from tests.ftcore.native.makers import maker

PAD = 8  # bytes behind a text


def text(g: Given, most: int = 200) -> np.ndarray:
    return np.frombuffer(g.text(most) + bytes(PAD), np.uint8).copy()


@maker
def WordTable(g: Given) -> list:
    return list(g.packed(g.size(30), PAD))


@maker
def WordTable____len__(g: Given) -> list:
    return []


@maker
def WordTable__find(g: Given) -> list:
    return list(g.packed(g.size(), PAD))


def _ngrams(g: Given) -> tuple[int, int, int]:
    """minn, maxn, bucket."""
    minn = g.size(4)
    return minn, g.size(minn + 3), g.random.choice((0, 1, 7, 2_000_000))


@maker
def Vocabulary(g: Given) -> list:
    table = g.made("WordTable")
    nwords = g.size(len(table))
    eos = g.size(len(table) - 1, -1)
    known, cuts = np.empty(0, np.int32), np.zeros(1, np.int64)
    if g.random.random() < 0.5:
        known = g.ints(0, max(nwords, 1), g.size(30) if nwords else 0, dtype=np.int32)
        cuts = g.offsets(nwords, len(known))
    minn, maxn, bucket = _ngrams(g)
    prefix = g.random.choice((b"", b"__label__", b"a", b"\0"))
    return [table, nwords, eos, prefix, known, cuts, minn, maxn, g.size(4), bucket]


@maker
def line_features(g: Given) -> list:
    return [text(g), g.random.random() < 0.5, g.random.random() < 0.5, g.made("Vocabulary")]


@maker
def word_features(g: Given) -> list:
    return [text(g, 12), g.made("Vocabulary")]


@maker
def subwords(g: Given) -> list:
    blob, offsets = g.packed(g.size(), PAD)
    return [blob, offsets, *_ngrams(g), g.size(len(offsets) - 2, -1)]


@maker
def word_ids(g: Given) -> list:
    table = g.made("WordTable")
    return [text(g), table, g.size(len(table)), g.size(len(table) - 1, -1)]


@maker
def take_words(g: Given) -> list:
    blob, offsets = g.packed(g.size(least=1), PAD)
    return [blob, offsets, g.ints(0, len(offsets) - 1, g.size())]


@maker
def words_starting_with(g: Given) -> list:
    return [*g.packed(g.size(), PAD), g.text(5)]


@maker
def hash_words(g: Given) -> list:
    return [*g.packed(g.size(), PAD)]


@maker
def ngram_buckets(g: Given) -> list:
    return [*g.packed(g.size(), PAD), g.size(3), g.size(5), g.size(1000)]


@maker
def join_rows(g: Given) -> list:
    blob, offsets = g.packed(g.size(), PAD)
    return [blob, offsets, np.empty(offsets[-1] + len(offsets) - 1 + PAD, np.uint8)]


@maker
def sort_permutation(g: Given) -> list:
    return [g.ints(-3, 4, g.size(400))]


@maker
def WordCounts(g: Given) -> list:
    if g.random.random() < 0.5:
        return []
    blob, offsets = g.packed(g.size(least=1), PAD)
    return [blob, offsets, g.ints(0, 9, len(offsets) - 1), g.ints(0, 99, len(offsets) - 1)]


@maker
def WordCounts__count(g: Given) -> list:
    given = text(g)
    return [given, g.size(len(given) - PAD), g.size(99), g.random.choice((0, 3, 1 << 40))]


@maker
def WordCounts____len__(g: Given) -> list:
    return []


@maker
def WordCounts__live(g: Given) -> list:
    return []


@maker
def WordCounts__take(g: Given) -> list:
    return []


@maker
def WordCounts__merge(g: Given) -> list:
    return [g.made("WordCounts")]


@maker
def break_lines(g: Given) -> list:
    return [g.ints(-1, 5, g.size(99), dtype=np.int32), g.size(3), g.size(4), g.size(9, 5)]


@maker
def mark_buckets(g: Given) -> list:
    nwords, buckets = g.size(), g.size(least=1)
    return [g.ints(0, nwords + buckets, g.size(99), dtype=np.int32), nwords, np.zeros(buckets, np.bool_)]


@maker
def to_signed_rows(g: Given) -> list:
    nwords, buckets = g.size(), g.size(least=1)
    ids = g.ints(0, nwords + buckets, g.size(99), dtype=np.int32)
    return [ids, nwords, g.ints(-1, 99, buckets, dtype=np.int32)]


@maker
def minhash_bands(g: Given) -> list:
    data, offsets, by_characters, characters, words = _documents(g)
    return [
        data,
        offsets,
        by_characters,
        characters,
        words,
        np.empty((g.size(9, 1), len(offsets) - 1), np.uint32),
        g.size(9, 1),
    ]


@maker
def measure_texts(g: Given) -> list:
    blob, offsets = g.packed(g.size())
    return [g.made("Letters"), blob, offsets, np.zeros((len(offsets) - 1, g.module.MEASURES), np.int64)]


@maker
def repeated_ngrams(g: Given) -> list:
    blob, offsets = g.packed(g.size())
    return [blob, offsets, np.zeros((len(offsets) - 1, g.module.REPETITIONS), np.float64)]


@maker
def Phrases(g: Given) -> list:
    return [[g.text(6) or b"a" for _ in range(g.size(9))]]


@maker
def Phrases__count(g: Given) -> list:
    blob, offsets = g.packed(g.size())
    return [blob, offsets, np.zeros((len(offsets) - 1, 3), np.int64)]


@maker
def shingles(g: Given) -> list:
    given = _documents(g)
    return [*given, np.zeros((len(given[1]) - 1, g.module.SKETCH), np.uint64)]


def _documents(g: Given) -> list:
    blob, offsets = g.packed(g.size(), PAD)
    return [blob, offsets, g.ints(0, 2, len(offsets) - 1) > 0, g.size(5, 1), g.size(4, 1)]


@maker
def settle_pairs(g: Given) -> list:
    n = g.size(6, 2)
    later = g.ints(1, n, g.size(5))
    kept, similarity = np.full(n, -1, np.int64), np.zeros(n, np.float32)
    # no such file: none is read that is not ours
    sketches = np.zeros((n, g.module.SKETCH), np.uint64)
    return [later, later - 1, -1, np.arange(n + 1), sketches, g.random.random(), kept, similarity]


@maker
def Letters(g: Given) -> list:
    return [letters.page]


@cache
def _letters(module: ModuleType) -> object:
    """One for all: Python is asked a page of characters once."""
    return module.Letters(letters.page)


@maker
def TokenCutter(g: Given) -> list:
    flags = [g.random.random() < 0.5 for _ in range(5)]
    rules = [g.size(2), g.random.getrandbits(31), g.random.random() < 0.5]
    return [_letters(g.module), *flags, *rules, [g.text(4) for _ in range(g.size(5))]]


@maker
def TokenCutter__cut(g: Given) -> list:
    rows = [g.random.choice(_LINES).encode() for _ in range(g.size(5))]
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    lexicon = g.made("Lexicon") if g.random.random() < 0.7 else None
    return [np.frombuffer(b"".join(rows), np.uint8).copy(), offsets, lexicon, g.size(3, 1)]


@maker
def text_spans(g: Given) -> list:
    line = np.frombuffer(g.random.choice(_LINES).encode(), np.uint8).copy()
    return [_letters(g.module), line, g.random.random() < 0.5, g.random.random() < 0.5]


def _texts(g: Given) -> list:
    rows = [g.random.choice((g.text(40), g.random.choice(_LINES).encode())) for _ in range(g.size(5))]
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return [np.frombuffer(b"".join(rows), np.uint8).copy(), offsets]


@maker
def text_kinds(g: Given) -> list:
    return _texts(g)


@maker
def clean_texts(g: Given) -> list:
    return [*_texts(g), g.random.random() < 0.5, g.random.random() < 0.5]


@maker
def count_scripts(g: Given) -> list:
    return _texts(g)


@maker
def count_byte(g: Given) -> list:
    return [*_texts(g), g.size(255)]


@maker
def wiki_pages(g: Given) -> list:
    lines = [g.random.choice((b'<doc title="a">', b"</doc>", b"a", b"", g.text(9))) for _ in range(g.size(9))]
    return [np.frombuffer(b"\n".join([*lines, b""]), np.uint8).copy(), g.size(99)]


_LINES = [
    "",
    "I don't use C++ 3.5",
    "我用C++写 https://a.cn/b 花了3.5年",
    "👍🏽 🇨🇳 1️⃣",
    "ΟΔΟΣ İ हिन्दी",
    "a.b@c.org\u3000见U.S.",
]
