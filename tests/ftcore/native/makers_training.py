"""Arguments for training."""

from __future__ import annotations

import numpy as np

from tests.ftcore.native.fuzzing import Given
from tests.ftcore.native.makers import maker


@maker
def train_documents(g: Given) -> list:
    rows, classes, dim, bags, count = g.size(least=1), g.size(9, 1), g.size(20, 1), g.size(least=1), g.size()
    lengths = g.ints(1, 6, bags)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    ids = g.ints(0, rows, int(offsets[-1]), dtype=np.int32)
    loss = g.size(3)
    spans = g.size(4, 1)
    row = g.ints(0, classes, g.size(20), dtype=np.int32)
    place = g.ints(0, min(spans, classes), count)
    weight = np.ones(count if g.random.random() < 0.5 else 0, np.float32)
    frozen = g.rng.random(rows if g.random.random() < 0.5 else 0) < 0.3
    code = (g.rng.random(len(row)) < 0.5).astype(np.float32)
    return [
        g.floats(rows, dim), g.floats(classes, dim), ids, offsets, g.ints(0, bags, count), np.full(count, 0.1, np.float32),
        weight, loss, place, row, code, g.offsets(spans, len(row)), 1.0, 0.0, 0.0, g.random.random() < 0.8, frozen, g.size(3, 1),
    ]  # fmt: skip


@maker
def softmax_errors(g: Given) -> list:
    n = g.size(40, 1)
    return [g.floats(n), g.size(n - 1)]


@maker
def logistic_errors(g: Given) -> list:
    n = g.size(40)
    return [g.floats(n), g.ints(0, 2, n, dtype=np.float32)]


@maker
def exponentials(g: Given) -> list:
    return [-np.abs(g.floats(g.size(40)))]


@maker
def solve_machines(g: Given) -> list:
    documents, features, labels = g.size(9), g.size(12, 1), g.size(20)
    offsets = np.concatenate(([0], np.cumsum(g.ints(0, 6, documents)))).astype(np.int64)
    ids = g.ints(0, features, int(offsets[-1]), dtype=np.int32)
    squares = np.abs(g.floats(features, labels)) if g.random.random() < 0.5 else np.zeros((0, 0), np.float32)
    return [
        ids, offsets, g.floats(len(ids)), g.rng.random((documents, labels)) < 0.3, np.abs(g.floats(documents)),
        squares, np.abs(g.rng.normal(size=(documents, labels)).astype(np.float32)), g.floats(features, labels), 0.1, g.size(50, 1), g.size(), g.size(3, 1),
    ]  # fmt: skip
