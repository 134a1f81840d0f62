"""Softmax regression over fastText's own features and pretrained vectors, for few documents.

The labels compete for each document, where machines (`ftcore.training.machines`) ask of one label after the other; with many
labels and few documents of each that tells more. L2 penalty; solved in as many dimensions as there are documents, in which the weights of all
features lie (Kimeldorf and Wahba, "Some results on Tchebycheffian spline functions", 1971).

Shapes: N documents, F features (the dictionary's rows), C labels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ftcore.training.machines import CountedBags, FeatureScales, TooLate, Weighing, scaled

FEW = 20  # documents of each label, on average; of more a machine over the same learns as much
MOST_DOCUMENTS = 4000
LOUDER = 10.0  # a regression wants as much more strength than a machine
STEPS = 100  # of the solver; it takes 20 to 60
_RIDGE = 1e-6  # of documents that are alike


class RegressionSolver:
    """A regression over some documents; each strength starts where the last one ended.

    Example:
        solver = RegressionSolver(scales, documents, Weighing("softmax", vectors=2.0))
        held_out.means(solver.at(1.0)).argmax(axis=1)
    """

    def __init__(self, scales: FeatureScales, documents: CountedBags, weighing: Weighing) -> None:
        from scipy.linalg import cholesky

        self._scales, self._weighing = scales, weighing
        self._matrix = scaled(scales, documents, weighing)
        alike = np.asarray((self._matrix @ self._matrix.T).todense(), np.float64)
        alike[np.diag_indices_from(alike)] += _RIDGE
        self._root = cholesky(alike, lower=True)  # float64[N, N]: the documents in N dimensions
        self._gold = documents.gold / documents.gold.sum(axis=1, keepdims=True)
        self._cost = np.ones(len(documents)) if documents.weights is None else documents.weights.astype(float)
        self._made = np.zeros(self._gold.shape)

    def at(
        self, strength: float, tolerance: float = 0.01, in_time: Callable[[], bool] = lambda: True
    ) -> np.ndarray:
        """Of this strength, times `LOUDER`, float32[F, C]: what each feature adds to the scores.

        Raises:
            TooLate: `in_time` said no.
        """
        from scipy.linalg import solve_triangular
        from scipy.optimize import minimize

        root, gold, cost = self._root, self._gold, self._cost[:, None] * strength * LOUDER

        def lost(flat: np.ndarray) -> tuple[float, np.ndarray]:
            if not in_time():
                raise TooLate
            made = flat.reshape(gold.shape)
            scores = root @ made
            scores -= scores.max(axis=1, keepdims=True)
            shares = np.exp(scores)
            whole = shares.sum(axis=1, keepdims=True)
            value = ((np.log(whole) - (scores * gold).sum(axis=1, keepdims=True)) * cost).sum()
            slope = root.T @ ((shares / whole - gold) * cost) + made
            return float(value + (made * made).sum() / 2), slope.ravel()

        found = minimize(
            lost, self._made.ravel(), jac=True, method="L-BFGS-B",
            options={"maxiter": STEPS, "maxcor": 10, "ftol": 1e-4 * tolerance, "gtol": 1e-4 * tolerance},
        )  # fmt: skip
        self._made = found.x.reshape(gold.shape)
        by_document = solve_triangular(root, self._made, lower=True, trans="T")
        weight = np.asarray(self._matrix.T @ by_document.astype(np.float32))
        return self._scales.rows_of(weight, self._weighing)
