"""The shape of a linear head's probabilities: its sums by hand, folded into rows, and a planted fault mended."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from ftcore.training.blend import drift, nats
from ftcore.training.machines import CountedBags
from ftcore.training.shape import Shape, fitted_shape, roots


def test_rows_by_hand():
    shape = Shape(np.array([[2, 0, 0], [0, 2, 1], [0, 1, 2]], np.float32), root=0.5, size=4.0)
    found = shape.of(np.array([[6, 2, 1], [0, 0, 0]], np.float32))
    # less their mean 3, -1, -2; their roots with size 4: sqrt(12), -2, -sqrt(8)
    assert found.tolist()[0] == pytest.approx([6 + 12**0.5 / 2, -4 - 1, -5 - 8**0.5 / 2])
    assert found.tolist()[1] == [0, 0, 0], "what says nothing goes on saying nothing"


def documents(n: int, features: int, seed: int) -> tuple[CountedBags, np.random.Generator]:
    draw = np.random.default_rng(seed)
    counts = csr_matrix(draw.poisson(0.3, (n, features)).astype(np.float32))
    sizes = np.asarray(counts.sum(axis=1)).ravel().astype(np.int64) + 1
    return CountedBags(counts, sizes, np.zeros((n, 1), np.bool_)), draw


def labelled(scores: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """bool[B, C], drawn by the softmax of the scores."""
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)
    return np.eye(scores.shape[1], dtype=np.bool_)[(draw.random(len(p))[:, None] < p).argmax(axis=1)]


def test_rows_in_shape_give_the_scores_that_were_judged():
    bags, draw = documents(3000, 60, 0)
    rows = draw.normal(0, 20, (60, 5)).astype(np.float32)
    rows[::7] *= 8
    truth = 0.6 * bags.means(rows) + 0.5 * bags.means(roots(rows, 20.0))
    gold = labelled(truth, draw)
    scores = bags.means(rows).astype(np.float64)
    shape = fitted_shape(scores, gold, rows, bags.means)
    assert shape.root > 0.1, "the roots tell something"
    before = min(nats(scores * factor, gold, "softmax") for factor in np.geomspace(0.2, 5, 60))
    assert nats(bags.means(shape.of(rows)), gold, "softmax") < before - 0.002
    by_hand = bags.means(rows - rows.mean(axis=1, keepdims=True)) @ shape.matrix
    by_hand += shape.root * bags.means(roots(rows - rows.mean(axis=1, keepdims=True), shape.size))
    assert np.allclose(bags.means(shape.of(rows)), by_hand, atol=1e-3)


def test_roots_that_tell_nothing_weigh_little():
    bags, draw = documents(2000, 60, 1)
    rows = draw.normal(0, 20, (60, 4)).astype(np.float32)
    gold = labelled(bags.means(rows), draw)
    assert fitted_shape(bags.means(rows), gold, rows, bags.means).root ** 2 < 0.04


def test_labels_that_go_together_are_told_apart_with_less_assurance():
    """Two pairs of labels; within a pair the scores are three times as bold as they should be."""
    draw = np.random.default_rng(2)
    pairs = np.repeat(draw.normal(0, 3, (8000, 2)), 2, axis=1)
    within = draw.normal(0, 0.5, (8000, 4))
    gold = labelled(pairs + within, draw)
    bold = pairs + 3 * within
    judged, fresh = slice(0, 4000), slice(4000, None)
    shape = fitted_shape(bold[judged], gold[judged])
    assert shape.matrix[0, 1] > 0.1 > shape.matrix[0, 2], "each borrows from its twin"
    one = fitted_shape(bold[judged], gold[judged], alike=False)
    errors = [drift(s.of(bold[fresh]), gold[fresh]) for s in (one, shape)]
    losses = [nats(s.of(bold[fresh]), gold[fresh], "softmax") for s in (one, shape)]
    assert losses[1] < losses[0] - 0.02 and errors[1] < errors[0]


def test_where_labels_may_not_share_one_temperature_is_left():
    draw = np.random.default_rng(3)
    for labels, alike in ((2, True), (4, False)):
        scores = draw.normal(0, 1, (3000, labels))
        shape = fitted_shape(3 * scores, labelled(scores, draw), alike=alike)
        factor = shape.matrix[0, 0]
        assert np.allclose(shape.matrix, factor * np.eye(labels)) and 0.28 < factor < 0.5


def test_a_label_that_always_has_the_same_score():
    draw = np.random.default_rng(4)
    scores = draw.normal(0, 1, (1000, 3))
    scores[:, 2] = scores[:, :2].mean(axis=1)  # less the mean: always 0
    shape = fitted_shape(scores, labelled(scores, draw))
    assert np.isfinite(shape.matrix).all() and abs(shape.matrix[0, 2]) < 1e-3


def test_labels_of_unequal_boldness_have_factors_of_their_own_where_many_documents_judge():
    draw = np.random.default_rng(5)
    scores = draw.normal(0, 2, (9000, 4))
    gold = labelled(scores, draw)
    unequal = (scores - scores.mean(axis=1, keepdims=True)) * [0.3, 0.3, 1, 3]
    judged, fresh = slice(0, 4000), slice(4000, None)
    many, few = fitted_shape(unequal[judged], gold[judged]), fitted_shape(unequal[:396], gold[:396])
    assert many.matrix.diagonal()[:2].min() > 1.5 * many.matrix[2, 2], "what is timid becomes bolder"
    assert np.ptp(few.matrix.diagonal()) == 0, "396 documents of four labels are too few"
    losses = [nats(shape.of(unequal[fresh]), gold[fresh], "softmax") for shape in (many, few)]
    assert losses[0] < losses[1] - 0.05
