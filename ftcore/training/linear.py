"""A linear support vector machine over fastText's own features, folded into fastText's two tables.

``head: linear``. It has one optimum and no rate, no passes, no seed: one label against the rest, squared hinge
loss with an L2 penalty, by dual coordinate descent (Fan et al., "LIBLINEAR", JMLR 2008; scikit-learn's `LinearSVC`),
over counts times idf, rows of length 1 (Joachims, "Text categorization with support vector machines", ECML 1998).

A linear model is a fastText model: the row of feature i is ``idf_i * w_i`` (C numbers), the head is the identity;
the end of line, a feature of every text, has the intercept. fastText divides a text's sum by the number of its
features, which scales all its scores alike, so that the label stays. Margins say nothing about probabilities; a temperature, chosen on texts that the machine has not seen,
is folded into the rows.

Shapes: B documents, F features (the dictionary's rows), C labels.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.base.ragged import Ragged
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import InvalidOptions, MissingLabels, UserError
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
TOLERANCE = 0.01  # of the solver; a smaller one changes no label
# Rows are stored larger and the head smaller by this: a bucket without a row has fastText's random one, in
# [-1/C, 1/C), which then weighs nothing beside those that were learnt.
SCALE = 1e5


def fit_linear(prepared: Prepared, options: config.Finetune) -> tuple[Matrices, TrainingResult]:
    """Train over the documents that have a feature and a label; the same for the same data on every machine.

    Args:
        prepared: bags. A validation set of at least `ENOUGH` documents chooses strength and temperature, else
            `FOLDS` parts of the training set, each judged by what the others teach.
        options: ``loss`` softmax (a document has one label) or ova (several; probabilities stand alone),
            ``strength``, ``class_weights``.

    Returns:
        the tables, input float32[F, C] and output float32[C, C], and the result, of one epoch.

    Raises:
        UserError: nothing to train on, one label only, a loss that does not fold, scikit-learn missing.

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
    idf = np.log((1 + len(usable)) / (1 + np.bincount(counts.indices, minlength=dictionary.rows))) + 1
    weights = _document_weights(prepared.weights, usable, gold, dictionary, options)
    sizes = np.diff(bags.offsets)[usable]
    documents = _Scaled(_weighed(counts, idf), _shares(counts, idf, sizes), gold)
    problem = _Problem(documents, weights)
    trials = _Trials(problem, _unseen(prepared, documents, idf))
    strength = trials.best() if options.strength == "auto" else float(options.strength)
    temperature = trials.temperature(strength, options.loss)
    weight_FC = problem.fit(strength)
    log.info("head linear: %s", trials.told(strength, temperature))
    input_FC = (weight_FC * (idf[:, None] * (temperature * SCALE))).astype(np.float32)
    tables = Matrices(input_FC, np.eye(labels, dtype=np.float32) / np.float32(SCALE))
    nats = _nats(documents.means(weight_FC) * temperature, gold, options.loss)
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


