"""Every width of vectors: the training kernels against the plain reference, where lanes end unevenly and where they do not.

Without torch, so that it runs under any build of the core; `test_processors` runs it on each variant.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ftcore import native
from ftcore.base.ragged import Ragged
from ftcore.engines.cpu.draws import Centres
from tests.reference.sequential import Model, tree_paths
from tests.reference.shared import slow_skipgram

DIMS = [1, 31, 100, 128, 300]  # 100 has kernels of its own
WORDS, BUCKETS, TOKENS, NEG, RATE = 60, 40, 300, 3, 0.1
SLOPE = -RATE / (2 * TOKENS)
COUNTS = list(range(2 * WORDS, WORDS, -1))
NONE = np.zeros(0, np.int32)


def tables(rows: int, outputs: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Tables whose scores are some tenths, whatever the width."""
    rng = np.random.default_rng(0)
    scale = 1 / np.sqrt(dim)
    return tuple(rng.uniform(-scale, scale, (n, dim)).astype(np.float32) for n in (rows, outputs))


def held(found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> None:
    for ours, theirs, before in zip(
        found, expected, tables(len(found[0]), len(found[1]), found[0].shape[1]), strict=True
    ):
        assert np.abs(theirs - before).max() > 1e-3
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)  # fmt: skip


def words(alone: bool) -> Ragged:
    """Rows of each word: its own and some of buckets, one of them named twice; or its own alone."""
    rng = np.random.default_rng(1)
    rows = [[word, *(WORDS + rng.integers(0, BUCKETS, word % 5)).tolist()] for word in range(WORDS)]
    return Ragged.of([row[:1] if alone else row + row[-1:] * (len(row) > 2) for row in rows])


