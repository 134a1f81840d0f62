"""fastText's predicted probabilities, slow and obvious (``src/loss.cc``), from one text's scores."""

from __future__ import annotations

import math

import numpy as np

TABLE = [np.float32(1 / (1 + math.exp(-(i * 16 / 512 - 8)))) for i in range(513)]


def table_sigmoid(x: float) -> float:
    if x < -8:
        return 0.0
    if x > 8:
        return 1.0
    return float(TABLE[int((x + 8) * 512 / 8 / 2)])


def table_neighbours(x: float) -> list[float]:
    """`table_sigmoid` just below and above: where a score is at a bin's border, rounding decides."""
    return [table_sigmoid(x - 1e-5), table_sigmoid(x + 1e-5)]


def tree_probability(path: list[tuple[float, bool]]) -> float:
    """Product over (score, is right child) from the root of sigmoid + 1e-5, as hs predicts."""
    found = 1.0
    for score, right in path:
        p = 1 / (1 + math.exp(-score))
        found *= (p if right else 1 - p) + 1e-5
    return found
