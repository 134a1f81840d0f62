"""Self-training: a classifier also learns from documents without a label, by the labels it is surest of.

``finetune.self_training`` rounds. In each, the classifier of the round before says a label of every document that has
none; of each label the surest documents are taken, as many as its share of the labelled documents, and a new classifier
learns from these and from the labelled ones, which together weigh a quarter of them at least. It begins anew each time,
so that an early error is no burden later. A linear head that has labelled documents keeps what they taught, and students are added
(`ftcore.training.students`).

Source: Yarowsky, "Unsupervised word sense disambiguation rivaling supervised methods" (ACL 1995); the share by label is
that of class-balanced self-training (Zou et al., ECCV 2018).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import InvalidOptions
from ftcore.training.conditions import Prepared
from ftcore.training.lexicon import joined

if TYPE_CHECKING:
    from ftcore.model.model import Model
    from ftcore.training.loop import TrainingResult

log = logging.getLogger(__name__)
Fit = Callable[[Prepared, Any], "tuple[Model, TrainingResult]"]
POOL = 30_000  # documents without a label that take part, drawn at random where there are more
SHARE = 0.5  # of them that get a label in a round
LEAST = 0.25  # what labelled documents weigh together, of what the others do
SEVERAL = "self_training says one label of a document, and loss ova is for several; set loss=softmax, or self_training=0"
UNLABELLED = (
    "self_training has no effect: every document has a label; add texts without one, or set self_training=0"
)
_DOCUMENTS = 4096  # scored at a time
# Of head linear, where they are not given: with so many documents words alone tell much, and labels may be wrong.
STRENGTH, VECTORS = 0.1, 1.0


def self_train(
    prepared: Prepared, options: Any, fit: Fit, seed: int = 0, teacher: Model | None = None
) -> tuple[Model, TrainingResult]:
    """Train, say labels, train again.

    Args:
        prepared: bags, of which some have no label.
        options: of the training; ``self_training`` rounds.
        fit: a training from scratch, `recipe.train` with its other arguments.
        seed: of the draw of the pool.
        teacher: says the first labels; None: a training over the documents that have one.

    Returns:
        what the last training gave. Without documents that have no label it is the first.

    Raises:
        UserError: a loss for several labels a document; what `fit` raises.

    Example:
        self_train(prepared, options, lambda prepared, options: recipe.train(prepared, options, conditions, start))
    """
    bags = prepared.train
    assert isinstance(bags, BagCorpus)
    if options.loss == "ova":
        raise InvalidOptions(SEVERAL)
    labelled, pool = _parts(bags, seed, prepared.weights)
    once = options.model_copy(update={"self_training": 0})
    own = prepared.take(labelled)
    if not len(pool):
        log.warning(UNLABELLED)
        return fit(own, once)
    made = None
    if teacher is None:
        made = fit(own, once)
        teacher, least = made[0], LEAST
    else:
        least = 0.0
    later = once
    if getattr(options, "head", "sgd") == "linear":
        given = {"strength": STRENGTH, "vectors": VECTORS}
        later = once.model_copy(
            update={name: value for name, value in given.items() if getattr(once, name) == "auto"}
        )
    judges = labelled if prepared.judging is None else labelled[prepared.judging[labelled]]
    few = np.bincount(bags.take(judges).targets, minlength=prepared.dictionary.nlabels)
    for number in range(1, options.self_training + 1):
        chosen, said, sure = surest(
            answers(teacher, bags.take(pool), options.loss),
            few / few.sum(),
            SHARE,
        )
        log.info(
            "self-training, round %d: %d of %d documents get a label, half of them from probability %.3f on",
            number, len(chosen), len(pool), float(np.median(sure)) if len(sure) else 0.0,
        )  # fmt: skip
        made = fit(_joined(prepared, labelled, pool[chosen], said, least), later)
        teacher = made[0]
    assert made is not None  # there is a round
    return made


def surest(
    log_p_BC: np.ndarray, priors: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The documents that each label is surest of, by how far it is ahead of the next.

    Args:
        log_p_BC: float[B, C], log probabilities.
        priors: float[C], how many of the documents each label should get, of 1.
        share: of the documents that get a label in all.

    Returns:
        int64[n] rows, int64[n] labels, float64[n] probabilities. A row has one label at most.
    """
    top = log_p_BC.argmax(axis=1)
    two = np.sort(log_p_BC, axis=1)[:, -2:]
    ahead = two[:, 1] - two[:, 0]
    rows = []
    for label, prior in enumerate(priors):
        mine = np.flatnonzero(top == label)
        most = int(round(share * prior * len(top)))
        rows.append(mine[np.argsort(-ahead[mine], kind="stable")[:most]])
    chosen = np.sort(np.concatenate(rows))
    return chosen, top[chosen], np.exp(two[chosen, 1])


