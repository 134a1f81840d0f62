"""Scores added up and made into probabilities: a regression's own optimum, on documents drawn from known probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ftcore.training.blend import blend, calibrated, drift, nats, slope


def drawn(n: int, labels: int, seed: int, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores and the labels that they give by softmax or, each alone, by the sigmoid."""
    draw = np.random.default_rng(seed)
    scores = draw.normal(0, 1.5, (n, labels))
    if loss == "ova":
        return scores, draw.random(scores.shape) < 1 / (1 + np.exp(-scores))
    p = np.exp(scores)
    chosen = (draw.random(n)[:, None] < np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)).argmax(axis=1)
    return scores, np.eye(labels, dtype=np.bool_)[chosen]


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_weights_are_those_under_which_the_labels_are_most_probable(loss: str):
    scores, gold = drawn(2000, 4, 0, loss)
    noise = np.random.default_rng(1).normal(size=(2, *scores.shape))
    parts = [0.01 * (scores + noise[0]), 30 * (scores + noise[1]), noise[0]]
    found = blend(parts, gold, loss)
    best = nats(sum(w * p for w, p in zip(found, parts, strict=True)), gold, loss)
    for n in range(3):
        for factor in (0.9, 1.1):
            other = found.copy()
            other[n] *= factor
            assert nats(sum(w * p for w, p in zip(other, parts, strict=True)), gold, loss) >= best - 1e-9
    assert (found >= 0).all() and found[2] * 5 < found[0] * 0.01, "noise that is taken away alone is left out"


def test_two_labels_are_a_logistic_regression():
    scores, gold = drawn(500, 2, 3, "softmax")
    draw = np.random.default_rng(4)
    parts = [scores + draw.normal(size=scores.shape), 3 * scores + draw.normal(size=scores.shape)]
    found = blend(parts, gold, "softmax")
    rows = np.stack([part[:, 1] - part[:, 0] for part in parts], axis=1)
    theirs = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-8).fit(rows, gold[:, 1]).coef_[0]
    assert np.allclose(found, theirs, atol=0.02)


def test_scores_that_say_nothing_are_blended_all_the_same():
    gold = np.eye(2, dtype=np.bool_)[[0, 1, 0, 1]]
    found = blend([np.where(gold, -1.0, 1.0), np.where(gold, -2.0, 1.0)], gold, "softmax")
    assert np.isfinite(found).all() and found.sum() > 0


def test_a_temperature_makes_probabilities_right_as_often_as_they_say():
    scores, gold = drawn(5000, 5, 2, "softmax")
    for off in (0.7, 1.4):
        assert drift(scores * off, gold) > 10 * drift(scores, gold)
        left = calibrated(scores * off, gold) * off
        assert abs(np.log(left)) < 0.35 * abs(np.log(off)), "most of it is taken away"
        assert abs(np.log(calibrated(scores[:200] * off, gold[:200]))) < abs(np.log(off)) / 2, (
            "of few documents less"
        )


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_slopes_of_huge_scores_are_numbers(loss: str):
    scores, gold = np.array([[1e4, -1e4], [-1e4, 1e4]]), np.array([[True, False], [True, False]])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        made = slope(scores, gold, loss)
    assert made == pytest.approx(np.array([[0, 0], [-0.5, 0.5]]))


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_slopes_are_those_of_nats(loss: str):
    rng = np.random.default_rng(3)
    scores, gold = rng.normal(size=(6, 4)), np.eye(4, dtype=bool)[rng.integers(4, size=6)]
    step, one = 1e-6, rng.normal(size=(6, 4))
    change = nats(scores + step * one, gold, loss) - nats(scores - step * one, gold, loss)
    assert (slope(scores, gold, loss) * one).sum() == pytest.approx(change / (2 * step), rel=1e-5)
