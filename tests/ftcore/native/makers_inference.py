"""Arguments for means, products and the choice of the best."""

from __future__ import annotations

import numpy as np

from tests.ftcore.native.fuzzing import Given
from tests.ftcore.native.makers import maker


@maker
def mean_rows(g: Given) -> list:
    rows, extra, dim, lines, n = g.size(least=1), g.size(), g.size(40), g.size(), g.size(30)
    ids = g.ints(-extra, rows, n, dtype=np.int32)
    return [g.floats(rows, dim), g.floats(extra, dim), ids, g.offsets(lines, n) if lines else np.zeros(1, np.int64), np.empty((lines, dim), np.float32)]  # fmt: skip


@maker
def folded_means(g: Given) -> list:
    rows, columns, lines, n = g.size(least=1), g.size(9, 1), g.size(), g.size(30)
    folded = g.floats(rows, columns)
    folded[g.rng.random(rows) < 0.2] = 0
    ids = g.ints(0, rows, n, dtype=np.int32)
    return [folded, ids, g.offsets(lines, n), np.empty((lines, columns), np.float32), np.empty(n, np.int32)]


@maker
def products(g: Given) -> list:
    n, rows, dim = g.size(), g.size(), g.size(40)
    return [g.floats(n, dim), g.floats(rows, dim), np.empty((n, rows), np.float32)]


@maker
def fold_rows(g: Given) -> list:
    n, rows, labels, dim = g.size(), g.size(least=1), g.size(9, 1), g.size(40)
    places = g.ints(0, rows, n, dtype=np.int32)
    return [g.floats(n, dim), g.floats(labels, dim), places, np.zeros((rows, labels), np.float32)]


@maker
def add_unit(g: Given) -> list:
    dim = g.size(40)
    return [g.floats(dim), g.floats(dim)]


def _features(g: Given) -> tuple[np.ndarray, int, np.ndarray]:
    """Features in full numbering, the number of words, and the row of each bucket."""
    nwords, buckets = g.size(least=1), g.size(least=1)
    rows = g.ints(-1, 99, buckets, dtype=np.int32)
    return g.ints(0, nwords + buckets, g.size(30), dtype=np.int32), nwords, rows


@maker
def keep_rows(g: Given) -> list:
    ids, nwords, rows = _features(g)
    offsets = g.offsets(g.size(), len(ids))
    return [ids, offsets, nwords, rows, np.empty(len(ids), np.int32), np.empty(len(offsets), np.int64)]


@maker
def bucket_places(g: Given) -> list:
    ids, nwords, rows = _features(g)
    return [ids, nwords, rows, np.empty(len(ids), np.int32)]


def choice(g: Given, lines: int, k: int) -> list:
    """What a choice fills: labels, probabilities, where lines end."""
    return [np.empty(lines * k, np.int32), np.empty(lines * k, np.float32), np.empty(lines + 1, np.int64)]


def tree(g: Given, leaves: int) -> tuple[np.ndarray, np.ndarray]:
    """Children of each inner node, a pair of those that have no parent yet."""
    left, right, free = [], [], list(range(leaves))
    for node in range(leaves, 2 * leaves - 1):
        g.random.shuffle(free)
        left.append(free.pop())
        right.append(free.pop())
        free.append(node)
    return np.array(left, np.int32), np.array(right, np.int32)


@maker
def best_labels(g: Given) -> list:
    lines, labels, k, n = g.size(), g.size(9, 1), g.size(5, 1), g.size(30)
    sigmoid = (1 / (1 + np.exp(-np.linspace(-8, 8, 513)))).astype(np.float32)
    offsets = g.offsets(lines, n)
    threshold = g.random.choice((0.0, 0.3, 2.0))
    return [g.floats(lines, labels), offsets, g.size(1), sigmoid, k, threshold, *choice(g, lines, k)]


@maker
def best_leaves(g: Given) -> list:
    lines, labels, k, n, dim = g.size(), g.size(9, 1), g.size(5, 1), g.size(30), g.size(9)
    left, right = tree(g, labels)
    folded = g.random.random() < 0.5
    hidden = g.floats(lines, labels if folded else dim)
    output = g.floats(labels, dim)
    offsets = g.offsets(lines, n)
    threshold = g.random.choice((0.0, 0.3, 2.0))
    return [hidden, output, folded, offsets, left, right, k, threshold, *choice(g, lines, k)]


@maker
def best_of(g: Given) -> list:
    n = g.size(30)
    return [g.floats(n), g.ints(-1, n + 1, g.size(5), dtype=np.int32), g.size(40)]
