"""Documents that judge what others teach: a validation set, or the training set part by part.

Copies stand in one part: a document that another part knows as a copy (the same features, or a noisy one of
`ftcore.training.noise`) would judge by heart, and what learns texts by heart would be chosen. A document whose labels no other has
judges nobody: where it does not teach, nobody knows its label, and no score of that label means anything.
"""

from __future__ import annotations

import numpy as np

from ftcore.training.conditions import Prepared
from ftcore.training.machines import CountedBags, Fold, usable

ENOUGH = 100  # documents of a validation set that may choose
FOLDS = 3  # of the training set, where there is no such validation set


def may_choose(prepared: Prepared) -> bool:
    """Whether there is a validation set large enough."""
    return prepared.valid is not None and len(usable(prepared.valid)) >= ENOUGH


def judged_folds(prepared: Prepared, documents: CountedBags, rows: np.ndarray) -> list[Fold]:
    """The validation set judges, where it is large enough, else the training set, part by part; too few do not.

    Args:
        prepared: who may judge (`Prepared.judging`), and copies (`Prepared.origins`).
        documents: B that are trained on.
        rows: int64[B], the number of each in `prepared`.
    """
    if prepared.valid is not None:
        held_out = CountedBags.of(prepared.valid, prepared.dictionary)
        if len(held_out) >= ENOUGH:
            return [Fold(None, held_out)]
    judges = np.ones(len(rows), np.bool_) if prepared.judging is None else prepared.judging[rows]
    group = grouped(documents, rows, prepared.origins)
    judging = np.flatnonzero(judges)
    _, first = np.unique(group[judging], return_index=True)
    heads = judging[np.sort(first)]  # of each group that judges, the first document
    gold = documents.gold[heads]
    heads = heads[(gold & (gold.sum(axis=0) > 1)).any(axis=1)]
    if len(heads) < 2 * FOLDS:
        return []
    part = np.full(group.max() + 1, FOLDS)  # who judges nobody always teaches
    in_turn = np.argsort(
        documents.gold[heads].argmax(axis=1), kind="stable"
    )  # each label's documents in turn
    part[group[heads[in_turn]]] = np.arange(len(heads)) % FOLDS
    own = part[group]
    return [
        Fold(np.flatnonzero(own != n), documents.take(np.flatnonzero((own == n) & judges)))
        for n in range(FOLDS)
    ]


def grouped(documents: CountedBags, rows: np.ndarray, origins: np.ndarray | None) -> np.ndarray:
    """int64[B], one number for documents that are copies of each other.

    Args:
        documents: B.
        rows: int64[B], increasing.
        origins: int64[N] by number, the document that each is a copy of; None: none is but for those with the same features.
    """
    mark = np.random.default_rng(0).random(documents.counts.shape[1])
    sums = np.stack([documents.counts.astype(np.float64) @ mark, documents.sizes.astype(np.float64)], axis=1)
    group = np.unique(sums, axis=0, return_inverse=True)[1].reshape(-1)
    if origins is None:
        return group
    place = np.searchsorted(rows, origins[rows]).clip(max=len(rows) - 1)
    known = rows[place] == origins[rows]  # else the original has no feature
    return np.where(known, group[np.where(known, place, 0)], group)