def text() -> Centres:
    """Words in a row that differ within any window."""
    rng = np.random.default_rng(2)
    drawn = np.concatenate([rng.permutation(WORDS) for _ in range(TOKENS // WORDS)])
    at, width = np.arange(TOKENS), rng.integers(1, 4, TOKENS)
    first, last = (
        np.maximum(at - width, at // WORDS * WORDS),
        np.minimum(at + width + 1, (at // WORDS + 1) * WORDS),
    )
    return Centres(*(array.astype(np.int32) for array in (drawn, at, first, last)))  # fmt: skip


def train(model: str, loss: str, shared: bool, dim: int, rows: Ragged, negatives: np.ndarray, slope: float):
    """(tables, result, setup) after the native kernel."""
    made = tables(WORDS + BUCKETS, WORDS, dim)
    gain, alias = np.empty(WORDS, np.float32), np.empty((WORDS, 2), np.uint32)
    ids = np.ascontiguousarray(rows.values, np.int32)
    native.gains(ids, rows.offsets, gain)
    native.alias_table(np.array(COUNTS, float), alias)
    paths = tree_paths(COUNTS)
    nodes, codes = np.array([step for path in paths for step in path]).T
    ends = np.cumsum([0, *map(len, paths)])
    side = native.PretrainTargets(alias.reshape(-1), nodes.astype(np.int32), codes.astype(np.float32), ends)
    result = native.train_centres(
        model, loss, shared, *made, native.PretrainWords(ids, rows.offsets, gain), side, *text(), negatives,
        NEG if loss == "ns" else 0, RATE, slope, 11, np.zeros(1, np.int32),
    )  # fmt: skip
    return made, result, SimpleNamespace(targets=SimpleNamespace(alias=alias), subwords=rows, gain=gain)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(
    "how",
    [*(f"{model} exact {loss}" for model in ("skipgram", "cbow") for loss in ("ns", "hs", "softmax")), "cbow shared ns"],
)  # fmt: skip
def test_pretraining(how: str, dim: int):
    model, sharing, loss = how.split()
    # where CBOW shares windows, words in reach that have a row in common see each other a few centres late
    rows, centres = words(alone=sharing == "shared"), text()
    named, steps = rows.rows(), []
    for i, (first, last) in enumerate(zip(centres.first, centres.last, strict=True)):
        context = [int(w) for k, w in enumerate(centres.words[first:last], first) if k != i]
        bag = [row for word in context for row in named[word]] if model == "cbow" else named[centres.words[i]]
        steps += [(i, bag, target) for target in ([centres.words[i]] if model == "cbow" else context)]
    rng = np.random.default_rng(3)
    negatives = (
        rng.integers(0, WORDS - 1, (len(steps), NEG)) if loss == "ns" else np.zeros((len(steps), 0), int)
    )
    targets = np.array([target for *_, target in steps])[:, None]
    negatives += negatives >= targets
    found, (total, examples, _, broken), _ = train(
        model, loss, sharing == "shared", dim, rows, negatives.astype(np.int32).reshape(-1), SLOPE
    )
    slow = Model(*tables(WORDS + BUCKETS, WORDS, dim), loss, COUNTS, divide=False)
    for (i, bag, target), drawn in zip(steps, negatives.tolist(), strict=True):
        slow.update(np.asarray(bag), int(target), RATE + SLOPE * i, drawn)
    assert (examples, broken) == (len(steps), -1) and np.isfinite(total)
    held(found, (slow.input, slow.output))


@pytest.mark.parametrize("dim", DIMS)
def test_skipgram_that_shares_negatives(dim: int):
    rows = words(alone=False)
    found, (total, examples, _, _), setup = train("skipgram", "ns", True, dim, rows, NONE, 0.0)
    input, output, loss = slow_skipgram(*tables(WORDS + BUCKETS, WORDS, dim), text(), setup, RATE, NEG, 11)
    assert examples == (text().last - text().first - 1).sum()
    assert total == pytest.approx(loss, rel=1e-4)
    held(found, (input, output))  # fmt: skip


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("loss", ["softmax", "ova", "ns", "hs"])
def test_fine_tuning(loss: str, dim: int):
    rng = np.random.default_rng(4)
    documents, labels = 150, 23
    sizes = rng.integers(1, 30, documents)
    sizes[0] = 400  # a long document
    offsets = np.cumsum([0, *sizes])
    ids = rng.zipf(1.4, offsets[-1]).clip(max=WORDS).astype(np.int32) - 1
    order, label = rng.permutation(documents), rng.integers(0, labels, documents)
    counts = list(range(labels + 5, 5, -1))
    negatives = np.array([rng.choice(np.delete(np.arange(labels), name), NEG) for name in label])
    place, row, code, spans = label, NONE, np.zeros(0, np.float32), np.zeros(1, np.int64)
    if loss == "hs":
        paths = tree_paths(counts)
        row, code = np.array([step for path in paths for step in path]).T
        spans = np.cumsum([0, *map(len, paths)])
    elif loss != "softmax":
        row = np.column_stack([label, negatives] if loss == "ns" else [label]).reshape(-1)
        place, spans = np.arange(documents), np.arange(documents + 1) * (NEG + 1 if loss == "ns" else 1)
    made = tables(WORDS, labels, dim)
    rate = RATE * (1 - np.arange(documents) / (2 * documents))
    total, broken = native.train_documents(
        *made, ids, offsets, order, rate.astype(np.float32), np.zeros(0, np.float32),
        ["softmax", "ova", "ns", "hs"].index(loss), place, np.ascontiguousarray(row, np.int32),
        np.ascontiguousarray(code, np.float32), spans, 0.5, 0.0, 0.0, True, np.zeros(0, np.bool_), 1,
    )  # fmt: skip
    slow = Model(*tables(WORDS, labels, dim), loss, counts, divide=True)
    for k, document in enumerate(order):
        bag, name = ids[offsets[document] : offsets[document + 1]], int(label[k])
        slow.update(bag, [name] if loss == "ova" else name, rate[k], negatives[k], lr_head=rate[k] / 2)
    assert broken == -1 and np.isfinite(total)
    held(made, (slow.input, slow.output))
