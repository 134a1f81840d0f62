"""The written-out SIMD code against numpy, at widths that fill lanes and widths that do not."""

import numpy as np
import pytest

from ftcore.engines.cpu.lanes import add_to_rows, fetch_row, move_rows, score_rows, sum_rows
from ftcore.model.kernel import kernel


def kernels(dim, count):
    @kernel(reorder=True)
    def score(table, rows, at, hidden, scores):
        score_rows(table, rows, at, count, hidden, scores, dim)

    @kernel(reorder=True)
    def move(table, rows, at, hidden, grad, steps):
        move_rows(table, rows, at, count, hidden, grad, steps, dim)

    @kernel(reorder=True)
    def gather(table, rows, start, stop, total):
        fetch_row(table, np.int64(rows[start]), dim)
        sum_rows(table, rows, start, stop, total, dim)

    @kernel(reorder=True)
    def scatter(table, rows, start, stop, grad):
        add_to_rows(table, rows, start, stop, grad, dim)

    return score, move, gather, scatter


@pytest.mark.parametrize(("dim", "count"), [(1, 1), (31, 6), (100, 6), (128, 2), (300, 3)])
def test_lanes_are_plain_arithmetic(dim, count):
    score, move, gather, scatter = kernels(dim, count)
    rng = np.random.default_rng(dim)
    table = rng.normal(size=(20, dim)).astype(np.float32)
    before = table.astype(np.float64)
    hidden, grad, steps = (rng.normal(size=n).astype(np.float32) for n in (dim, dim, 8))
    rows = rng.permutation(20).astype(np.int32)
    named = rows[3 : 3 + count]

    scores = np.full(8, 7, np.float32)
    score(table, rows, 3, hidden, scores)
    np.testing.assert_allclose(scores[:count], before[named] @ hidden, atol=1e-4)
    assert (scores[count:] == 7).all()

    expected = grad + steps[:count] @ before[named]
    move(table, rows, 3, hidden, grad, steps)
    np.testing.assert_allclose(grad, expected, atol=1e-4)
    before[named] += np.outer(steps[:count], hidden)
    np.testing.assert_allclose(table, before, atol=1e-5)

    rows[:4] = 5, 9, 9, 2  # a row named twice counts twice
    total = np.ones(dim, np.float32)
    gather(table, rows, 1, 4, total)
    np.testing.assert_allclose(total, 1 + 2 * before[9] + before[2], atol=1e-5)
    scatter(table, rows, 1, 4, total)
    before[9] += 2 * total
    before[2] += total
    np.testing.assert_allclose(table, before, atol=1e-5)
    same = total.copy()
    gather(table, rows, 2, 2, total)  # nothing named, nothing added
    assert (total == same).all()


def test_rows_beyond_two_gigabytes_are_found():
    """Row numbers are int32, but row times dim is not: 25 million rows of 100."""
    _, _, gather, scatter = kernels(100, 1)
    table = np.zeros((25_000_000, 100), np.float32)  # not touched, so it takes no memory
    rows = np.array([24_999_999], np.int32)
    scatter(table, rows, 0, 1, np.ones(100, np.float32))
    total = np.zeros(100, np.float32)
    gather(table, rows, 0, 1, total)
    assert (total == 1).all() and table[24_999_999].sum() == 100
