"""Scores of a linear head given the shape of probabilities, by documents that it has not seen, and folded into its rows.

A temperature makes scores larger or smaller, all alike. What hinge losses and the division by a text's size leave is off in shape as
well: too bold where they are sure and too timid elsewhere. A few more numbers mend part of it, and keep the head linear in the
features:

* of each label's score a part is replaced by that of the labels which go with it (their scores' correlations), so that labels between which
  texts are in doubt are told apart with more or with less assurance than labels that have nothing to do with each other;
* beside each row stands its root, entry by entry, in which what one feature says of a label weighs less, and what many say more;
* each label has a factor of its own, where there are many documents a label.

The numbers are those under which the documents' labels are most probable; then a factor makes the softmax right as often as it says
(`ftcore.training.blend.calibrated`). Two labels share nothing, and roots gain nothing there: the factor alone is left.

Shapes: B documents, F features, C labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.training.blend import added, calibrated, nats, slope

_ROWS = 65536  # given their shape at a time
_EACH = 100  # documents a label, on average, which may give each a factor of its own
_PULL = 10.0  # documents by which such factors are drawn to those of all labels


@dataclass(frozen=True)
class Shape:
    """What becomes of rows, less their mean over the labels: themselves times a matrix, and their roots.

    Attributes:
        matrix: float32[C, C].
        root: what a row's root is multiplied by.
        size: of an entry that is as large as its root.

    Example:
        shape = fitted_shape(held_out.means(rows), held_out.gold, rows, held_out.means)
        probabilities = softmax(held_out.means(shape.of(rows)))
    """

    matrix: np.ndarray
    root: float = 0.0
    size: float = 1.0

    def of(self, rows: np.ndarray) -> np.ndarray:
        """float32[F, C]: the rows in this shape."""
        made = np.empty(rows.shape, np.float32)
        for start in range(0, len(rows), _ROWS):
            some = centred(rows[start : start + _ROWS])
            made[start : start + _ROWS] = some @ self.matrix
            if self.root:
                made[start : start + _ROWS] += np.float32(self.root) * roots(some, self.size)
        return made


def centred(scores: np.ndarray) -> np.ndarray:
    """Less the mean over the labels, of which a softmax sees nothing."""
    return scores - scores.mean(axis=1, keepdims=True)


def roots(rows: np.ndarray, size: float) -> np.ndarray:
    """Of each entry the root, with its sign; one of this size stays as it is.

    Example:
        >>> roots(np.array([4.0, -1.0]), 4.0).tolist()
        [4.0, -2.0]
    """
    return np.copysign(np.sqrt(np.abs(rows) * rows.dtype.type(size)), rows)


def fitted_shape(
    scores: np.ndarray,
    gold: np.ndarray,
    rows: np.ndarray | None = None,
    means: Callable[[np.ndarray], np.ndarray] | None = None,
    alike: bool = True,
) -> Shape:
    """The shape under which the labels of documents are most probable, made right as often as it says.

    Args:
        scores: float[B, C] of documents that taught nothing.
        gold: bool[B, C].
        rows: float32[F, C], of which the scores were made; without them, or with two labels, no roots take part.
        means: rows -> the scores that they give the documents.
        alike: whether labels may share their scores; of two there is nothing to share.
    """
    scores, labels = centred(np.asarray(scores, np.float64)), scores.shape[1]
    alike = alike and labels > 2
    together = _correlations(scores) if alike else np.zeros((labels, labels))
    parts = [scores, scores @ together] if alike else [scores]
    size, rooted = 1.0, False
    if rows is not None and means is not None and labels > 2:
        rooted = True
        size = float(np.sqrt(rows.var(axis=1).mean()))
        parts.append(means(Shape(np.zeros((labels, labels), np.float32), 1.0, size).of(rows)))
    weights, own = _weighed(parts, gold, alike and len(gold) >= _EACH * labels)
    factor = calibrated(added(weights, parts) + scores * own, gold)
    matrix = np.diag(weights[0] + own) + (weights[1] * together if alike else 0)
    root = float(weights[-1]) if rooted else 0.0
    return Shape((factor * matrix).astype(np.float32), factor * root, size)


def _correlations(scores: np.ndarray) -> np.ndarray:
    """float64[C, C], correlations of the labels' scores over the root of C; of a label whose scores are all the same there is none."""
    apart = scores - scores.mean(axis=0)
    lengths = np.linalg.norm(apart, axis=0)
    some = lengths > 1e-6 * lengths.max()
    apart = np.where(some, apart / np.where(some, lengths, 1), 0)
    return apart.T @ apart / np.sqrt(len(lengths))


def _weighed(parts: Sequence[np.ndarray], gold: np.ndarray, each: bool) -> tuple[np.ndarray, np.ndarray]:
    """What each part is multiplied by, a regression of so many numbers from the first part alone on; and what is added to this of each label.

    Args:
        each: whether labels have factors of their own, else what is added is 0.
    """
    from scipy.optimize import minimize

    scores, count, labels = parts[0], len(parts), gold.shape[1]
    pull = _PULL * float(scores.var()) / len(gold)

    def lost(found: np.ndarray) -> tuple[float, np.ndarray]:
        weights, own = found[:count], found[count:] if each else np.zeros(labels)
        whole = added(weights, parts) + scores * own
        by_score = slope(whole, gold, "softmax")
        by_weight = np.array([(by_score * part).sum() for part in parts])
        by_own = (by_score * scores).sum(axis=0) + 2 * pull * own if each else np.zeros(0)
        return nats(whole, gold, "softmax") + pull * float(own @ own), np.concatenate([by_weight, by_own])

    begin = np.zeros(count + (labels if each else 0))
    begin[0] = 1
    found = np.asarray(minimize(lost, begin, jac=True, method="L-BFGS-B").x)
    return found[:count], found[count:] if each else np.zeros(labels)