def answers(model: Model, bags: BagCorpus, loss: str) -> np.ndarray:
    """Log probabilities float32[B, C] of bags."""
    import torch

    from ftcore.model.losses import huffman_tree, log_probabilities
    from ftcore.model.matrices import Matrices
    from ftcore.model.module import TwoTables, make_bags

    tree = huffman_tree(model.dictionary.label_counts) if loss == "hs" else None
    tables = TwoTables.over(Matrices(*model.dense))
    features, rows = Ragged(bags.ids, bags.offsets), []
    with torch.no_grad():
        for begin in range(0, len(bags), _DOCUMENTS):
            part = features.take(np.arange(begin, min(begin + _DOCUMENTS, len(bags))))
            made = make_bags(part.values, part.offsets, model.seed, tables.dim)
            rows.append(log_probabilities(tables(made.ids, made.offsets, made.absent), loss, tree).numpy())
    return np.concatenate(rows) if rows else np.zeros((0, model.dictionary.nlabels), np.float32)


def _parts(bags: BagCorpus, seed: int, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows that have a label, and rows of the pool, which have words and a weight, but no label."""
    labels = np.diff(bags.target_offsets) > 0
    part = ~labels & (np.diff(bags.offsets) > 1)  # more than the end of the line
    pool = np.flatnonzero(part if weights is None else part & (np.asarray(weights) > 0))
    if len(pool) > POOL:
        log.info("self-training: %d of %d documents without a label are drawn", POOL, len(pool))
        pool = np.sort(np.random.default_rng(seed).choice(pool, POOL, replace=False))
    return np.flatnonzero(labels), pool


def pool_of(prepared: Prepared) -> tuple[BagCorpus, np.ndarray | None]:
    """The documents without a label that take part, and what each weighs; None: all the same."""
    assert isinstance(prepared.train, BagCorpus)
    rows = _parts(prepared.train, 0, prepared.weights)[1]
    weights = None if prepared.weights is None else np.asarray(prepared.weights, np.float32)[rows]
    return prepared.train.take(rows), weights


def _joined(
    prepared: Prepared, labelled: np.ndarray, taken: np.ndarray, said: np.ndarray, least: float
) -> Prepared:
    """Labelled documents and those that got a label; only the former judge, where they are many enough to count."""
    given = prepared.take(labelled)
    own = given.train
    assert isinstance(own, BagCorpus) and isinstance(prepared.train, BagCorpus)
    rest = prepared.train.take(taken)
    ends = np.arange(len(taken) + 1, dtype=np.int64)
    more = BagCorpus(rest.ids, rest.offsets, said.astype(np.int32), ends)
    weights = np.ones(len(labelled)) if given.weights is None else np.asarray(given.weights, float)
    others = np.ones(len(taken)) if prepared.weights is None else np.asarray(prepared.weights, float)[taken]
    weights = weights * max(1.0, least * others.sum() / max(weights.sum(), 1e-9))
    judges = np.ones(len(labelled), bool) if given.judging is None else given.judging
    judging = np.concatenate([judges, np.zeros(len(taken), bool)]) if least else None
    if given.origins is not None:
        given = replace(given, origins=np.append(given.origins, len(labelled) + ends[:-1]))
    return replace(
        given,
        train=joined(own, more),
        weights=np.concatenate([weights, others]),
        judging=judging,
    )
