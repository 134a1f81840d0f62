"""Self-training of a linear head: machines that learn from what it says of documents without a label, added to it.

``finetune.self_training`` rounds with ``head: linear``. In each, the head so far says a label of every document that has none; of
each label the surest documents teach students, together with the labelled ones: a machine over counts and vectors and, because words
that go with a label are found best in many documents, one over ratios (`ftcore.training.machines`), and where there are vectors fastText's
own training from them (`ftcore.training.stepped`). What each weighs beside the head
is what makes the labels of documents probable that neither the head nor any document of that round has learnt from: where folds of the
training set judge, each fold has a head and students of its own. A round after which these labels are less probable than before
is not taken, and is the last. All of it is a sum of rows, so that it folds.

Source: the semi-supervised naive Bayes of Nigam et al., "Text classification from labeled and unlabeled documents using EM"
(Machine Learning, 2000), with machines in its place.

Shapes: B documents, F features (the dictionary's rows), D numbers a vector, C labels, S students.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ftcore.dictionary.dictionary import Dictionary
from ftcore.errors import Diverged, InvalidOptions
from ftcore.training.blend import SURE, added, blend, calibrated, nats
from ftcore.training.conditions import Prepared
from ftcore.training.machines import (
    MOST_RATIOS,
    CountedBags,
    FeatureScales,
    Fold,
    MachineSolver,
    Weighing,
    character_rows,
)
from ftcore.training.self_training import LEAST, SEVERAL, UNLABELLED, pool_of, surest
from ftcore.training.stepped import FEWEST_PASSES, affordable, stepped_rows

if TYPE_CHECKING:
    from ftcore import config

log = logging.getLogger(__name__)
SHARE = 0.75  # of the documents without a label that get one in a round
STRENGTH, VECTORS = 0.1, 2.0  # where not given: labels may be wrong, and vectors know what no label says
BELIEVED = (
    50  # documents at which half of what they say of the weights is believed; the rest is equal weights
)
JUDGE = 100  # documents that may refuse a round
ROUGHLY = 0.1  # of the solver
PASSES = 15  # of the student that is trained by steps

Head = Callable[[CountedBags], np.ndarray]  # rows [F, C] that documents teach


@dataclass
class Students:
    """What is learnt from documents without a label.

    Attributes:
        pool: these documents; their labels count for nothing.
        shares: float[C], how many of them each label should get, of 1.
        vectors: float32[F, D], as `fit_linear` has them.
        weighings: of the students that are machines.
        rounds: at most.
        stepped: whether there is a student that is trained by steps, from vectors.
        weights: float64[1 + S] of the head and the students, for each round that was taken.

    Example:
        students = Students(dictionary, pool, shares, vectors, [Weighing("idf", vectors=2.0), Weighing("ratio")], 0.1, 3)
        students.judge(folds, documents, head, head(documents))
        rows = students.rows(documents, head(documents))
    """

    dictionary: Dictionary
    pool: CountedBags
    shares: np.ndarray
    vectors: np.ndarray | None
    weighings: Sequence[Weighing]
    strength: float
    rounds: int
    threads: int = 1
    stepped: bool = False
    weights: list[np.ndarray] = field(default_factory=list)

    def judge(self, folds: Sequence[Fold], documents: CountedBags, head: Head, whole: np.ndarray) -> None:
        """Choose the rounds and their weights.

        Args:
            folds: what judges; none: every round is taken, and all weigh alike.
            head: teaches a head.
            whole: float32[F, C], the head that all documents taught.
        """
        if not folds:
            self.weights = [np.ones(1 + len(self.weighings) + self.stepped)] * self.rounds
            return
        gold = np.concatenate([fold.judges.gold for fold in folds])
        taught = [documents if fold.teaches is None else documents.take(fold.teaches) for fold in folds]
        heads = [
            whole if fold.teaches is None else head(own) for fold, own in zip(folds, taught, strict=True)
        ]
        teachers, made = heads, _scores(folds, heads)
        before, told = nats(made * blend([made], gold, "softmax")[0], gold, "softmax"), made
        for number in range(1, self.rounds + 1):
            learnt = [self._learnt(own, teacher) for own, teacher in zip(taught, teachers, strict=True)]
            members = [made] + [_scores(folds, students) for students in zip(*learnt, strict=True)]
            weights = self._weighed(members, gold)
            scores = added(weights, members)
            after = nats(scores, gold, "softmax")
            log.info(
                "self-training, round %d: the head and %s weigh %s on unseen documents, %.4f nats after %.4f",
                number, self._names(), _told(weights, members), after, before,
            )  # fmt: skip
            if after > before and len(gold) >= JUDGE:
                break
            self.weights.append(weights)
            teachers = [added(weights, [own, *new]) for own, new in zip(heads, learnt, strict=True)]
            before, told = after, scores
        if self.weights and len(gold) >= SURE:
            self.weights[-1] = self.weights[-1] * calibrated(told, gold)

    def rows(self, documents: CountedBags, head: np.ndarray) -> np.ndarray:
        """float32[F, C] of the head and its students, all rounds gone through anew with all documents."""
        made = head
        for weights in self.weights:
            made = added(weights, [head, *self._learnt(documents, made)])
        return made.astype(np.float32)

    def _learnt(self, documents: CountedBags, teacher: np.ndarray) -> list[np.ndarray]:
        """The rows of each student, as large as the head's: what they say of the pool is."""
        said = self.pool.means(teacher)
        chosen, labels, _ = surest(said.astype(np.float64), self.shares, SHARE)
        gold = np.zeros((len(chosen), said.shape[1]), np.bool_)
        gold[np.arange(len(chosen)), labels] = True
        own = np.ones(len(documents), np.float32) if documents.weights is None else documents.weights
        taken = self.pool.take(chosen)
        theirs = len(chosen) if taken.weights is None else float(taken.weights.sum())
        own = own * np.float32(max(1.0, LEAST * theirs / max(float(own.sum()), 1e-9)))
        both = CountedBags(documents.counts, documents.sizes, documents.gold, own) + CountedBags(
            taken.counts, taken.sizes, gold, taken.weights
        )
        scales = FeatureScales(both, self.dictionary, self.vectors)
        made = []
        for weighing in self.weighings:
            made.append(MachineSolver(scales, both, weighing, self.threads).at(self.strength, ROUGHLY))
        if self.stepped:
            made.append(self._by_steps(both, scales))
        sizes = [float(self.pool.means(rows).std()) for rows in made]
        return [
            rows * np.float32(said.std() / size) if size else rows
            for rows, size in zip(made, sizes, strict=True)
        ]

    def _by_steps(self, documents: CountedBags, scales: FeatureScales) -> np.ndarray:
        try:
            return stepped_rows(
                documents, self.dictionary, scales.characters, "softmax", vectors=self.vectors, passes=PASSES
            )
        except Diverged as error:
            log.info("self-training: without a training by steps (%s)", error)
            return np.zeros((self.dictionary.rows, self.dictionary.nlabels), np.float32)

    def _names(self) -> str:
        return ", ".join([*map(str, self.weighings), *(["by steps"] if self.stepped else [])])

    def _weighed(self, scores: Sequence[np.ndarray], gold: np.ndarray) -> np.ndarray:
        """float64[1 + S]: by likelihood, the nearer to equal weights the fewer documents judge; their sum makes probabilities."""
        sizes = np.array([max(float(one.std()), 1e-12) for one in scores])
        best = blend(scores, gold, "softmax") * sizes
        best = best / max(best.sum(), 1e-12)
        weights = (len(gold) * best + BELIEVED / len(scores)) / (len(gold) + BELIEVED) / sizes
        return weights * blend([added(weights, scores)], gold, "softmax")[0]


