"""Arguments for pretraining: draws, tables, and centres to train on."""

from __future__ import annotations

import numpy as np

from tests.ftcore.native.fuzzing import Given
from tests.ftcore.native.makers import maker


@maker
def initial_rows(g: Given) -> list:
    n, dim = g.size(), g.size(40)
    return [g.random.getrandbits(64), g.ints(-9, 1 << 41, n), np.empty((n, dim), np.float32)]


@maker
def huffman_tree(g: Given) -> list:
    return [np.sort(g.ints(0, 99, g.size()))[::-1].copy()]


@maker
def table_sizes(g: Given) -> list:
    return [g.ints(0, 99, g.size())]


@maker
def alias_table(g: Given) -> list:
    n = g.size()
    return [g.ints(0, 99, n).astype(np.float64), np.empty((n, 2), np.uint32)]


@maker
def gains(g: Given) -> list:
    words, n = g.size(), g.size(200)
    return [g.ints(0, 9, n, dtype=np.int32), g.offsets(words, n), np.empty(words, np.float32)]


@maker
def draw_centres(g: Given) -> list:
    n, words = g.size(30), g.size(least=1)
    ids = g.ints(0, words, n, dtype=np.int32)
    limits = g.ints(0, 1 << 32, words, dtype=np.uint32)
    filled = [np.empty(n, np.int32) for _ in range(4)]
    return [ids, g.offsets(g.size(), n), limits, g.size(6, 1), g.random.getrandbits(64), *filled]


def _words(g: Given, words: int, rows: int) -> list:
    n = g.size(40)
    return [g.ints(0, rows, n, dtype=np.int32), g.offsets(words, n), g.floats(words)]


def _targets(g: Given, words: int) -> list:
    n = g.size(30)
    alias = np.stack([g.ints(0, 1 << 32, words), g.ints(0, words, words)], 1).astype(np.uint32).reshape(-1)
    codes = g.ints(0, 2, n).astype(np.float32)
    return [alias, g.ints(0, words, n, dtype=np.int32), codes, g.offsets(words, n)]


@maker
def PretrainWords(g: Given) -> list:
    return _words(g, g.size(least=1), g.size(least=1))


@maker
def PretrainTargets(g: Given) -> list:
    return _targets(g, g.size(least=1))


@maker
def train_centres(g: Given) -> list:
    words, rows, dim, n = g.size(40, 1), g.size(least=1), g.random.choice((1, 5, 8, 31, 100)), g.size(40)
    model = g.random.choice(("skipgram", "cbow"))
    loss = g.random.choice(("ns", "ns", "hs", "softmax"))
    neg = g.size(7)
    shared = loss == "ns" and (model == "cbow" or words >= 8 * neg) and g.random.random() < 0.8
    at = np.arange(n)
    first = np.maximum(0, at - g.ints(0, 5, n)).astype(np.int32)
    last = np.minimum(n, at + 1 + g.ints(0, 5, n)).astype(np.int32)
    given = loss == "ns" and not (shared and model == "skipgram") and g.random.random() < 0.3
    negatives = g.ints(0, words, int((last - first).sum()) * neg if given else 0, dtype=np.int32)
    return [
        model, loss, shared, g.floats(rows, dim), g.floats(words, dim),
        g.module.PretrainWords(*_words(g, words, rows)), g.module.PretrainTargets(*_targets(g, words)),
        g.ints(0, words, n, dtype=np.int32), at.astype(np.int32), first, last,
        negatives, neg, 0.1, -0.001, g.random.getrandbits(64), np.zeros(1, np.int32),
    ]  # fmt: skip
