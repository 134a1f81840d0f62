"""When a classifier had better say nothing: from which certainty on an answer is given.

Three measures of it, made of the probabilities of all labels:

- ``probability``: that of the best label. It tells right answers from wrong ones.
- ``standout``: by how many standard deviations the best label's score stands above the mean of all labels' scores. It
  tells texts of known labels from others: a text of another kind has low scores or high ones, but none that stands out.
  With two labels it is always 1; it is worth something from some twenty on.
- ``evened``: the probability of the best label if all texts were as long. fastText scores a text by the mean of its features'
  rows, so that a linear head, which learns from texts of length 1, is the less sure the longer a text is. Here scores are
  multiplied by the root of the text's length first. It tells right answers from wrong ones, and texts of no known label too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftcore.errors import InvalidOptions, MissingLabels, UnreadableFile

MEASURES = ("probability", "evened", "standout")
MANY = 20  # labels from which on standout is worth something
_LEAST = 1e-37  # a probability that float32 still holds


@dataclass(frozen=True)
class Abstention:
    """From which certainty on an answer is given, and what that gave on held-out documents.

    Attributes:
        by: see `MEASURES`.
        least: the least certainty.
        coverage: the share of the held-out documents that were answered.
        accuracy: of these answers.
        usual: the mean of the roots of the held-out documents' lengths, which `evened` makes all lengths to.
    """

    by: str
    least: float
    coverage: float
    accuracy: float
    usual: float = 1.0

    def certain(self, probabilities: np.ndarray, loss: str, lengths: np.ndarray | None = None) -> np.ndarray:
        """bool[N]: which of these answers are given.

        Args:
            probabilities: [N, C].
            loss: of the model.
            lengths: [N], of each text, in characters of its line of tokens; `evened` needs them.
        """
        return certainty(probabilities, loss, self.by, lengths, self.usual) >= self.least

    def state(self) -> dict[str, Any]:
        """As JSON; `from_state` is the inverse."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Any, place: object) -> Abstention:
        """Refuse what is none.

        Raises:
            UserError: it names the place.
        """
        numbers = ("least", "coverage", "accuracy", "usual")
        state = {"usual": 1.0} | state if isinstance(state, dict) else state  # earlier versions had none
        fine = (
            isinstance(state, dict)
            and set(state) == {"by", *numbers}
            and state["by"] in MEASURES
            and all(type(state[name]) in (int, float) and abs(state[name]) < 1e9 for name in numbers)
            and state["usual"] > 0
        )
        if not fine:
            raise UnreadableFile(
                f"{place}: abstention is {str(state)[:80]}, not {{by, least, coverage, accuracy, usual}}; save the model again"
            )
        return cls(state["by"], *(float(state[name]) for name in numbers))


def certainty(
    probabilities: np.ndarray,
    loss: str,
    by: str = "probability",
    lengths: np.ndarray | None = None,
    usual: float = 1.0,
) -> np.ndarray:
    """How certain each of N answers is: float64[N], see the module.

    Args:
        probabilities: [N, C].
        loss: of the model; of ova and ns, whose probabilities stand alone, the score is the log of the odds.
        by: see the module.
        lengths: [N], of each text; `evened` needs them.
        usual: the root of the length that all are made to.

    Example:
        >>> certainty(np.array([[.7, .2, .1], [.4, .3, .3]]), "softmax").tolist()
        [0.7, 0.4]
    """
    if by == "probability" or not len(probabilities):
        return probabilities.max(axis=1).astype(np.float64) if len(probabilities) else np.zeros(0)
    if by == "evened":
        assert lengths is not None, "lengths of texts"
        return evened(probabilities, loss, lengths, usual).max(axis=1)
    scores = _scores(probabilities, loss)
    spread = scores.std(axis=1)
    return (scores.max(axis=1) - scores.mean(axis=1)) / np.maximum(spread, 1e-12)


def evened(
    probabilities: np.ndarray, loss: str, lengths: np.ndarray, usual: float | None = None
) -> np.ndarray:
    """Probabilities as if all texts were as long: float64[N, C], see the module. The best label stays.

    Args:
        probabilities: [N, C].
        loss: of the model.
        lengths: [N], of each text, in whatever goes as the number of its features.
        usual: the root of the length that all are made to; default the mean of these.

    Example:
        >>> evened(np.array([[.6, .4], [.6, .4]]), "softmax", np.array([1, 9])).round(3).tolist()
        [[0.551, 0.449], [0.648, 0.352]]
    """
    roots = np.sqrt(np.maximum(np.asarray(lengths, np.float64), 1))
    scores = _scores(probabilities, loss) * (roots / (roots.mean() if usual is None else usual))[:, None]
    if loss in ("ova", "ns"):
        return np.exp(-np.logaddexp(0, -scores))
    made = np.exp(scores - scores.max(axis=1, keepdims=True))
    return made / made.sum(axis=1, keepdims=True)


def _scores(probabilities: np.ndarray, loss: str) -> np.ndarray:
    """float64[N, C], what the probabilities were made of, but for a constant of each row of a softmax."""
    p = probabilities.astype(np.float64)
    scores = np.log(np.maximum(p, _LEAST))
    if loss in ("ova", "ns"):
        scores -= np.log(np.maximum(1 - p, _LEAST))
    return scores


