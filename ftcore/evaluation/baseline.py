"""What a linear classifier over TF-IDF makes of the same tokens: the figure that a fastText model must reach.

A linear support vector machine (scikit-learn's `LinearSVC`; several labels by one against the rest) over words
and pairs of words, 1 + log(count) times idf, rows of length 1: Joachims, "Text categorization with support
vector machines", ECML 1998; Wang and Manning, "Baselines and bigrams", ACL 2012.

It may cost a third of what the training costs by default, or `FLOOR` seconds; where it would cost more, it
learns from a random part of the documents, and says so. Both costs are estimates from the counts of
documents, tokens and labels, so that the same data give the same baseline on every machine.

Shapes: B training documents, N documents to answer, C labels, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus, documents, encode_bags
from ftcore.shards.shards import count_labelled, labelled_only

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FLOOR = 2.0  # seconds that are never too many
SHARE = 1 / 3  # of the training's time
TOLERANCE = 0.1  # of the solver; a thousandth of it scores the same
FEATURES = config.DictionaryOptions(word_ngrams=2)
_CELL = 75e-9  # seconds of the solver a feature and label; measured, as are the next two
_STEP = 40e-9  # seconds of fastText a feature
_SCORE = 50e-9  # seconds of fastText a document and label

Batches = Callable[[], Iterable[pa.RecordBatch]]
"""Gives batches with the columns ``tokens`` and ``labels``, from the start at every call."""


@dataclass(frozen=True)
class BaselineScores:
    """What the baseline says of the held-out documents, and what it learnt from."""

    probabilities: np.ndarray  # float32[N, C], squashed margins: for their order only
    labels: list[str]  # C
    documents: int  # learnt from
    of: int  # documents there were, B

    @property
    def bounded(self) -> bool:
        """Whether it learnt from a part of the documents only."""
        return self.documents < self.of


def linear_baseline(
    train: Batches, held_out: Batches, *, passes: Callable[[int, int], int], seed: int = 0
) -> BaselineScores | None:
    """Learn from `train`, answer `held_out`; None where training knows fewer than two labels.

    Args:
        passes: (documents, features) -> how often the training it is measured against sees each document.
        seed: of the draw of documents, where they are too many, and of the solver.

    Example:
        answers = linear_baseline(lambda: iter_batches(shards, ["train"]), lambda: iter_batches(shards, ["test"]),
                                  passes=effort.passes)
    """
    count, tokens, names = count_labelled(train())
    if len(names) < 2:
        return None
    share = affordable(count, tokens, len(names), passes(count, tokens))
    chosen = np.random.default_rng([seed, 0x6C696E]).random(count) < share
    if share < 1 and chosen.sum() < 2 * len(names):
        chosen[: 2 * len(names)] = True
    part = list(_chosen(train(), chosen))
    dictionary = Dictionary.build(documents(part), FEATURES)
    if dictionary.nlabels < 2:
        return None
    bags = encode_bags(part, dictionary, grow=True)
    model = _fit(*_tf_idf(bags, dictionary.rows), bags, dictionary.nlabels, seed)
    answers = model(encode_bags(held_out(), dictionary))
    return BaselineScores(answers, list(dictionary.labels), len(bags), count)


def affordable(documents: int, tokens: int, labels: int, passes: int) -> float:
    """Share of the documents that the baseline can learn from in its time, 0..1.

    Example:
        >>> affordable(10_000, 100_000, 77, passes=30)
        1.0
        >>> round(affordable(1_000_000, 50_000_000, 500, passes=5), 2)
        0.01
    """
    problems = labels if labels > 2 else 1
    cost = 2 * tokens * problems * _CELL
    training = passes * (tokens * _STEP + documents * labels * _SCORE)
    return min(1.0, max(FLOOR, SHARE * training) / max(cost, 1e-9))


def _chosen(batches: Iterable[pa.RecordBatch], chosen: np.ndarray) -> Iterable[pa.RecordBatch]:
    """The labelled documents where bool[B] `chosen`."""
    start = 0
    for batch in batches:
        labelled = labelled_only(batch)
        part = labelled.filter(pa.array(chosen[start : start + len(labelled)]))
        start += len(labelled)
        if len(part):
            yield part


def _counts(bags: BagCorpus, rows: int) -> csr_matrix:
    """[B, F]: how often each known feature occurs."""
    from scipy.sparse import csr_matrix

    known = np.asarray(bags.ids) >= 0
    ends = np.concatenate([[0], np.cumsum(known)])[bags.offsets]
    ids = np.asarray(bags.ids)[known]
    made = csr_matrix((np.ones(len(ids)), ids, ends), shape=(len(bags), rows))
    made.sum_duplicates()
    return made


def _tf_idf(bags: BagCorpus, rows: int) -> tuple[csr_matrix, np.ndarray]:
    """([B, F] weighted, idf float64[F])."""
    counts = _counts(bags, rows)
    occurs = np.bincount(counts.indices, minlength=rows)
    idf = np.log((1 + len(bags)) / (1 + occurs)) + 1
    return _weigh(counts, idf), idf


def _weigh(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    from sklearn.preprocessing import normalize

    counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
    return normalize(counts, copy=False)


def _fit(
    matrix: csr_matrix, idf: np.ndarray, bags: BagCorpus, labels: int, seed: int
) -> Callable[[BagCorpus], np.ndarray]:
    """A function from bags to float32[N, C]."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    machine = LinearSVC(tol=TOLERANCE, random_state=seed)
    sizes = np.diff(bags.target_offsets)
    several = bool((sizes > 1).any())
    if several:
        gold = np.zeros((len(bags), labels), np.int8)
        gold[np.repeat(np.arange(len(bags)), sizes), bags.targets] = 1
        machine = OneVsRestClassifier(machine).fit(matrix, gold)
        known = np.arange(labels)
    else:
        machine.fit(matrix, bags.targets)
        known = machine.classes_

    def answer(held_out: BagCorpus) -> np.ndarray:
        margins = machine.decision_function(_weigh(_counts(held_out, matrix.shape[1]), idf))
        if margins.ndim == 1:  # two labels: the second against the first
            margins = np.stack([-margins, margins], axis=1)
        whole = np.full((len(held_out), labels), -20.0)
        whole[:, known] = np.clip(margins, -20, 20)
        scores = 1 / (1 + np.exp(-whole))
        if not several:
            scores /= scores.sum(axis=1, keepdims=True)
        return scores.astype(np.float32)

    return answer


def baseline_metrics(metrics: dict[str, float], scores: Sequence[str], prefix: str) -> dict[str, float]:
    """The scores of a baseline under names that stand beside the model's.

    Example:
        >>> baseline_metrics({"accuracy": 0.9, "zh/accuracy": 0.8, "ece": 0.1}, ["accuracy"], "linear_")
        {'linear_accuracy': 0.9, 'zh/linear_accuracy': 0.8}
    """
    named = {}
    for name, value in metrics.items():
        group, slash, last = name.rpartition("/")
        if last in scores:
            named[f"{group}{slash}{prefix}{last}"] = value
    return named
