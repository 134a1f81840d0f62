"""What a classifier says about labelled lines: the counts behind ``test``, ``test_label`` and `get_meter`.

Source: fastText 0.9.3 ``src/fasttext.cc`` (``FastText::test``) and ``src/meter.cc`` (``Meter::log``). Shapes:
B lines, C labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ftcore.base.threads import ahead
from ftcore.compat.meter import UNREACHED, Scores
from ftcore.dictionary.lines import Block, Lines
from ftcore.errors import UserError
from ftcore.inference.predict import Predictions, Predictor

if TYPE_CHECKING:
    from ftcore.model.model import Model

_NAN = float("nan")


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
        parts = [np.concatenate(column) for column in zip(*self.rows, strict=True)] if self.rows else []
        empty = [np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.bool_)]
        return Scores(*(parts or empty), self.golds)


def count_answers(
    predictor: Predictor, blocks: Iterable[Block], k: int, threshold: float, *, keep: bool = False
) -> Tally:
    """Predict and count.

    Args:
        blocks: of labelled text, as `Lines.blocks` gives them.
        keep: note every prediction (and every label that was missed) for a `Meter`.
    """
    classes = len(predictor.names)
    tally = Tally(
        predictor.names.tolist(), *(np.zeros(classes, np.int64) for _ in range(3)), rows=[] if keep else None
    )
    for answer in answers(predictor, blocks, k, threshold):
        _count(tally, answer, classes)
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
