"""From which probability on a label is said, where a document may have several: chosen on held-out documents.

A label with enough held-out documents gets the threshold of its own best F1, the others the one that is best for
all labels together (micro-F1). Sources: Yang, "A study of thresholding strategies for text categorization", SIGIR
2001 (SCut, and its fallback for rare labels); Lewis et al., "RCV1", JMLR 5 (2004), 5.3.

Example:
    >>> found = choose_thresholds([["a"], ["b"], []], np.array([[.9, .3], [.4, .6], [.2, .1]]), ["a", "b"])
    >>> round(found.overall, 2), found.labels
    (0.5, {})
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ftcore.errors import MissingLabels, UnreadableFile

log = logging.getLogger("ftcore.finetune")
ENOUGH = 50  # held-out documents of a label that give it its own threshold; with fewer it does worse than the common one
DEFAULT = 0.5  # without any held-out document
CELLS = 1 << 22  # probabilities looked at together
CANDIDATES = 10_000  # thresholds that are tried for all labels together


@dataclass(frozen=True)
class Thresholds:
    """The least probability at which a label is said: `overall`, but for `labels` that have their own."""

    overall: float
    labels: Mapping[str, float] = field(default_factory=dict)

    def row(self, labels: Sequence[Any]) -> np.ndarray:
        """float64[C], for the columns of these labels."""
        return np.array([self.labels.get(str(label), self.overall) for label in labels])

    def state(self) -> dict[str, Any]:
        """As JSON; `from_state` is the inverse."""
        return {"overall": self.overall, "labels": dict(self.labels)}

    @classmethod
    def from_state(cls, state: Any, labels: Sequence[Any], place: object) -> Thresholds:
        """Refuse thresholds that are none.

        Raises:
            UserError: it names the place and what is wrong: no numbers from 0 to 1, a label that is none.
        """
        known = {str(label) for label in labels}
        if (
            not isinstance(state, dict)
            or set(state) != {"overall", "labels"}
            or type(state["labels"]) is not dict
        ):
            raise UnreadableFile(
                f"{place}: thresholds are {str(state)[:60]}, not {{overall, labels}}; save the model again"
            )
        for name, value in {"overall": state["overall"], **state["labels"]}.items():
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise UnreadableFile(
                    f"{place}: thresholds: {name} is {value!r}, no number from 0 to 1; save the model again"
                )
        unknown = sorted(set(state["labels"]) - known)
        if unknown:
            raise UnreadableFile(
                f"{place}: thresholds: the model has no label {unknown[0]!r}; save the model again"
            )
        return cls(float(state["overall"]), {name: float(value) for name, value in state["labels"].items()})


def choose_thresholds(
    gold: Sequence[Sequence[str]], probabilities: np.ndarray, labels: Sequence[Any], enough: int = ENOUGH
) -> Thresholds:
    """Thresholds from N held-out documents.

    Args:
        gold: the labels of each.
        probabilities: [N, C].
        labels: names of the C columns.
        enough: documents of a label that give it its own threshold.

    Raises:
        UserError: no document has a label that the model knows.
    """
    names = [str(label) for label in labels]
    number = {name: column for column, name in enumerate(names)}
    pairs = sorted({(n, number.get(str(label), -1)) for n, row in enumerate(gold) for label in row})
    document, column_of = (np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1))
    missed = int(np.count_nonzero(column_of < 0))  # labels that the model lacks
    document, column_of = document[column_of >= 0], column_of[column_of >= 0]
    if not len(document):
        raise MissingLabels(
            "no held-out document has a label that the model knows; thresholds cannot be chosen"
        )
    own: dict[str, float] = {}
    support = np.bincount(column_of, minlength=len(names))
    for column in np.flatnonzero(support >= enough).tolist():
        right = np.zeros(len(probabilities), bool)
        right[document[column_of == column]] = True
        own[names[column]] = _best(probabilities[:, column], right)
    return Thresholds(_best_overall(probabilities, document, column_of, missed), own)


def fitted_thresholds(
    option: str | float,
    several: bool,
    held_out: tuple[Sequence[Sequence[Any]], np.ndarray] | None,
    labels: Sequence[Any],
) -> Thresholds | None:
    """What `config.Finetune.threshold` asks for: None where each text has one label.

    Args:
        several: whether a text may have several labels.
        held_out: gold labels and probabilities [N, C] of held-out documents.
    """
    if option == "off" or (option == "auto" and not several):
        return None
    if option != "auto":
        return Thresholds(float(option))
    gold, probabilities = held_out or ([], np.zeros((0, len(labels))))
    names = {str(label) for label in labels}
    gold = [[str(label) for label in row] for row in gold]
    if not any(label in names for row in gold for label in row):
        log.warning(
            "no validation document has a label: every label is said from probability %g on; set split.valid "
            "above 0, or finetune.threshold", DEFAULT,
        )  # fmt: skip
        return Thresholds(DEFAULT)
    return choose_thresholds(gold, probabilities, labels)


def _best(score: np.ndarray, right: np.ndarray) -> float:
    """The threshold of the highest F1, midway between the scores on its two sides."""
    order = np.argsort(-score, kind="stable")
    score, found = score[order].astype(np.float64), np.cumsum(right[order])
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # equal scores are said together
    f1 = 2 * found[last] / (last + 1 + found[-1])
    best = int(np.argmax(f1))
    below = score[last[best] + 1] if last[best] + 1 < len(score) else 0.0
    return float((score[last[best]] + below) / 2)


def _best_overall(probabilities: np.ndarray, document: np.ndarray, column: np.ndarray, missed: int) -> float:
    """The same for all labels together; only a right label's score can be the lowest that is said."""
    right = np.sort(probabilities[document, column])
    tried = np.unique(right[np.linspace(0, len(right) - 1, min(len(right), CANDIDATES)).astype(int)])
    said = np.zeros(len(tried) + 1, np.int64)
    step = max(1, CELLS // max(probabilities.shape[1], 1))
    parts = [slice(at, at + step) for at in range(0, len(probabilities), step)]
    for rows in parts:
        place = np.searchsorted(tried, probabilities[rows].ravel(), side="right")
        said += np.bincount(place, minlength=len(said))
    said = said[::-1].cumsum()[::-1][1:]  # scores from each tried threshold on
    hits = len(right) - np.searchsorted(right, tried)
    best = tried[np.argmax(2 * hits / (said + len(right) + missed))]
    below = max(float(np.max(np.where(probabilities[r] < best, probabilities[r], 0))) for r in parts)
    return (float(best) + below) / 2
