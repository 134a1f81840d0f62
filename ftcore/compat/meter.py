"""`get_meter`: precision and recall at every score, for all labels or one.

Source: fastText 0.9.3 ``src/meter.cc`` and ``_Meter`` of ``FastText.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ftcore.errors import UserError

UNREACHED = np.float32(-1)  # score of a gold label that was not among the predictions


@dataclass(frozen=True)
class Scores:
    """What a model said about a labelled file: a row for each (line, label) that was predicted or gold.

    labels: int[N], label ids. scores: float32[N], the probability, at most 1; `UNREACHED` for a gold
    label that was not predicted. gold: bool[N]. golds: int64[C], gold labels of each label (duplicates
    counted).
    """

    labels: np.ndarray
    scores: np.ndarray
    gold: np.ndarray
    golds: np.ndarray


class Meter:
    """Curves over the scores of a labelled file.

    Example:
        >>> one = Scores(np.array([0, 0]), np.array([0.9, 0.2], np.float32), np.array([True, False]), np.array([1]))
        >>> Meter(one, lambda label: 0).precision_recall_curve()
        (array([1., 1.]), array([1., 0.]))
    """

    def __init__(self, scores: Scores, label_id: Callable[[str], int]) -> None:
        self._scores, self._label_id = scores, label_id

    def score_vs_true(self, label: str) -> tuple[np.ndarray, np.ndarray]:
        """Scores of a label in ascending order, and 1 where it was right: float64[N] both."""
        scores, gold = self._sorted(self._known(label))
        return scores.astype(np.float64), gold.astype(np.float64)

    def precision_recall_curve(self, label: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(precision, recall) at every distinct score, the highest first, up to full recall; then (1, 0)."""
        which = self._known(label)
        scores, gold = self._sorted(which)
        reached = scores >= 0
        scores, gold = scores[reached][::-1], gold[reached][::-1]
        if len(scores) == 0:
            return np.zeros(0), np.zeros(0)
        last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # the last of equal scores
        true = np.cumsum(gold)[last]
        said = last + 1
        golds = int(self._scores.golds.sum() if which is None else self._scores.golds[which])
        full = int(np.searchsorted(true, golds)) + 1  # the first point of full recall is the last shown
        true, said = true[:full], said[:full]
        precision = true / said
        recall = true / golds if golds else np.full(len(true), np.nan)
        return np.append(precision, 1.0), np.append(recall, 0.0)

    def precision_at_recall(self, recall: float, label: str | None = None) -> float:
        """The best precision where recall is at least this; 0 where it never is."""
        precisions, recalls = self.precision_recall_curve(label)
        return float(precisions[recalls >= recall].max(initial=0.0))

    def recall_at_precision(self, precision: float, label: str | None = None) -> float:
        """The best recall where precision is at least this; 0 where it never is."""
        precisions, recalls = self.precision_recall_curve(label)
        found = recalls[precisions >= precision]
        return float(found[~np.isnan(found)].max(initial=0.0))

    def _known(self, label: str | None) -> int | None:
        """Id of a label, None for all; the original takes an unknown label for all of them."""
        if not label:
            return None
        found = self._label_id(label)
        if not 0 <= found < len(self._scores.golds):
            raise UserError(f"label {label!r} is not one of the model's; see get_labels()")
        return found

    def _sorted(self, which: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Scores and golds of a label, in ascending order of both."""
        chosen = slice(None) if which is None else self._scores.labels == which
        scores, gold = self._scores.scores[chosen], self._scores.gold[chosen]
        order = np.lexsort((gold, scores))
        return scores[order], gold[order]


_Meter = Meter  # the original's name
