"""What a classifier says about labelled lines: the counts behind ``test`` and ``test_label``, and `get_meter`.

Source: fastText 0.9.3 ``src/fasttext.cc`` (``FastText::test``), ``src/meter.cc`` and ``_Meter`` of ``FastText.py``. Shapes:
B lines, C labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ftcore.base.threads import ahead
from ftcore.dictionary.lines import Block, Lines
from ftcore.errors import UserError
from ftcore.inference.predict import Predictions, Predictor

if TYPE_CHECKING:
    from ftcore.model.model import Model

_NAN = float("nan")
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


@dataclass
class Tally:
    """Counts over the lines that have a known label and a feature; labels named twice count twice.

    predicted, hits, golds: int64[C] of each label: predicted, predicted rightly, gold.
    rows: (label, score, gold) of every prediction and missed label, where they were asked for.
    """

    names: list[str]
    predicted: np.ndarray
    hits: np.ndarray
    golds: np.ndarray
    lines: int = 0
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] | None = field(default=None, repr=False)

    @property
    def precision(self) -> float:
        """Hits over predictions; nan without one."""
        return _ratio(self.hits.sum(), self.predicted.sum())

    @property
    def recall(self) -> float:
        """Hits over gold labels; nan without one."""
        return _ratio(self.hits.sum(), self.golds.sum())

    def per_label(self) -> Iterator[tuple[str, dict[str, float]]]:
        """precision, recall and f1score of every label, in order."""
        for name, said, hit, gold in zip(self.names, *self._columns(), strict=True):
            yield (
                name,
                {
                    "precision": _ratio(hit, said),
                    "recall": _ratio(hit, gold),
                    "f1score": _ratio(2 * hit, said + gold),
                },
            )

    def _columns(self) -> list[list[int]]:
        return [column.tolist() for column in (self.predicted, self.hits, self.golds)]

    def scores(self) -> Scores:
        """What `Meter` reads."""
        none = np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.bool_)
        labels, scores, gold = (
            np.concatenate(column) for column in zip(none, *(self.rows or ()), strict=True)
        )
        return Scores(labels, scores, gold, self.golds)


def count_answers(
    predictor: Predictor, blocks: Iterable[Block], k: int, threshold: float, *, keep: bool = False
) -> Tally:
    """Predict and count.

    Args:
        blocks: of labelled text, as `Lines.blocks` gives them.
        keep: note every prediction (and every label that was missed) for a `Meter`.
    """
    return counted(answers(predictor, blocks, k, threshold), predictor.names.tolist(), keep=keep)


def counted(given: Iterable[Answer], names: list[str], *, keep: bool = False) -> Tally:
    """Counts over answers that are there, whoever gave them.

    Args:
        names: of the C labels.
        keep: see `count_answers`.
    """
    predicted, hits, golds = np.zeros((3, len(names)), np.int64)
    tally = Tally(names, predicted, hits, golds, rows=[] if keep else None)
    for answer in given:
        _count(tally, answer, len(names))
    return tally


class Answer(NamedTuple):
    """Predictions of the lines of a block; sizes: int[B] features; their known labels and offsets [B + 1]."""

    found: Predictions
    sizes: np.ndarray
    labels: np.ndarray
    offsets: np.ndarray


def answers(
    predictor: Predictor, blocks: Iterable[Block], k: int, threshold: float, threads: int | None = None
) -> Iterator[Answer]:
    """The `Answer` of each block of text in turn.

    Args:
        threads: default the predictor's; several read ahead, one answers before it reads on.
    """
    k = predictor.check(k)
    dictionary, prefix = predictor.dictionary, predictor.classic.args.label

    def answer(block: Block) -> Answer:
        ids, cuts, labels, offsets = dictionary.line_features(block(), rest=True, label=prefix)[:4]
        _, kept = predictor.tables.known(ids, cuts)
        return Answer(predictor.from_features(ids, cuts, k, threshold), np.diff(kept), labels, offsets)

    yield from ahead(answer, ((block,) for block in blocks), threads or predictor.threads)


def test_lines(given: Any, classic: Model) -> Lines:
    """Labelled input: a path, a `Lines`, or anything it takes.

    Raises:
        UserError: a file cannot be opened, in the original's words.
    """
    if isinstance(given, Lines):
        return given
    try:
        return Lines(given, label=classic.args.label)
    except UserError as error:
        raise error.reworded(f"Test file cannot be opened! ({error})") from None


def _count(tally: Tally, answer: Answer, classes: int) -> None:
    found, sizes_B, labels, offsets = answer
    said_B, gold_B = np.diff(found.offsets), np.diff(offsets)
    line = np.arange(len(said_B))
    part_B = (gold_B > 0) & (sizes_B > 0)
    said = np.repeat(line, said_B) * classes + found.labels
    gold = np.repeat(line, gold_B) * classes + labels
    used, right = part_B[said // classes], np.isin(said, gold)
    wanted = part_B[gold // classes]
    tally.lines += int(part_B.sum())
    for column, chosen in (
        (tally.predicted, said[used]),
        (tally.hits, said[used & right]),
        (tally.golds, gold[wanted]),
    ):
        column += np.bincount(chosen % classes, minlength=classes)
    if tally.rows is not None:
        tally.rows.append((said[used] % classes, found.scores[used], right[used]))
        missed = gold[wanted & ~np.isin(gold, said)] % classes
        tally.rows.append((missed, np.full(len(missed), UNREACHED), np.ones(len(missed), np.bool_)))


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else _NAN
