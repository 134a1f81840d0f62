"""A linear support vector machine over fastText's own features, folded into fastText's two tables.

``head: linear``. It has one optimum and no rate, no passes, no seed: one label against the rest, squared hinge
loss with an L2 penalty, by dual coordinate descent (Hsieh et al., ICML 2008; in the native core, all labels side by side),
over counts times idf, rows of length 1 (Joachims, "Text categorization with support vector machines", ECML 1998).
Where rows come from pretraining, the sum of a document's vectors, rare words weighing more (Arora et al., "A simple but
tough-to-beat baseline for sentence embeddings", ICLR 2017), stands beside its counts.

A linear model is a fastText model: the row of feature i is ``idf_i * w_i + vector_i * u`` (C numbers), the head is the
identity; the end of line, a feature of every text, has the intercept. fastText divides a text's sum by the number of its
features, which scales all its scores alike, so that the label stays. Margins say nothing about probabilities; a
temperature, chosen on texts that the machine has not seen, is folded into the rows.

Shapes: B documents, F features (the dictionary's rows), D numbers a vector, C labels.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ftcore.base.cores import usable_threads
from ftcore.base.ragged import Ragged
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import InvalidOptions, MissingLabels
from ftcore.model.matrices import Matrices
from ftcore.training.conditions import Prepared
from ftcore.training.loop import TrainingResult

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ftcore import config

log = logging.getLogger(__name__)
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)  # tried where none is given, from the middle to where it gets better
ENOUGH = 100  # documents of a validation set that may choose
FOLDS = 3  # of the training set, where there is no such validation set
SHARES = (0.0, 1.0, 2.0, 4.0)  # of pretrained vectors beside words that are tried, of equal length at 1
TOLERANCE, ROUGHLY = 0.01, 0.1  # of the solver; a smaller one changes no label; of trials
PASSES = 1000  # of the solver over the documents, at most; it takes 10 to 30
# Rows are stored larger and the head smaller by this: a bucket without a row has fastText's random one, in
# [-1/C, 1/C), which then weighs nothing beside those that were learnt.
SCALE = 1e5


def fit_linear(
    prepared: Prepared,
    options: config.Finetune,
    vectors: np.ndarray | None = None,
    threads: int | None = None,
) -> tuple[Matrices, TrainingResult]:
    """Train over the documents that have a feature and a label; the same for the same data on every machine.

    Args:
        prepared: bags. A validation set of at least `ENOUGH` documents chooses what is not given, else `FOLDS` parts of
            the training set, each judged by what the others teach.
        options: ``loss`` softmax (a document has one label) or ova (several; probabilities stand alone),
            ``strength``, ``vectors``, ``class_weights``.
        vectors: float32[F, D], what pretraining knows of each feature (`Start.pretrained_rows`).
        threads: of the solver; None takes one a core, and any number of them gives the same bits.

    Returns:
        the tables, input float32[F, C] and output float32[C, C], and the result, of one epoch.

    Raises:
        UserError: nothing to train on, one label only, a loss that does not fold.

    Example:
        tables, result = fit_linear(Prepared(dictionary, bags, valid), Finetune(head="linear"))
    """
    begin = time.perf_counter()
    dictionary, bags = prepared.dictionary, prepared.train
    assert isinstance(bags, BagCorpus)
    if options.loss not in ("softmax", "ova"):
        raise InvalidOptions(f"loss = {options.loss}: head linear knows softmax and ova; choose one of them")
    labels = dictionary.nlabels
    usable = np.flatnonzero((np.diff(bags.offsets) > 0) & (np.diff(bags.target_offsets) > 0))
    if not len(usable):
        raise MissingLabels(
            f"nothing to fine-tune on: of {len(bags)} documents none has both a label and a token of the vocabulary"
        )
    counts, gold = _counts(bags, dictionary)[usable], _gold(bags, labels)[usable]
    if gold.any(axis=0).sum() < 2:
        only = dictionary.labels[int(gold.sum(axis=0).argmax())]
        raise MissingLabels(
            f"every training document has the label {only!r}; a classifier needs at least two labels "
            "(check the label column)"
        )
    features = _Features(counts, vectors)
    weights = _document_weights(prepared.weights, usable, gold, dictionary, options)
    sizes = np.diff(bags.offsets)[usable]
    documents = _Documents(counts, sizes, gold)
    threads = usable_threads(threads)
    trials = _Trials(features, documents, weights, _unseen(prepared, documents), threads)
    share = trials.best_share() if options.vectors == "auto" else float(options.vectors)
    share = share if vectors is not None else 0.0
    strength = trials.best_strength(share) if options.strength == "auto" else float(options.strength)
    temperature = trials.temperature(share, strength, options.loss)
    scaled = features.scaled(documents, share)
    weight = _Machine(scaled, weights, threads).at(strength)
    log.info("head linear: %s", trials.told(share, strength, temperature))
    input_FC = (features.folded(weight, share) * (temperature * SCALE)).astype(np.float32)
    tables = Matrices(input_FC, np.eye(labels, dtype=np.float32) / np.float32(SCALE))
    nats = _nats(scaled.means(weight) * temperature, gold, options.loss)
    row: dict[str, float] = {"epoch": 1, "loss": nats, "lr": 0.0}
    row |= {f"valid_{name}": value for name, value in _judged(tables, prepared, options.loss).items()}
    seconds = time.perf_counter() - begin
    tokens = int(sizes.sum())
    result = TrainingResult(
        tables, [row], tokens, len(usable), seconds, "linear", "cpu", best_epoch=1 if len(row) > 3 else None
    )
    return tables, result


# ------------------------------------------------------------------------------------------ documents
def _counts(bags: BagCorpus, dictionary: Dictionary) -> csr_matrix:
    """float64[B, F]: how often each feature with a row occurs. The end of line, which each has, is the intercept."""
    from scipy.sparse import csr_matrix

    ids = np.asarray(bags.ids)
    left = Ragged(ids, bags.offsets).where(ids >= 0)
    made = csr_matrix((np.ones(len(left.values)), left.values, left.offsets), (len(bags), dictionary.rows))
    made.sum_duplicates()
    return made


def _gold(bags: BagCorpus, labels: int) -> np.ndarray:
    """bool[B, C]."""
    made = np.zeros((len(bags), labels), np.bool_)
    made[np.repeat(np.arange(len(bags)), np.diff(bags.target_offsets)), bags.targets] = True
    return made


@dataclass(frozen=True)
class _Documents:
    """Documents as they are counted.

    Attributes:
        counts: float64[B, F].
        sizes: int64[B], features of each, those without a row too.
        gold: bool[B, C].
    """

    counts: csr_matrix
    sizes: np.ndarray
    gold: np.ndarray

    def take(self, rows: np.ndarray) -> _Documents:
        """Some of them."""
        return _Documents(self.counts[rows], self.sizes[rows], self.gold[rows])


@dataclass(frozen=True)
class _Scaled:
    """Documents as the machine sees them.

    Attributes:
        matrix: float64[B, F] or [B, F + D], rows of length 1.
        shares: float64[B], what turns their scores into those of the mean of rows.
        gold: bool[B, C].
    """

    matrix: csr_matrix
    shares: np.ndarray
    gold: np.ndarray

    def means(self, weight: np.ndarray) -> np.ndarray:
        """float64[B, C]: scores as fastText will add them up."""
        return (self.matrix @ weight) * self.shares[:, None]


class _Features:
    """What documents are measured by: counts times idf, and the sum of pretrained vectors.

    Both are divided by one number a document, its length: whatever is linear in them folds into rows.
    """

    def __init__(self, counts: csr_matrix, vectors: np.ndarray | None) -> None:
        documents, rows = counts.shape
        self.idf = np.log((1 + documents) / (1 + np.bincount(counts.indices, minlength=rows))) + 1
        self.vectors = vectors
        self.unit = 0.0  # what makes the sums of vectors as long as words are, on average
        if vectors is not None:
            words = np.sqrt(counts.multiply(counts).dot(self.idf**2))
            sums = np.linalg.norm(counts @ vectors, axis=1)
            self.unit = float(words.mean() / sums.mean()) if sums.any() else 0.0

    def scaled(self, documents: _Documents, share: float) -> _Scaled:
        """Documents of length 1, with so large a share of vectors."""
        from scipy.sparse import csr_matrix, diags, hstack

        matrix = documents.counts.copy()
        matrix.data *= self.idf[matrix.indices]
        if share and self.vectors is not None:
            sums = (documents.counts @ self.vectors).astype(np.float64) * (share * self.unit)
            matrix = hstack([matrix, csr_matrix(sums)], format="csr")
        lengths = np.sqrt(matrix.multiply(matrix).sum(axis=1)).A1
        lengths[lengths == 0] = 1.0
        matrix = diags(1 / lengths).dot(matrix).tocsr()
        return _Scaled(matrix, lengths / np.maximum(documents.sizes, 1), documents.gold)

    def folded(self, weight: np.ndarray, share: float) -> np.ndarray:
        """float64[F, C]: what each feature adds to the scores."""
        made = weight[: len(self.idf)] * self.idf[:, None]
        if share and self.vectors is not None:
            made += self.vectors @ (weight[len(self.idf) :] * (share * self.unit))
        return made


def _document_weights(
    given: np.ndarray | None,
    usable: np.ndarray,
    gold: np.ndarray,
    dictionary: Dictionary,
    options: config.Finetune,
) -> np.ndarray | None:
    """float64[B], what a document's mistakes cost; None: all the same."""
    from ftcore.engines.setup import class_weights

    made = None if given is None else np.asarray(given, np.float64)[usable]
    by_label = class_weights(options.class_weights, dictionary.labels, gold.sum(axis=0))
    if by_label is not None:
        own = (gold * np.asarray(by_label)).sum(axis=1) / gold.sum(axis=1)
        made = own if made is None else made * own
    return made


