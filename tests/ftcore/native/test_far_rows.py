"""Rows that lie beyond 2**31 bytes, 2**31 numbers and 2**32 numbers of a table: the same bits as in a small one.

A table of 17 GB is mapped without being reserved: only pages that are written cost memory. Each call is made twice, on
the last rows of such a table and on a small table that consists of them; a row found by a number of 32 bits would
be another one, or none.
"""

from __future__ import annotations

import mmap

import numpy as np
import pytest

from ftcore import native
from ftcore.dictionary.lookup import Words
from tests.reference.sequential import tree_paths

pytestmark = pytest.mark.slow
NEAR = 50  # rows of the small table
DIMS = [100, 1000]  # the first has kernels of its own
SIGMOID = (1 / (1 + np.exp(-np.linspace(-8, 8, 513)))).astype(np.float32)


def far(dim: int) -> np.ndarray:
    """float32[R, dim] of zeros, the last `NEAR` rows beyond 2**32 numbers; R is a multiple of NEAR."""
    rows = (2**32 // dim // NEAR + 2) * NEAR
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    table = np.frombuffer(mmap.mmap(-1, 4 * rows * dim, flags=flags), np.float32).reshape(rows, dim)
    assert (rows - NEAR) * dim > 2**32
    return table


def filled(dim: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(a far table, a near one) with the same last rows."""
    near = np.random.default_rng(seed).normal(scale=0.3, size=(NEAR, dim)).astype(np.float32)
    table = far(dim)
    table[-NEAR:] = near
    return table, near


def same(table: np.ndarray, near: np.ndarray, before: np.ndarray) -> None:
    assert (near != before).any() and np.isfinite(near).all()
    assert table[-NEAR:].tobytes() == near.tobytes()
    assert not table[: 2 * NEAR].any(), "rows at the beginning were written"


# ------------------------------------------------------------------------------------------- training
def sides(shift: int, words: int, loss: str) -> list:
    """PretrainWords and PretrainTargets; all that is drawn are the last `NEAR` words, in the same order for any number."""
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 5, NEAR)
    rows = rng.integers(0, NEAR, sizes.sum()).astype(np.int32) + np.int32(shift)
    offsets = np.zeros(words + 1, np.int64)
    offsets[-NEAR:] = np.cumsum(sizes)
    gain = np.ones(words, np.float32)
    gain[-NEAR:] = rng.uniform(0.3, 1.5, NEAR)
    alias = np.zeros((words, 2), np.uint32)
    alias[:, 1] = words - NEAR + np.arange(words) // (words // NEAR)
    given = np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64)
    if loss == "hs":
        paths = tree_paths(list(range(NEAR, 0, -1)))
        ends = np.zeros(words + 1, np.int64)
        ends[-NEAR:] = np.cumsum([len(path) for path in paths])
        nodes, codes = np.array([step for path in paths for step in path]).T
        given = (nodes + (words - NEAR)).astype(np.int32), codes.astype(np.float32), ends
    return [native.PretrainWords(rows, offsets, gain), native.PretrainTargets(alias.reshape(-1), *given)]  # fmt: skip


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("how", ["skipgram ns shared", "cbow ns shared", "skipgram ns", "cbow ns", "skipgram hs", "cbow hs",
                                 "skipgram softmax"])  # fmt: skip
def test_pretraining(how: str, dim: int):
    model, loss, *shared = how.split()
    tables, outputs = filled(dim), filled(dim, 1)
    if loss == "softmax":  # it scores every row of the output
        outputs = outputs[1].copy(), outputs[1]
    before = tables[1].copy(), outputs[1].copy()
    rng = np.random.default_rng(2)
    words, at = rng.integers(0, NEAR, 200), np.arange(200)
    first, last = np.maximum(at - 3, 0).astype(np.int32), np.minimum(at + 4, 200).astype(np.int32)
    results = []
    for input, output in zip(tables, outputs, strict=True):
        centres = (words + len(output) - NEAR).astype(np.int32), at.astype(np.int32), first, last
        results.append(
            native.train_centres(
                model,
                loss,
                bool(shared),
                input,
                output,
                *sides(len(input) - NEAR, len(output), loss),
                *centres,
                np.zeros(0, np.int32),
                2,
                0.05,
                0.0,
                7,
                np.zeros(1, np.int32),
            )  # fmt: skip
        )
    assert results[0] == results[1] and results[0][1] > 100
    same(*tables, before[0])
    assert outputs[0][-NEAR:].tobytes() == outputs[1].tobytes() and (outputs[1] != before[1]).any()


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("loss", [0, 1, 2, 3])
def test_fine_tuning(loss: int, threads: int, dim: int):
    """Heads of one-vs-all and softmax are scored whole, so they are small; so are those that threads have copies of."""
    tables, heads = filled(dim), filled(dim, 1)
    if loss < 2:
        heads = heads[1].copy(), heads[1]
    before, count = tables[1].copy(), 400
    rng = np.random.default_rng(3)
    ids, place = rng.integers(0, NEAR, count * 9).astype(np.int32), rng.integers(0, NEAR, count)
    spans = np.arange(NEAR + 1) * 4
    for input, head in zip(tables, heads, strict=True):
        row = np.random.default_rng(4).permuted(np.tile(np.arange(NEAR), (NEAR, 1)), axis=1)[:, :4].ravel()
        native.train_documents(
            input, head, ids + np.int32(len(input) - NEAR), np.arange(count + 1) * 9, np.arange(count),
            np.full(count, 0.1 if threads == 1 else 1e-3, np.float32), np.zeros(0, np.float32), loss, place,
            (row + len(head) - NEAR).astype(np.int32), (row % 2).astype(np.float32), spans, 1.0, 0.0, 0.0, True,
            np.zeros(0, np.bool_), threads,
        )  # fmt: skip
    if threads == 1:
        same(*tables, before)
        assert heads[0][-NEAR:].tobytes() == heads[1].tobytes()
        return
    moved = tables[1] - before
    assert np.abs(moved).max() > 1e-4 and not tables[0][: 2 * NEAR].any()
    np.testing.assert_allclose(tables[0][-NEAR:] - before, moved, atol=0.05 * np.abs(moved).max())


# ------------------------------------------------------------------------------------------- reading
@pytest.mark.parametrize("dim", DIMS)
def test_means_and_folded_rows(dim: int):
    rng = np.random.default_rng(5)
    ids, offsets = rng.integers(0, NEAR, 60).astype(np.int32), np.array([0, 7, 30, 60])
    found = []
    for table in filled(dim):
        shifted, out = ids + np.int32(len(table) - NEAR), np.empty((3, dim), np.float32)
        native.mean_rows(table, table[:0], shifted, offsets, out)
        found.append(out)
        missing = np.empty(60, np.int32)
        assert native.folded_means(table, shifted, offsets, folded := np.empty_like(out), missing) == 0
        found.append(folded)
    assert found[0].any() and len({part.tobytes() for part in found}) == 1
    entered = far(dim)
    output, rows = rng.normal(size=(dim, 8)).astype(np.float32), rng.normal(size=(3, 8)).astype(np.float32)
    places = np.array([len(entered) - 1, len(entered) - NEAR, len(entered) - 9], np.int32)
    native.fold_rows(rows, output, places, entered)
    native.products(rows, output, expected := np.empty((3, dim), np.float32))
    assert entered[places].tobytes() == expected.tobytes() and not entered[: 2 * NEAR].any()


def test_products():
    table, near = filled(1000)
    hidden = np.random.default_rng(6).normal(size=(2, 1000)).astype(np.float32)
    out, expected = np.empty((2, len(table)), np.float32), np.empty((2, NEAR), np.float32)
    native.products(hidden, table, out)
    native.products(hidden, near, expected)
    assert out[:, -NEAR:].tobytes() == expected.tobytes() and not out[:, :-NEAR].any()


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("dim", DIMS)
def test_predictions_and_vectors(dim: int, folded: bool):
    """Buckets by the million: n-grams of words fall all over the table."""
    words, labels = [b"</s>", b"film", "电影".encode(), b"dull"], 3
    table = far(dim)
    rng, bucket = np.random.default_rng(7), len(table) - len(words)
    packed = Words.of([*words, b"__label__x"])
    vocabulary = native.Vocabulary(
        native.WordTable(packed.blob, packed.offsets), len(words), 0, b"__label__",
        np.zeros(0, np.int32), np.zeros(1, np.int64), 0, 0, 3, bucket,
    )  # fmt: skip
    lines = [f"film 电影 dull {i} {i + 1} film dull film" for i in range(40)]
    text = np.frombuffer("".join(f"{line}\n" for line in lines).encode() + bytes(8), np.uint8)
    ids, ends, *_ = native.line_features(text, True, False, vocabulary)
    table[np.unique(ids)] = rng.normal(size=(len(np.unique(ids)), dim)).astype(np.float32)
    assert (ids.astype(np.int64) * dim > 2**31).sum() > 50
    rows = native.Rows(table, len(table), dim, len(words), bucket, None, False, 0)
    output = rng.normal(scale=0.1, size=(labels, dim)).astype(np.float32)
    place = np.zeros((len(table), labels), np.float32) if folded else None
    none = np.zeros(0, np.int32)
    model = native.Predictor(vocabulary, rows, output, place, native.SOFTMAX, SIGMOID, none, none)
    label, found, *_ = model.lines(lines, labels, 0.0)
    vectors = native.WordVectors(vocabulary, rows)
    for b, line in enumerate(lines):
        mean = table[ids[ends[b] : ends[b + 1]]].mean(0, dtype=float)
        scores = np.exp(output.astype(float) @ mean)
        at = slice(labels * b, labels * (b + 1))
        np.testing.assert_allclose(found[at], (scores / scores.sum())[label[at]], rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(vectors.line(line), mean, atol=1e-5)
