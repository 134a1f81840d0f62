"""Linear machines by dual coordinate descent: scikit-learn's own objective and answers, whatever the threads."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random
from sklearn.svm import LinearSVC

from ftcore.native import solve_machines

NONE = np.zeros((0, 0), np.float32)


def drawn(documents: int, features: int, labels: int, seed: int = 0) -> tuple[csr_matrix, np.ndarray]:
    """Sparse documents whose labels follow from their features, but for some."""
    draw = np.random.default_rng(seed)
    matrix = random(documents, features, 0.05, "csr", np.float32, random_state=seed)
    scores = matrix @ draw.normal(size=(features, labels)) + draw.normal(0, 0.2, (documents, labels))
    return matrix, scores == scores.max(axis=1, keepdims=True)


def solved(matrix, gold, cost, *, squares=NONE, dual=None, tolerance=1e-3, passes=1000, threads=1):
    weight = np.empty((matrix.shape[1], gold.shape[1]), np.float32)
    dual = np.zeros(gold.shape, np.float32) if dual is None else dual
    took = solve_machines(
        matrix.indices.astype(np.int32), matrix.indptr.astype(np.int64), matrix.data.astype(np.float32), gold,
        np.broadcast_to(np.float32(cost), len(gold)).copy(), squares, dual, weight, tolerance, passes, 0, threads,
    )  # fmt: skip
    return weight, dual, took


def objective(matrix, gold, cost, weight) -> np.ndarray:
    losses = np.maximum(0, 1 - np.where(gold, 1, -1) * (matrix @ weight.astype(np.float64))) ** 2
    return 0.5 * (weight.astype(np.float64) ** 2).sum(axis=0) + (losses * np.reshape(cost, (-1, 1))).sum(
        axis=0
    )


@pytest.mark.parametrize("labels", [2, 3, 7, 21])
@pytest.mark.parametrize("strength", [0.1, 1.0, 30.0])
def test_objective_and_decisions_are_those_of_scikit_learn(labels: int, strength: float):
    matrix, gold = drawn(300, 200, labels)
    cost = np.random.default_rng(1).uniform(0.2, 2, 300).astype(np.float32) * np.float32(strength)
    weight, _, _ = solved(matrix, gold, cost)
    theirs = np.stack([
        LinearSVC(C=1.0, fit_intercept=False, tol=1e-6, max_iter=100_000, random_state=0)
        .fit(matrix, yes, sample_weight=cost).coef_[0]
        for yes in gold.T
    ], axis=1)  # fmt: skip
    assert np.allclose(
        objective(matrix, gold, cost, weight), objective(matrix, gold, cost, theirs), rtol=1e-3
    )
    assert np.allclose(matrix @ weight, matrix @ theirs, atol=2e-2)
    assert np.mean((matrix @ weight > 0) == (matrix @ theirs > 0)) > 0.995


def test_the_dual_is_that_of_the_weights():
    """w = sum of y_i a_i x_i, and no slope of the objective is left."""
    matrix, gold = drawn(200, 100, 5)
    weight, dual, _ = solved(matrix, gold, 1.0, tolerance=1e-4)
    signs = np.where(gold, 1, -1)
    assert np.allclose(matrix.T @ (dual * signs), weight, atol=1e-4)
    slopes = weight - 2 * matrix.T @ (signs * np.maximum(0, 1 - signs * (matrix @ weight)))
    assert np.abs(slopes).max() < 2e-3


def test_any_number_of_threads_and_of_labels_gives_the_same_bits():
    matrix, gold = drawn(300, 150, 37)
    weight, dual, _ = solved(matrix, gold, 3.0)
    for threads in (2, 3, 40):
        again, same, _ = solved(matrix, gold, 3.0, threads=threads)
        assert weight.tobytes() == again.tobytes() and dual.tobytes() == same.tobytes()
    alone, _, _ = solved(matrix, np.ascontiguousarray(gold[:, 5:6]), 3.0)
    assert alone[:, 0].tobytes() == weight[:, 5].tobytes()


def test_a_descent_that_starts_at_its_end_has_nothing_to_do():
    matrix, gold = drawn(300, 200, 6)
    weight, dual, took = solved(matrix, gold, 10.0)
    again, _, few = solved(matrix, gold, 10.0, dual=dual.copy())
    assert took > 10 and few <= 2 and np.allclose(weight, again, atol=1e-2)


def test_squares_are_those_of_what_features_are_multiplied_by():
    """Of features multiplied by s, weights w' = s w."""
    matrix, gold = drawn(200, 120, 4)
    scale = np.random.default_rng(2).uniform(0.2, 3, (120, 4)).astype(np.float32)
    weight, _, _ = solved(matrix, gold, 1.0, squares=scale**2, tolerance=1e-4)
    for label in range(4):
        one, _, _ = solved(
            matrix.multiply(scale[:, label]).tocsr(), gold[:, label : label + 1].copy(), 1.0, tolerance=1e-4
        )
        assert np.allclose(weight[:, label], one[:, 0] * scale[:, label], atol=2e-3)


def test_documents_without_cost_do_not_take_part():
    matrix, gold = drawn(200, 100, 3)
    cost = np.where(np.arange(200) < 120, 1.0, 0.0)
    weight, dual, _ = solved(matrix, gold, cost)
    alone, _, _ = solved(matrix[:120], gold[:120], 1.0)
    assert np.allclose(weight, alone, atol=2e-2) and not dual[120:].any()


def test_numbers_that_are_none_end_the_descent():
    matrix, gold = drawn(60, 40, 3)
    matrix.data[7] = np.nan
    assert solved(matrix, gold, 1.0, passes=100_000)[2] < 100_000


def test_an_interrupt_ends_it_within_a_second():
    matrix, gold = drawn(20_000, 2000, 16)
    begun = time.monotonic()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        solved(matrix, gold, 1e6, tolerance=1e-30, passes=100_000)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"ids": np.array([0, 9], np.int32)}, "an id names no row"),
        ({"offsets": np.array([0, 3], np.int64)}, "offsets must rise and stay within the array"),
        ({"values": np.zeros(1, np.float32)}, "a value for each id"),
        ({"gold": np.zeros((1, 1), np.bool_)}, "a row for each document, and a column for each label"),
        ({"squares": np.ones((1, 2), np.float32)}, "squares must be as the weights, or empty"),
        ({"dual": np.full((1, 2), -1, np.float32)}, "a dual is a number from 0 up"),
        ({"tolerance": 0.0}, "tolerance above 0"),
        ({"passes": 0}, "1 to 100000 passes"),
        ({"threads": 0}, "threads must be from 1"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict, says: str):
    fits = {
        "ids": np.array([0, 1], np.int32), "offsets": np.array([0, 2], np.int64), "values": np.ones(2, np.float32),
        "gold": np.eye(1, 2, dtype=np.bool_), "cost": np.ones(1, np.float32), "squares": NONE,
        "dual": np.zeros((1, 2), np.float32), "weight": np.zeros((3, 2), np.float32), "tolerance": 0.1,
        "passes": 5, "seed": 0, "threads": 1,
    }  # fmt: skip
    assert solve_machines(**fits) <= 5
    with pytest.raises(ValueError, match=says):
        solve_machines(**(fits | wrong))