# ------------------------------------------------------------------------------------------- the machine
class _Machine:
    """Weights float32[F or F + D, C], a label's against the rest; each strength starts where the last one ended."""

    def __init__(self, documents: _Scaled, weights: np.ndarray | None, threads: int) -> None:
        self.documents, self.threads = documents, threads
        count, gold = documents.gold.shape[0], documents.gold
        self._cost = np.ones(count, np.float32) if weights is None else weights.astype(np.float32)
        # of two labels of which each document has one, the second's machine is the first's turned round
        self._mirrored = gold.shape[1] == 2 and bool((gold.sum(axis=1) == 1).all())
        self._gold = np.ascontiguousarray(gold[:, :1] if self._mirrored else gold)
        self._dual = np.zeros(self._gold.shape, np.float32)
        self._strength = 0.0

    def at(self, strength: float, tolerance: float = TOLERANCE) -> np.ndarray:
        """Of this strength."""
        from ftcore.native import solve_machines

        if self._strength:
            self._dual *= np.float32(strength / self._strength)
        self._strength = strength
        matrix = self.documents.matrix
        made = np.zeros((matrix.shape[1], self._gold.shape[1]), np.float32)
        solve_machines(
            matrix.indices.astype(np.int32), matrix.indptr.astype(np.int64), matrix.data.astype(np.float32),
            self._gold, self._cost * np.float32(strength), np.zeros((0, 0), np.float32), self._dual, made,
            tolerance, PASSES, 0, self.threads,
        )  # fmt: skip
        none = self._gold.all(axis=0) | ~self._gold.any(axis=0)  # nothing speaks for or against it
        made[:, none] = 0
        return np.hstack([made, -made]) if self._mirrored else made


