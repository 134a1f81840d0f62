"""Scores of several classifiers added up to one, and made into probabilities, by documents that none has seen.

Shapes: B documents, C labels, N classifiers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

ASSURED = 1000  # documents at which half of what was found to be off is believed
USUAL = 0.11  # the logarithm of what validation sets of seven tasks find, on average (0 to .3)
SURE = 500  # documents that may say how often probabilities are right
_LEAST = 0.01  # share of a blend below which a classifier is left out


def blend(scores: Sequence[np.ndarray], gold: np.ndarray, loss: str) -> np.ndarray:
    """float64[N], what each classifier's scores are multiplied by before they are added up, from 0 up.

    Under these weights the labels that the documents have are most probable: a regression of N numbers, which is
    convex (stacking: Breiman, "Stacked regressions", 1996). Their size makes probabilities of the sum.

    Args:
        scores: float[B, C] of each classifier.
        gold: bool[B, C].
        loss: softmax or ova.

    Example:
        >>> scores = np.array([[2.0, 1.0], [1.0, 2.0], [3.0, 1.0], [2.0, 2.5], [1.0, 1.2]])
        >>> gold = np.array([[1, 0], [0, 1], [1, 0], [1, 0], [0, 1]], bool)
        >>> round(float(blend([scores, np.zeros((5, 2))], gold, "softmax")[0]))
        2
    """
    from scipy.optimize import minimize

    sizes = np.array([max(float(one.std()), 1e-12) for one in scores])
    scaled = [one / size for one, size in zip(scores, sizes, strict=True)]

    def lost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        whole = added(weights, scaled)
        by_score = slope(whole, gold, loss)
        return nats(whole, gold, loss), np.array([(by_score * one).sum() for one in scaled])

    count = len(scores)
    found = minimize(
        lost, np.full(count, 4 / count), jac=True, bounds=[(0, 1e4)] * count, method="L-BFGS-B"
    ).x
    if not found.any():  # no classifier says anything: all of them together say as little
        found = np.full(count, 1 / count)
    return np.where(found < _LEAST * found.sum(), 0, found) / sizes


def calibrated(scores: np.ndarray, gold: np.ndarray) -> float:
    """What scores are multiplied by so that their softmax is right as often as it says, of sure and of unsure documents (`drift`).

    Hinge losses leave scores that are too bold where they are sure and too timid elsewhere; the weights of `blend`,
    which avoid bold mistakes, then make them timid on average. Few documents may be off by chance; the fewer there are,
    the nearer the factor stays to what is usual.
    """
    powers = np.linspace(-0.7, 0.7, 57)
    found = powers[np.argmin([drift(scores * np.exp(power), gold) for power in powers])]
    return float(np.exp((found * len(gold) + USUAL * ASSURED) / (len(gold) + ASSURED)))


def drift(scores: np.ndarray, gold: np.ndarray) -> float:
    """How far what the softmax says and how often it is right drift apart, from the least sure document to the surest.

    It is the mean square of the sum, so far, of their differences, which needs no bins (Gupta et al., "Calibration of neural networks
    using splines", ICLR 2021, take its maximum).

    Example:
        >>> even = np.array([[0.0, 0.0], [0.0, 0.0]])  # each is said at one half
        >>> drift(even, np.array([[1, 0], [0, 1]], bool)), drift(even, np.array([[1, 0], [1, 0]], bool))
        (0.03125, 0.15625)
    """
    top = scores.argmax(axis=1)
    sure = 1 / np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)
    right = gold[np.arange(len(gold)), top]
    order = np.argsort(sure, kind="stable")
    return float(((np.cumsum((sure - right)[order]) / len(gold)) ** 2).mean())


def added(weights: Iterable[float], parts: Iterable[np.ndarray]) -> np.ndarray:
    """The parts' sum, each times its weight, as precise as the first; parts may be made one by one."""
    whole: np.ndarray | None = None
    for weight, part in zip(weights, parts, strict=True):
        own = part * part.dtype.type(weight)
        whole = own if whole is None else whole + own
    assert whole is not None
    return whole


def nats(scores: np.ndarray, gold: np.ndarray, loss: str) -> float:
    """Mean over documents of minus the log probability of what is gold, as `training.validation` counts it."""
    if loss == "ova":
        return float(np.logaddexp(0, np.where(gold, -scores, scores)).sum(axis=1).mean())
    top = scores.max(axis=1, keepdims=True)
    log_p = scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
    return float(-((log_p * gold).sum(axis=1) / gold.sum(axis=1)).mean())


def slope(scores: np.ndarray, gold: np.ndarray, loss: str) -> np.ndarray:
    """Of `nats` by each score, float[B, C]."""
    if loss == "ova":
        return (np.exp(-np.logaddexp(0, -scores)) - gold) / len(gold)
    made = np.exp(scores - scores.max(axis=1, keepdims=True))
    made /= made.sum(axis=1, keepdims=True)
    return (made - gold / gold.sum(axis=1, keepdims=True)) / len(gold)