def _weighed(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    """Counts times idf, each document of length 1."""
    from sklearn.preprocessing import normalize

    made = counts.copy()
    made.data *= idf[made.indices]
    return normalize(made, copy=False)


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
@dataclass(frozen=True)
class _Scaled:
    """Documents as the machine sees them.

    Attributes:
        matrix: float64[B, F], rows of length 1.
        shares: float64[B], what turns their scores into those of the mean of rows.
        gold: bool[B, C].
    """

    matrix: csr_matrix
    shares: np.ndarray
    gold: np.ndarray

    def means(self, weight_FC: np.ndarray) -> np.ndarray:
        """float64[B, C]: scores as fastText will add them up."""
        return (self.matrix @ weight_FC) * self.shares[:, None]

    def take(self, rows: np.ndarray) -> _Scaled:
        """Some of them."""
        return _Scaled(self.matrix[rows], self.shares[rows], self.gold[rows])


class _Problem:
    """The training documents, and the machines of all or some of them."""

    def __init__(self, documents: _Scaled, weights: np.ndarray | None) -> None:
        self.documents, self.weights = documents, weights

    def fit(self, strength: float, rows: np.ndarray | None = None) -> np.ndarray:
        """Weights float64[F, C], a label's against the rest; of some documents only."""
        try:
            from sklearn.svm import LinearSVC
        except ModuleNotFoundError as error:
            raise UserError(
                'head = linear: scikit-learn is not installed; pip install "ftcore[sklearn]"'
            ) from error
        some = self.documents if rows is None else self.documents.take(rows)
        weights = self.weights if self.weights is None or rows is None else self.weights[rows]
        matrix, gold = some.matrix, some.gold
        # of two labels of which each document has one, the second's machine is the first's turned round
        mirrored = gold.shape[1] == 2 and bool((gold.sum(axis=1) == 1).all())

        def one(label: int) -> np.ndarray:
            yes = gold[:, label]
            if yes.all() or not yes.any():
                return np.zeros(matrix.shape[1])
            machine = LinearSVC(C=strength, fit_intercept=False, tol=TOLERANCE, random_state=0, dual=True)
            with _quiet():
                return machine.fit(matrix, yes, sample_weight=weights).coef_[0]

        made = np.zeros((matrix.shape[1], gold.shape[1]))
        wanted = range(1) if mirrored else range(gold.shape[1])
        for (
            label
        ) in wanted:  # one after the other: the solver draws its order from numbers that threads would share
            made[:, label] = one(label)
        if mirrored:
            made[:, 1] = -made[:, 0]
        return made


class _quiet:
    """Without the warning that the solver was not done: it has found the label long before."""

    def __enter__(self) -> None:
        import warnings

        self._kept = warnings.catch_warnings()
        self._kept.__enter__()
        warnings.filterwarnings("ignore", message="Liblinear failed to converge")

    def __exit__(self, *raised: Any) -> None:
        self._kept.__exit__(*raised)


# -------------------------------------------------------------------------------------------- choosing
def _unseen(
    prepared: Prepared, documents: _Scaled, idf: np.ndarray
) -> list[tuple[np.ndarray | None, _Scaled]]:
    """Which training documents teach (None: all) and which unseen ones judge.

    These are the validation set, where it is large enough, else the training set, part by part. Too few documents
    judge nothing.
    """
    valid, dictionary = prepared.valid, prepared.dictionary
    if valid is not None:
        usable = np.flatnonzero((np.diff(valid.target_offsets) > 0) & (np.diff(valid.offsets) > 0))
        if len(usable) >= ENOUGH:
            counts, sizes = _counts(valid, dictionary)[usable], np.diff(valid.offsets)[usable]
            gold = _gold(valid, dictionary.nlabels)[usable]
            return [(None, _Scaled(_weighed(counts, idf), _shares(counts, idf, sizes), gold))]
    count = len(documents.gold)
    if count < 2 * FOLDS:
        return []
    part = np.empty(count, np.int64)  # each label's documents are dealt out in turn
    part[np.argsort(documents.gold.argmax(axis=1), kind="stable")] = np.arange(count) % FOLDS
    return [(np.flatnonzero(part != n), documents.take(np.flatnonzero(part == n))) for n in range(FOLDS)]


def _shares(counts: csr_matrix, idf: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A document's length before it became 1, over the number of its features."""
    squares = counts.multiply(counts).dot(idf**2)
    return np.sqrt(squares) / np.maximum(sizes, 1)


class _Trials:
    """Scores of unseen documents by strength, made as they are asked for."""

    def __init__(self, problem: _Problem, folds: list[tuple[np.ndarray | None, _Scaled]]) -> None:
        self._problem, self._folds = problem, folds
        self._known: dict[float, list[np.ndarray]] = {}  # float64[B, C] of each fold

    def best(self) -> float:
        """The strength with the highest accuracy, the smallest of equal ones; 1 where nothing can judge."""
        if not self._folds:
            return 1.0
        place = len(STRENGTHS) // 2
        for step in (-1, 1):
            while 0 <= place + step < len(STRENGTHS) and self._better(
                STRENGTHS[place + step], STRENGTHS[place]
            ):
                place += step
        return STRENGTHS[place]

    def _better(self, one: float, other: float) -> bool:
        a, b = self._accuracy(one), self._accuracy(other)
        return a > b or (a == b and one < other)

    def _accuracy(self, strength: float) -> float:
        hits = [
            judges.gold[np.arange(len(means)), means.argmax(axis=1)]
            for (_, judges), means in zip(self._folds, self._means(strength), strict=True)
        ]
        return float(np.concatenate(hits).mean())

    def _means(self, strength: float) -> list[np.ndarray]:
        if strength not in self._known:
            self._known[strength] = [
                judges.means(self._problem.fit(strength, rows)) for rows, judges in self._folds
            ]
        return self._known[strength]

    def told(self, strength: float, temperature: float) -> str:
        """One line for the log."""
        tried = ", ".join(f"{one:g}: {self._accuracy(one):.4f}" for one in sorted(self._known))
        of = f" (accuracy on unseen documents by strength: {tried})" if tried else ""
        return f"strength {strength:g}{of}, temperature {temperature:.3g}"

    def temperature(self, strength: float, loss: str) -> float:
        """The one under which unseen documents' labels are most probable; 1 where nothing can judge."""
        from scipy.optimize import minimize_scalar

        if not self._folds:
            return 1.0
        means = np.concatenate(self._means(strength))
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
