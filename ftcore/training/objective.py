"""What a search of hyperparameters maximises: fastText's metrics over a validation set.

Source: fastText 0.9.3 ``src/args.cc`` (``getAutotuneMetric``, ``getAutotuneMetricLabel``,
``getAutotuneMetricValue``), ``src/autotune.cc`` (``getMetricScore``) and ``src/meter.cc``.
Shapes: B scored documents, k predictions of each, G gold labels of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import InvalidOptions, RunError
from ftcore.model.losses import HuffmanTree, log_probabilities
from ftcore.model.module import TwoTables, make_bags

KINDS = ("f1", "precisionAtRecall", "recallAtPrecision")
_DOCUMENTS = 1024  # scored at a time
_OFFSET = 1e-5  # what the original adds to a probability before its logarithm


@dataclass(frozen=True)
class TopLabels:
    """The k best labels of every scored document, and what is true.

    A document takes part if it has a feature and a label the model knows (``FastText::test``).
    """

    labels: np.ndarray  # int64[B, k], the best first
    scores: np.ndarray  # float32[B, k], probabilities
    hits: np.ndarray  # bool[B, k], whether the label is gold
    golds: np.ndarray  # int64[C], gold labels by label, one named twice in a document counted twice

    @property
    def precision(self) -> float:
        """Of the predictions, the share that is gold; nan where nothing was scored."""
        return _ratio(int(self.hits.sum()), self.hits.size)

    @property
    def recall(self) -> float:
        """Of the gold labels, the share that was predicted."""
        return _ratio(int(self.hits.sum()), int(self.golds.sum()))


@dataclass(frozen=True)
class Metric:
    """A score of answers to maximise.

    kind: one of `KINDS`. level: the recall (or precision) that must be reached, 0..1. label: of this label
    alone; "" is over all.

    Example:
        >>> Metric.parse("precisionAtRecall:30:__label__a")
        Metric(kind='precisionAtRecall', level=0.3, label='__label__a')
    """

    kind: str = "f1"
    level: float = 0.0
    label: str = ""

    @classmethod
    def parse(cls, text: str) -> Metric:
        """Read ``f1``, ``f1:LABEL``, ``precisionAtRecall:NN[:LABEL]`` or ``recallAtPrecision:NN[:LABEL]``.

        Raises:
            UserError: none of these, NN (percent) not a number from 0 to 100, or an empty label.
        """
        kind, colon, rest = text.partition(":")
        if kind not in KINDS or (kind != "f1" and not colon):
            known = "f1, f1:LABEL, precisionAtRecall:NN[:LABEL] or recallAtPrecision:NN[:LABEL]"
            raise InvalidOptions(f"Unknown metric : {text}; choose {known}")
        level = 0.0
        if kind != "f1":
            number, colon, rest = rest.partition(":")
            try:
                level = float(number) / 100
            except ValueError:
                level = -1.0
            if not 0 <= level <= 1:
                raise InvalidOptions(f"Unknown metric : {text}; {number!r} is no percentage from 0 to 100")
        if colon and not rest:
            raise InvalidOptions(
                f"Empty metric label : {text}; name a label behind the colon, or leave both out"
            )
        return cls(kind, level, rest)

    def column(self, labels: list[str]) -> int | None:
        """Id of the metric's label; None where it is over all.

        Raises:
            UserError: the training set does not have the label.
        """
        if not self.label:
            return None
        if self.label not in labels:
            shown = ", ".join(labels[:10]) + (", …" if len(labels) > 10 else "")
            raise RunError(f"Unknown autotune metric label {self.label!r}; the training set has {shown}")
        return labels.index(self.label)

    def score(self, answers: TopLabels, column: int | None = None) -> float:
        """The figure to maximise; 0 without a hit, where the original has nan and never leaves it again.

        Args:
            column: id of `label`, from `column`.
        """
        chosen = np.ones(answers.labels.shape, bool) if column is None else answers.labels == column
        hits, golds = answers.hits[chosen], answers.golds if column is None else answers.golds[column]
        total = int(np.sum(golds))
        if self.kind == "f1":  # 2PR / (P + R) with P = hits / said and R = hits / golds
            return 2 * int(hits.sum()) / max(int(chosen.sum()) + total, 1)
        precision, recall = _curve(answers.scores[chosen], hits, total)
        bar, value = (recall, precision) if self.kind == "precisionAtRecall" else (precision, recall)
        return float(value[bar >= self.level].max(initial=0.0))


@torch.no_grad()
def answer(
    tables: TwoTables,
    corpus: BagCorpus,
    loss: str,
    k: int = 1,
    *,
    seed: int = 0,
    tree: HuffmanTree | None = None,
    check: Callable[[], None] = lambda: None,
) -> TopLabels:
    """The k best labels of each document that takes part.

    Args:
        seed: of the model; makes the rows of buckets that have none.
        tree: needed for hs.
        check: called between batches; may raise to give up.
    """
    device, classes = tables.input.device, len(tables.output)
    part = taking_part(corpus)
    k = min(k, classes)
    features = Ragged(corpus.ids, corpus.offsets)
    truth = Ragged(corpus.targets, corpus.target_offsets).take(part)
    labels, scores = np.empty((len(part), k), np.int64), np.empty((len(part), k), np.float32)
    for start in range(0, len(part), _DOCUMENTS):
        check()
        rows = features.take(part[start : start + _DOCUMENTS])
        bags = make_bags(rows.values, rows.offsets, seed, tables.dim).to(device)
        log_p_BC = log_probabilities(tables(*bags), loss, tree)
        best = torch.topk(log_p_BC, k) if k > 1 else log_p_BC.max(1, keepdim=True)
        labels[start : start + len(rows)] = best.indices.cpu().numpy()
        scores[start : start + len(rows)] = best.values.exp().cpu().numpy()
    owner = np.repeat(np.arange(len(part)), truth.sizes)
    known = np.unique(owner * classes + truth.values)
    hits = np.isin(np.arange(len(part))[:, None] * classes + labels, known)
    golds = np.bincount(truth.values, minlength=classes)
    return TopLabels(labels, np.minimum(scores + np.float32(_OFFSET), np.float32(1)), hits, golds)


def taking_part(corpus: BagCorpus) -> np.ndarray:
    """int64[B], which documents are scored: those with a feature and a label that the model knows."""
    return np.flatnonzero((np.diff(corpus.offsets) > 0) & (np.diff(corpus.target_offsets) > 0))


def right_of(answers: TopLabels, corpus: BagCorpus) -> np.ndarray:
    """int64[all documents], how many labels of each are found; 0 of those that are not scored."""
    right = np.zeros(len(corpus), np.int64)
    right[taking_part(corpus)] = answers.hits.sum(axis=1)
    return right


def _curve(scores: np.ndarray, hits: np.ndarray, golds: int) -> tuple[np.ndarray, np.ndarray]:
    """(precision, recall) at every distinct score from the highest down to full recall, then (1, 0)."""
    if len(scores) == 0 or golds == 0:
        return np.zeros(0), np.zeros(0)
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # equal scores enter together
    true = np.cumsum(hits[order])[last]
    shown = slice(int(np.searchsorted(true, golds)) + 1)
    precision, recall = (true / (last + 1))[shown], (true / golds)[shown]
    return np.append(precision, 1.0), np.append(recall, 0.0)


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