def students_of(
    prepared: Prepared,
    documents: CountedBags,
    vectors: np.ndarray | None,
    folds: Sequence[Fold],
    options: config.Finetune,
    threads: int,
) -> Students | None:
    """What learns from documents without a label, where it is asked for and there are some.

    Raises:
        UserError: a loss for several labels a document.
    """
    if not options.self_training:
        return None
    if options.loss == "ova":
        raise InvalidOptions(SEVERAL)
    bags, weights = pool_of(prepared)
    if not len(bags):
        log.warning(UNLABELLED)
        return None
    given = np.concatenate([fold.judges.gold for fold in folds]) if folds else documents.gold
    share = 0.0 if vectors is None else VECTORS if options.vectors == "auto" else float(options.vectors)
    both = [Weighing("idf", vectors=share), Weighing("ratio")]
    if documents.gold.shape[1] * prepared.dictionary.rows > MOST_RATIOS:
        both = both[:1]
    weighings = [one for one in both if options.weighing in ("auto", one.kind)] or both[:1]
    strength = STRENGTH if options.strength == "auto" else float(options.strength)
    pool = replace(CountedBags.unlabelled(bags, prepared.dictionary), weights=weights)
    return Students(
        prepared.dictionary, pool, given.mean(axis=0), vectors, weighings, strength, options.self_training, threads,
        stepped=_by_steps(options, vectors, pool, prepared.dictionary),
    )  # fmt: skip


def _by_steps(
    options: config.Finetune, vectors: np.ndarray | None, pool: CountedBags, dictionary: Dictionary
) -> bool:
    """Whether a training by steps is asked for, and has a start and the time."""
    if vectors is None or options.weighing != "auto":
        return False
    return affordable(pool, character_rows(dictionary), vectors.shape[1]) >= FEWEST_PASSES


def _scores(folds: Sequence[Fold], rows: Sequence[np.ndarray]) -> np.ndarray:
    made = [fold.judges.means(own) for fold, own in zip(folds, rows, strict=True)]
    return np.concatenate(made).astype(np.float64)


def _told(weights: np.ndarray, scores: Sequence[np.ndarray]) -> str:
    sizes = np.array([weight * one.std() for weight, one in zip(weights, scores, strict=True)])
    return ", ".join(f"{size:.2f}" for size in sizes / max(sizes.sum(), 1e-12))
