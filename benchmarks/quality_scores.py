"""Scores of `benchmarks.quality`: accuracy, and how far what a classifier says it is sure of is off what is right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.quality_sets import Part

BINS = 15


def accuracy(said: Sequence[str], part: Part) -> float:
    """Share of right labels (with their prefix)."""
    return float(np.mean([a == f"__label__{b}" for a, b in zip(said, part.labels, strict=True)]))


def calibration(said: Sequence[str], sure: Sequence[float] | np.ndarray, part: Part) -> dict:
    """The error and its bound."""
    right = np.array([a == f"__label__{b}" for a, b in zip(said, part.labels, strict=True)])
    held = np.minimum(np.asarray(sure, np.float64), 1)
    return {"ece": calibration_error(held, right), "ece_perfect": perfect_error(held)}


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over `BINS` equal ranges of probability.

    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, True]))
    0.1
    """
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    return round(
        float(sum(abs((sure[place == b] - right[place == b]).sum()) for b in range(BINS)) / len(sure)), 6
    )


def perfect_error(sure: np.ndarray, draws: int = 200) -> float:
    """Below what 95 % of models that are right as often as they say stay, on as many documents."""
    draw = np.random.default_rng(0)
    return float(
        np.quantile([calibration_error(sure, draw.random(len(sure)) < sure) for _ in range(draws)], 0.95)
    )
