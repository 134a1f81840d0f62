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


# ------------------------------------------------------------------------------- whole models, one or many lines
def _model(g: Given) -> tuple[object, int, int]:
    """A vocabulary with a label among its words, and rows that are its own."""
    words = [b"</s>", b"film", "里".encode(), b"word-of-many-bytes", b"a"][g.size(4) :]
    packed = np.frombuffer(b"".join([*words, b"__label__x"]) + bytes(8), np.uint8).copy()
    cuts = np.cumsum([0, *map(len, words), 10]).astype(np.int64)
    table = g.module.WordTable(packed, cuts)
    eos = 0 if words[:1] == [b"</s>"] else -1
    minn, bucket = g.size(2), g.random.choice((0, 1, 97))
    known, ends = np.empty(0, np.int32), np.zeros(1, np.int64)
    if g.random.random() < 0.5:
        known, ends = g.module.subwords(
            packed[: cuts[-2] + 8], cuts[:-1], minn, minn + 1 if bucket else 0, bucket, eos
        )
    vocabulary = g.module.Vocabulary(
        table,
        len(words),
        eos,
        b"__label__",
        known,
        ends,
        minn,
        minn + 1 if bucket else 0,
        g.size(3, 1),
        bucket,
    )
    return vocabulary, len(words), bucket


def _rows(g: Given, nwords: int, bucket: int, coded: bool = False, dim: int = 0) -> list:
    """Arguments of `Rows` for so many features."""
    kind, dim = g.random.choice(("all", "occurring", "pruned")), dim or g.size(20, 1)
    rows = nwords + (bucket if kind == "all" else g.size(bucket))
    places = g.ints(-1, rows, bucket, dtype=np.int32) if kind != "all" else None
    table = None if coded and g.random.random() < 0.2 else g.floats(rows, dim)
    return [
        table,
        rows,
        dim,
        nwords,
        bucket,
        places,
        kind == "pruned",
        g.random.choice((0, 7, (1 << 64) - 1)),
    ]


@maker
def Rows(g: Given) -> list:
    return _rows(g, g.size(), g.size())


@maker
def Predictor(g: Given) -> list:
    vocabulary, nwords, bucket = _model(g)
    given = _rows(g, nwords, bucket, coded=True)
    labels, kind = g.size(5, 1), g.size(2)
    left, right = tree(g, labels)
    places = given[1] if given[6] else nwords + bucket
    folded = np.zeros((places, labels), np.float32) if given[0] is None or g.random.random() < 0.5 else None
    sigmoid = (1 / (1 + np.exp(-np.linspace(-8, 8, 513)))).astype(np.float32)
    return [vocabulary, g.module.Rows(*given), g.floats(labels, given[2]), folded, kind, sigmoid, left, right]


def _strings(g: Given) -> list:
    return [g.string() if g.random.random() < 0.7 else g.text() for _ in range(g.size(9))]


@maker
def Predictor__lines(g: Given) -> list:
    return [_strings(g), g.size(6, 1), g.random.choice((0.0, 0.3, 2.0)), g.size(3)]


@maker
def Predictor__scores(g: Given) -> list:
    return [_strings(g) * g.random.choice((1, 1, 300)), g.size(3)]


@maker
def Predictor__text(g: Given) -> list:
    text = np.frombuffer(g.text(200) + bytes(8), np.uint8).copy()
    return [text, g.size(6, 1), g.random.choice((0.0, 0.3, 2.0))]


@maker
def NamedAnswers(g: Given) -> list:
    arguments = Predictor(g)
    names = [g.string() for _ in range(len(arguments[2]))]
    return [g.module.Predictor(*arguments), names, g.size(3)]


@maker
def NamedAnswers__predict(g: Given) -> list:
    given = g.string() if g.random.random() < 0.5 else _strings(g) * g.random.choice((1, 1, 700))
    return [given, g.size(6, -1), g.random.choice((0.0, 0.3, 2.0)), "strict"]


@maker
def WordVectors(g: Given) -> list:
    vocabulary, nwords, bucket = _model(g)
    return [vocabulary, g.module.Rows(*_rows(g, nwords, bucket, dim=8))]


@maker
def WordVectors__word(g: Given) -> list:
    return _strings(g)[:1] or ["film"]


@maker
def WordVectors__sentence(g: Given) -> list:
    return _strings(g)[:1] or ["film a"]


@maker
def WordVectors__line(g: Given) -> list:
    return _strings(g)[:1] or ["film a"]


@maker
def WordVectors__words(g: Given) -> list:
    n = g.size()
    return [*g.packed(n, 8), np.empty((n, 8), np.float32)]