def choose_abstention(
    gold: Sequence[Sequence[Any]],
    probabilities: np.ndarray,
    labels: Sequence[Any],
    loss: str,
    *,
    coverage: float | None = None,
    accuracy: float | None = None,
    by: str = "auto",
    lengths: Sequence[int] | np.ndarray | None = None,
) -> Abstention:
    """The threshold that answers a wanted share of N held-out documents, or as many as a wanted accuracy allows.

    Args:
        gold: the labels of each; an answer is right where it is one of them.
        probabilities: [N, C].
        labels: of the C columns.
        loss: of the model.
        coverage: the share of documents to be answered. Or:
        accuracy: the least accuracy of the answers; where none is as good, the surest answers alone are given.
        by: a measure, or auto: the one that tells right answers from wrong ones best on these documents (standout from `MANY`
            labels on). Where it cannot be said, or without lengths: probability, standout from `MANY` labels on.
        lengths: of each document, in characters of its line of tokens.

    Raises:
        UserError: neither or both are given, no document has a label.
    """
    if (coverage is None) == (accuracy is None):
        raise InvalidOptions("abstention needs a coverage or an accuracy: give one of them")
    if by not in ("auto", *MEASURES):
        raise InvalidOptions(f"by = {by!r}: choose auto, {' or '.join(MEASURES)}")
    if by == "evened" and lengths is None:
        raise InvalidOptions("by = 'evened': it needs the lengths of the documents; give lengths")
    names = [str(label) for label in labels]
    usable = [n for n, row in enumerate(gold) if row]
    if not usable:
        raise MissingLabels("no held-out document has a label; abstention cannot be chosen")
    probabilities = probabilities[usable]
    best = probabilities.argmax(axis=1).tolist()
    right = np.array([names[b] in {str(v) for v in gold[n]} for n, b in zip(usable, best, strict=True)])
    sizes = None if lengths is None else np.asarray(lengths, np.float64)[usable]
    usual = 1.0 if sizes is None else float(np.sqrt(np.maximum(sizes, 1)).mean())
    if by == "auto":
        many = len(labels) >= MANY
        by = "standout" if many else "probability"
        if sizes is not None and right.any() and not right.all():
            found = {
                measure: separated(right, certainty(probabilities, loss, measure, sizes, usual))
                for measure in (MEASURES if many else MEASURES[:2])
            }
            by = max(found, key=lambda measure: found[measure])
    curve = coverage_curve(right, certainty(probabilities, loss, by, sizes, usual))
    if coverage is not None:
        place = int(np.searchsorted(curve.coverage, coverage - 1e-9))
    else:
        good = np.flatnonzero(curve.accuracy >= accuracy)
        place = int(good[-1]) if len(good) else 0
    place = min(place, len(curve.coverage) - 1)
    return Abstention(
        by, float(curve.least[place]), float(curve.coverage[place]), float(curve.accuracy[place]),
        usual if by == "evened" else 1.0,
    )  # fmt: skip


def separated(right: np.ndarray, certain: np.ndarray) -> float:
    """How well certainty tells right answers from wrong ones: the share of pairs in which the right one is more certain.

    Equal ones count half (the area under the ROC curve).

    Args:
        right: bool[N], some true and some false.
        certain: [N].

    Example:
        >>> separated(np.array([True, True, False]), np.array([.9, .5, .5]))
        0.75
    """
    _, level, counts = np.unique(certain, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[level]  # from 1, of equal ones their mean
    few, many = int(right.sum()), int((~right).sum())
    return float((rank[right].sum() - few * (few + 1) / 2) / (few * many))


@dataclass(frozen=True)
class CoverageCurve:
    """What each threshold gives, the highest first; equal certainties are answered together.

    Attributes:
        least: float[n], the thresholds.
        coverage: float[n], the share that is answered.
        accuracy: float[n], of these.
    """

    least: np.ndarray
    coverage: np.ndarray
    accuracy: np.ndarray

    def rows(self, points: int = 20) -> list[dict[str, float]]:
        """The curve at so many shares of the documents, from the surest to all.

        Example:
            >>> coverage_curve(np.array([True, False]), np.array([.9, .5])).rows(2)
            [{'coverage': 0.5, 'accuracy': 1.0, 'least': 0.9}, {'coverage': 1.0, 'accuracy': 0.5, 'least': 0.5}]
        """
        if not len(self.coverage):
            return []
        wanted = np.arange(1, points + 1) / points
        places = np.unique(np.searchsorted(self.coverage, wanted - 1e-9).clip(0, len(self.coverage) - 1))
        return [
            {"coverage": float(self.coverage[i]), "accuracy": float(self.accuracy[i]), "least": float(self.least[i])}
            for i in places
        ]  # fmt: skip


def coverage_curve(right: np.ndarray, certain: np.ndarray) -> CoverageCurve:
    """The accuracy of the surest answers, for each share of them.

    Args:
        right: bool[N].
        certain: [N], how certain each answer is.
    """
    order = np.argsort(-certain, kind="stable")
    score, hits = certain[order], np.cumsum(right[order])
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1) if len(score) else np.zeros(0, int)
    answered = last + 1
    return CoverageCurve(score[last], answered / max(len(score), 1), hits[last] / np.maximum(answered, 1))
