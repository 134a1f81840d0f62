"""Linear machines over fastText's own features, averaged and folded into fastText's two tables.

``head: linear``. Each machine (`ftcore.training.machines`) has one optimum and no rate, no passes, no seed. Several that
weigh features in different ways, and fastText's own training over words (`ftcore.training.stepped`), are blended by documents that
none of them has seen (`ftcore.training.blend`).

A sum of linear models is a linear model, and a linear model is a fastText model: the row of feature i is what it adds to
each label's score (C numbers), the head is the identity; the end of line, a feature of every text, has the
intercept. fastText divides a text's sum by the number of its features, which scales all its scores alike, so that the
label stays. Margins say nothing about probabilities; the shape that makes them right as often as they say on the unseen documents
(`ftcore.training.shape`) is folded in too.

Shapes: B documents, F features (the dictionary's rows), D numbers a vector, C labels.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ftcore.base.cores import usable_threads
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import Diverged, InvalidOptions, MissingLabels
from ftcore.model.matrices import Matrices
from ftcore.training.blend import SURE, added, blend, nats
from ftcore.training.conditions import Prepared
from ftcore.training.finetune import WEIGHTLESS
from ftcore.training.folds import ENOUGH, judged_folds
from ftcore.training.loop import TrainingResult
from ftcore.training.machines import (
    MOST_RATIOS,
    ROUGHLY,
    CountedBags,
    FeatureScales,
    Fold,
    MachineSolver,
    TooLate,
    Weighing,
    usable,
)
from ftcore.training.regression import FEW, MOST_DOCUMENTS, RegressionSolver
from ftcore.training.shape import Shape, fitted_shape
from ftcore.training.stepped import FEWEST_PASSES, affordable, stepped_rows
from ftcore.training.students import students_of

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.dictionary.dictionary import Dictionary

log = logging.getLogger(__name__)
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)  # tried where none is given, from the middle to where it gets better
FEW_SHARE, FEW_STRENGTH = 4.0, 0.3  # of vectors, and of a machine with them, where fewer teach
# of vectors, where enough teach and too few of them judge: words of a lexicon, what rules label
TOLD_SHARE = 1.0
SHARES = (0.0, 1.0, 2.0, 4.0)  # of pretrained vectors beside words that are tried, of equal length at 1
CHARACTERS = (1.0, 0.5)  # of character n-grams beside words
# Rows are stored larger and the head smaller by this: a bucket without a row has fastText's random one, in
# [-1/C, 1/C), which then weighs nothing beside those that were learnt.
SCALE = 1e5
_Judged = tuple[np.ndarray, np.ndarray | None]  # scores of who judges; rows, where all documents taught them


def fit_linear(
    prepared: Prepared,
    options: config.Finetune,
    vectors: np.ndarray | None = None,
    threads: int | None = None,
    in_time: Callable[[], bool] = lambda: True,
    shares: tuple[float, ...] = SHARES,
) -> tuple[Matrices, TrainingResult]:
    """Train over the documents that have a feature and a label; the same for the same data on every machine.

    Args:
        prepared: bags. A validation set of at least `ENOUGH` documents chooses what is not given, else three parts of
            the training set, each judged by what the others teach.
        options: ``loss`` softmax (a document has one label) or ova (several; probabilities stand alone),
            ``strength``, ``weighing`` (one kind of machine alone), ``vectors``, ``class_weights``, ``refit``.
        vectors: float32[F, D], what pretraining knows of each feature (`Start.pretrained_rows`).
        threads: of the solver; None takes one a core, and any number of them gives the same bits.
        in_time: asked before each machine, and within large ones; where it says no, what has been tried so far is
            chosen from.
        shares: of vectors beside words, that are tried.

    Returns:
        the tables, input float32[F, C] and output float32[C, C], and the result, of one epoch. Its scores of the
        validation set are of tables that have not learnt from it.

    Raises:
        UserError: nothing to train on, one label only, a loss that does not fold.
        TooLate: `in_time` said no before anything had been tried.

    Example:
        tables, result = fit_linear(Prepared(dictionary, bags, valid), Finetune(head="linear"))
    """
    from ftcore.model.module import TwoTables
    from ftcore.training.validation import validate

    begin = time.perf_counter()
    dictionary, bags = prepared.dictionary, prepared.train
    assert isinstance(bags, BagCorpus)
    documents, numbers = _documents(prepared, bags, options)
    scales = FeatureScales(documents, dictionary, vectors)
    choice = _Choice(
        dictionary, scales, documents, judged_folds(prepared, documents, numbers), options, usable_threads(threads),
        in_time, shares,
    )  # fmt: skip
    members = choice.members()
    log.info("head linear: %s", choice.told(members))
    rows, judged = choice.rows(members), {}
    students = students_of(prepared, documents, vectors, choice.folds, options, choice.threads)
    if students is not None:
        students.judge(choice.folds, documents, lambda own: choice.rows_of(members, own), rows)
        rows = students.rows(documents, rows)
    if prepared.valid is not None and len(prepared.valid):
        judged = validate(TwoTables.over(_tables(rows)), prepared.valid, options.loss)
        if options.refit:
            documents = documents + CountedBags.of(prepared.valid, dictionary)
            rows = choice.rows_of(members, documents)
            rows = rows if students is None else students.rows(documents, rows)
    row: dict[str, float] = {"epoch": 1, "loss": nats(documents.means(rows), documents.gold, options.loss)}
    row |= {"lr": 0.0} | {f"valid_{name}": value for name, value in judged.items()}
    tables = _tables(rows)
    result = TrainingResult(
        tables, [row], int(documents.sizes.sum()), len(documents), time.perf_counter() - begin,
        "linear", "cpu", best_epoch=1 if judged else None,
    )  # fmt: skip
    return tables, result


def _tables(rows: np.ndarray) -> Matrices:
    labels = rows.shape[1]
    head = np.eye(labels, dtype=np.float32) / np.float32(SCALE)
    return Matrices((rows * np.float32(SCALE)).astype(np.float32), head)


# ------------------------------------------------------------------------------------------ documents
def _documents(
    prepared: Prepared, bags: BagCorpus, options: config.Finetune
) -> tuple[CountedBags, np.ndarray]:
    """Those to train on, and the number of each."""
    from ftcore.engines.setup import class_weights

    dictionary = prepared.dictionary
    if options.loss not in ("softmax", "ova"):
        raise InvalidOptions(f"loss = {options.loss}: head linear knows softmax and ova; choose one of them")
    made, numbers = CountedBags.of(bags, dictionary), usable(bags)
    if prepared.weights is not None:
        weights = np.asarray(prepared.weights, np.float32)[numbers]
        if len(made) and not weights.any():
            raise MissingLabels(WEIGHTLESS)
        made = replace(made, weights=weights).take(np.flatnonzero(weights > 0))
        numbers = numbers[weights > 0]
    if not len(made):
        raise MissingLabels(
            f"nothing to fine-tune on: of {len(bags)} documents none has both a label and a token of the vocabulary"
        )
    gold = made.gold
    if gold.any(axis=0).sum() < 2:
        only = dictionary.labels[int(gold.sum(axis=0).argmax())]
        raise MissingLabels(
            f"every training document has the label {only!r}; a classifier needs at least two labels "
            "(check the label column)"
        )
    by_label = class_weights(options.class_weights, dictionary.labels, gold.sum(axis=0))
    if by_label is not None:
        own = (gold * np.asarray(by_label)).sum(axis=1) / gold.sum(axis=1)
        own = own if made.weights is None else own * made.weights
        made = replace(made, weights=own.astype(np.float32))
    return made, numbers


# -------------------------------------------------------------------------------------------- choosing
@dataclass
class _Member:
    """A classifier of the blend, its strength, and what unseen documents made of it.

    Attributes:
        weighing: of a machine; None: it was trained by steps (`ftcore.training.stepped`).
        tried: nats and accuracy by strength.
        scores: float[B, C] of the unseen documents.
        rows: float32[F, C], where all documents taught it.
        weight: in the blend.
    """

    weighing: Weighing | None
    strength: float = 1.0
    tried: dict[float, tuple[float, float]] = field(default_factory=dict)
    scores: np.ndarray | None = None
    rows: np.ndarray | None = None
    weight: float = 1.0


class _Choice:
    """Which machines, how strong, and what each weighs: by the documents that judge."""

    def __init__(
        self,
        dictionary: Dictionary,
        scales: FeatureScales,
        documents: CountedBags,
        folds: list[Fold],
        options: config.Finetune,
        threads: int,
        in_time: Callable[[], bool],
        shares: tuple[float, ...] = SHARES,
    ) -> None:
        self.shares = shares
        self.dictionary, self.scales, self.documents, self.folds = dictionary, scales, documents, folds
        self.options, self.threads, self.in_time = options, threads, in_time
        self.gold = np.concatenate([fold.judges.gold for fold in folds]) if folds else None
        self._shape: Shape | None = None
        self._begun: dict[Weighing, _Judged] = {}  # what has been tried at strength 1

    def members(self) -> list[_Member]:
        """The machines of the blend."""
        share = self._share()
        made: list[_Member] = []
        strengths: dict[str, float] = {}
        try:
            for kind, characters in self._tasks():
                if made and not self.in_time():
                    break
                if kind == "steps":
                    try:
                        made.append(self._stepped())
                    except Diverged as error:
                        log.info("head linear: without a training by steps (%s)", error)
                    continue
                weighing = Weighing(kind, characters, 0.0 if kind == "ratio" else share)
                member = self._tried(weighing, strengths.get(kind))
                strengths[kind] = member.strength
                made.append(member)
        except TooLate:
            if not made:
                raise
            log.info("head linear: no time for more than %d members", len(made))
        if self.gold is None:
            return made
        loss, gold = self.options.loss, self.gold
        scores = [member.scores for member in made if member.scores is not None]
        for member, weight in zip(made, blend(scores, gold, loss).tolist(), strict=True):
            member.weight = weight
        made = [member for member in made if member.weight > 0]
        if loss == "softmax" and len(gold) >= SURE:
            self._shape = self._fitted(made, gold)
        return made

    def _fitted(self, members: list[_Member], gold: np.ndarray) -> Shape:
        """What makes probabilities of the blend."""
        weights = [member.weight for member in members]
        whole = added(weights, (one.scores for one in members if one.scores is not None))
        if not self.documents.gold.any(axis=0).all():  # of a label nothing is known
            return fitted_shape(whole, gold, alike=False)
        kept = [one.rows for one in members if one.rows is not None]
        small = len(kept) == len(members) and kept[0].size <= MOST_RATIOS
        return fitted_shape(whole, gold, added(weights, kept) if small else None, self.folds[0].judges.means)

    def rows(self, members: list[_Member]) -> np.ndarray:
        """float32[F, C], the sum of machines that all training documents teach."""
        kept = [member.rows for member in members if member.rows is not None]
        if len(kept) < len(members):
            return self.rows_of(members, self.documents)
        return self._shaped(members, kept)

    def rows_of(self, members: list[_Member], documents: CountedBags) -> np.ndarray:
        """The same, taught anew by other documents."""
        return self._shaped(members, (self._taught(member, documents) for member in members))

    def _shaped(self, members: list[_Member], rows: Iterable[np.ndarray]) -> np.ndarray:
        made = added([member.weight for member in members], rows)
        return made if self._shape is None else self._shape.of(made)

    def _taught(self, member: _Member, documents: CountedBags) -> np.ndarray:
        if member.weighing is None:
            return self._steps(documents)
        return self._solver(documents, member.weighing).at(member.strength)

    def _solver(self, documents: CountedBags, weighing: Weighing) -> MachineSolver | RegressionSolver:
        if weighing.kind == "softmax":
            return RegressionSolver(self.scales, documents, weighing)
        return MachineSolver(self.scales, documents, weighing, self.threads)

    def _steps(self, documents: CountedBags, in_time: Callable[[], bool] = lambda: True) -> np.ndarray:
        vectors = self.scales.vectors
        if (
            vectors is not None
            and affordable(self.documents, self.scales.characters, vectors.shape[1]) < FEWEST_PASSES
        ):
            vectors = None
        return stepped_rows(
            documents, self.dictionary, self.scales.characters, self.options.loss, in_time, vectors
        )

    def _stepped(self) -> _Member:
        """The classifier that is trained by steps."""
        assert self.gold is not None
        documents = self.documents
        rows = [
            self._steps(documents if fold.teaches is None else documents.take(fold.teaches), self.in_time)
            for fold in self.folds
        ]
        member = _Member(None)
        member.scores, member.rows = self._judged(rows)
        (weight,) = blend([member.scores], self.gold, self.options.loss)
        found = nats(member.scores * weight, self.gold, self.options.loss)
        member.tried[member.strength] = (found, _accuracy(member.scores, self.gold))
        return member

    @property
    def _may_choose(self) -> bool:
        return self.gold is not None and len(self.gold) >= ENOUGH

    @property
    def _few_judge(self) -> bool:
        return len(self.documents) >= ENOUGH and not self._may_choose

    def _tasks(self) -> list[tuple]:
        """Kinds and sizes of members, the most telling first."""
        kinds = self._kinds()
        most, *others = CHARACTERS if self.scales.has_characters and self._may_choose else CHARACTERS[:1]
        steps = [("steps", 0.0)] if self.options.weighing == "auto" and self._may_choose else []
        rest = [(kind, characters) for kind in kinds for characters in others]
        return [(kind, most) for kind in kinds] + steps + self._regression() + rest

    def _regression(self) -> list[tuple]:
        """Where few documents of each label have vectors."""
        count, labels = self.documents.gold.shape
        few = count <= MOST_DOCUMENTS and count < FEW * labels and self._may_choose
        asked = self.options.weighing == "auto" and self.options.loss == "softmax"
        return [("softmax", 1.0)] if few and asked and self.scales.vectors is not None else []

    def _kinds(self) -> tuple:
        if self.options.weighing != "auto":
            return (self.options.weighing,)
        if not self._may_choose:
            return ("idf",)
        cells = len(self.scales.idf) * self.documents.gold.shape[1]
        if cells > MOST_RATIOS:
            log.info("head linear: ratios of %d features and labels are too many; idf alone", cells)
            return ("idf",)
        return ("idf", "ratio")

    def _share(self) -> float:
        """That of vectors: the one under which the labels are most probable at strength 1; few documents do not choose."""
        if self.scales.vectors is None:
            return 0.0
        if self.options.vectors != "auto":
            return float(self.options.vectors)
        if len(self.documents) < ENOUGH:
            return FEW_SHARE
        if self._few_judge:
            return TOLD_SHARE
        assert self.gold is not None
        best = float("inf")
        for share in reversed(self.shares):
            if self._begun and not self.in_time():
                break
            weighing = Weighing("idf", vectors=share)
            try:
                made = self._scores(self._solvers(weighing), 1.0)
            except TooLate:
                if not self._begun:
                    raise
                break
            (weight,) = blend([made[0]], self.gold, self.options.loss)
            lost = nats(made[0] * weight, self.gold, self.options.loss)
            # of equal ones the smallest share, which comes last; a loss that is no number ends elsewhere
            if not lost > best:
                best, self._begun = lost, {weighing: made}
        (weighing,) = self._begun
        return weighing.vectors

    def _tried(self, weighing: Weighing, strength: float | None) -> _Member:
        """A machine at the strength whose scores make the labels most probable: given, or searched for."""
        member = _Member(weighing)
        if self.options.strength != "auto":
            strength = float(self.options.strength)
        elif self._few_judge or (weighing.vectors and len(self.documents) < ENOUGH):
            strength = FEW_STRENGTH
        if self.gold is None:
            member.strength = strength or 1.0
            return member
        gold, solvers = self.gold, self._solvers(weighing)
        kept: dict[float, _Judged] = {}

        def lost(strength: float) -> float:
            if strength not in member.tried:
                begun = self._begun.pop(weighing, None) if strength == 1.0 else None
                scores, rows = kept[strength] = begun or self._scores(solvers, strength)
                (weight,) = blend([scores], gold, self.options.loss)
                found = nats(scores * weight, gold, self.options.loss)
                member.tried[strength] = (found, _accuracy(scores, gold))
            return member.tried[strength][0]

        try:
            member.strength = _walk(lost, self.in_time) if strength is None else strength
            lost(member.strength)
        except TooLate:
            if not member.tried:
                raise
            member.strength = min(member.tried, key=lambda one: member.tried[one][0])
        member.scores, member.rows = kept[member.strength]
        return member

    def _solvers(self, weighing: Weighing) -> list[MachineSolver | RegressionSolver]:
        documents = self.documents
        return [
            self._solver(documents if fold.teaches is None else documents.take(fold.teaches), weighing)
            for fold in self.folds
        ]

    def _scores(self, solvers: list[MachineSolver | RegressionSolver], strength: float) -> _Judged:
        """Of the documents that judge, and the rows where all training documents taught them."""
        rows = [solver.at(strength, in_time=self.in_time, tolerance=ROUGHLY) for solver in solvers]
        return self._judged(rows)

    def _judged(self, rows: list[np.ndarray]) -> _Judged:
        """Scores by the rows of each fold, and these where they are of all documents."""
        made = [fold.judges.means(own) for fold, own in zip(self.folds, rows, strict=True)]
        return np.concatenate(made).astype(np.float64), rows[0] if self.folds[0].teaches is None else None

    def told(self, members: list[_Member]) -> str:
        """One line for the log."""
        told = []
        for member in members:
            tried = ", ".join(f"{s:g}: {a:.4f}" for s, (_, a) in sorted(member.tried.items()))
            of = f" (accuracy on unseen documents: {tried})" if tried else ""
            kind = (
                "by steps" if member.weighing is None else f"{member.weighing}, strength {member.strength:g}"
            )
            told.append(f"{kind}{of}, times {member.weight:.3g}")
        return "; ".join(told)


def _walk(lost: Callable[[float], float], in_time: Callable[[], bool]) -> float:
    """The strength that loses least, found from the middle of `STRENGTHS` on; the smaller of equal ones."""
    place = len(STRENGTHS) // 2
    for step in (-1, 1):
        while 0 <= place + step < len(STRENGTHS) and in_time():
            here, there = lost(STRENGTHS[place]), lost(STRENGTHS[place + step])
            if not (there < here or (there == here and step < 0)):
                break
            place += step
    return STRENGTHS[place]


def _accuracy(scores: np.ndarray, gold: np.ndarray) -> float:
    return float(gold[np.arange(len(gold)), scores.argmax(axis=1)].mean())