# -------------------------------------------------------------------------------------------- choosing
def _unseen(prepared: Prepared, documents: _Documents) -> list[tuple[np.ndarray | None, _Documents]]:
    """Which training documents teach (None: all) and which unseen ones judge.

    These are the validation set, where it is large enough, else the training set, part by part. Too few documents
    judge nothing.
    """
    valid, dictionary = prepared.valid, prepared.dictionary
    if valid is not None:
        usable = np.flatnonzero((np.diff(valid.target_offsets) > 0) & (np.diff(valid.offsets) > 0))
        if len(usable) >= ENOUGH:
            counts, gold = _counts(valid, dictionary)[usable], _gold(valid, dictionary.nlabels)[usable]
            return [(None, _Documents(counts, np.diff(valid.offsets)[usable], gold))]
    count = len(documents.gold)
    if count < 2 * FOLDS:
        return []
    part = np.empty(count, np.int64)  # each label's documents are dealt out in turn
    part[np.argsort(documents.gold.argmax(axis=1), kind="stable")] = np.arange(count) % FOLDS
    return [(np.flatnonzero(part != n), documents.take(np.flatnonzero(part == n))) for n in range(FOLDS)]


class _Trials:
    """Scores of unseen documents by the vectors' share and by strength, made as they are asked for."""

    def __init__(
        self,
        features: _Features,
        documents: _Documents,
        weights: np.ndarray | None,
        folds: list[tuple[np.ndarray | None, _Documents]],
        threads: int,
    ) -> None:
        self._features, self._documents, self._weights, self._folds = features, documents, weights, folds
        self._threads = threads
        self._machines: dict[
            float, list[tuple[_Machine, _Scaled]]
        ] = {}  # by the vectors' share, of each fold
        self._known: dict[tuple[float, float], list[np.ndarray]] = {}  # float64[B, C] of each fold

    def best_share(self) -> float:
        """The share of vectors with the highest accuracy at strength 1; where nothing can judge, one for few documents."""
        if self._features.vectors is None:
            return 0.0
        if not self._folds:
            return SHARES[2]
        return max(SHARES, key=lambda share: self._accuracy(share, 1.0))

    def best_strength(self, share: float) -> float:
        """The strength with the highest accuracy, the smallest of equal ones; 1 where nothing can judge."""
        place = len(STRENGTHS) // 2
        for step in (-1, 1) if self._folds else ():
            while 0 <= place + step < len(STRENGTHS) and self._better(
                share, STRENGTHS[place + step], STRENGTHS[place]
            ):
                place += step
        return STRENGTHS[place]

    def _better(self, share: float, one: float, other: float) -> bool:
        a, b = self._accuracy(share, one), self._accuracy(share, other)
        return a > b or (a == b and one < other)

    def _accuracy(self, share: float, strength: float) -> float:
        hits = [
            judges.gold[np.arange(len(means)), means.argmax(axis=1)]
            for (_, judges), means in zip(self._folds, self._means(share, strength), strict=True)
        ]
        return float(np.concatenate(hits).mean())

    def _means(self, share: float, strength: float) -> list[np.ndarray]:
        if (share, strength) not in self._known:
            if share not in self._machines:
                self._machines[share] = [self._machine(share, *fold) for fold in self._folds]
            self._known[share, strength] = [
                judges.means(machine.at(strength, ROUGHLY)) for machine, judges in self._machines[share]
            ]
        return self._known[share, strength]

    def _machine(self, share: float, rows: np.ndarray | None, judges: _Documents) -> tuple[_Machine, _Scaled]:
        taught = self._documents if rows is None else self._documents.take(rows)
        weights = self._weights if self._weights is None or rows is None else self._weights[rows]
        machine = _Machine(self._features.scaled(taught, share), weights, self._threads)
        return machine, self._features.scaled(judges, share)

    def told(self, share: float, strength: float, temperature: float) -> str:
        """One line for the log."""
        beside = "" if self._features.vectors is None else f"vectors {share:g}, "
        tried = ", ".join(
            f"{beside and f'{known[0]:g}/'}{known[1]:g}: {self._accuracy(*known):.4f}"
            for known in sorted(self._known)
        )
        of = f" (accuracy on unseen documents: {tried})" if tried else ""
        return f"{beside}strength {strength:g}{of}, temperature {temperature:.3g}"

    def temperature(self, share: float, strength: float, loss: str) -> float:
        """The one under which unseen documents' labels are most probable; 1 where nothing can judge."""
        from scipy.optimize import minimize_scalar

        if not self._folds:
            return 1.0
        means = np.concatenate(self._means(share, strength))
        gold = np.concatenate([judges.gold for _, judges in self._folds])
        known = gold.any(axis=1)
        found = minimize_scalar(
            lambda power: _nats(means[known] * np.exp(power), gold[known], loss),
            bounds=(-7, 12),
            method="bounded",
        )
        return float(np.exp(found.x))


def _nats(scores: np.ndarray, gold: np.ndarray, loss: str) -> float:
    """Mean over documents of minus the log probability of what is gold, as `training.validation` counts it."""
    if loss == "ova":
        return float(np.logaddexp(0, np.where(gold, -scores, scores)).sum(axis=1).mean())
    top = scores.max(axis=1, keepdims=True)
    log_p = scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
    return float(-((log_p * gold).sum(axis=1) / gold.sum(axis=1)).mean())


def _judged(tables: Matrices, prepared: Prepared, loss: str) -> dict[str, float]:
    """The validation scores of an epoch of training."""
    if prepared.valid is None or len(prepared.valid) == 0:
        return {}
    from ftcore.model.module import TwoTables
    from ftcore.training.validation import validate

    return validate(TwoTables.over(tables), prepared.valid, loss)
