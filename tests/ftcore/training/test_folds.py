"""Who judges what others teach: never a copy of what was taught."""

from __future__ import annotations

import numpy as np
import pytest

import ftcore
from ftcore import config
from ftcore.dictionary.encode import BagCorpus
from ftcore.training import recipe
from ftcore.training.conditions import Prepared
from ftcore.training.documents import Tokenized
from ftcore.training.folds import FOLDS, grouped, judged_folds
from ftcore.training.machines import CountedBags, Fold, usable
from ftcore.training.start import Fresh

LINES = [f"a{n % 7} b{n} c" for n in range(30)]
LABELS = [["x"] if n % 3 else ["y"] for n in range(30)]


def prepared_of(
    lines: list[str], labels: list[list[str]], weights: list[float] | None = None, **options
) -> Prepared:
    documents = Tokenized.of(lines, labels, None if weights is None else np.array(weights))
    documents.tokenizer = ftcore.Tokenizer()
    return recipe.prepare(documents, config.Finetune(head="linear", minn=1, maxn=2, **options), Fresh())


def folds_of(prepared: Prepared) -> tuple[list[Fold], CountedBags, np.ndarray]:
    bags = prepared.train
    assert isinstance(bags, BagCorpus)
    documents, rows = CountedBags.of(bags, prepared.dictionary), usable(bags)
    if prepared.weights is not None:
        kept = prepared.weights[rows] > 0
        documents, rows = documents.take(np.flatnonzero(kept)), rows[kept]
    return judged_folds(prepared, documents, rows), documents, rows


def judges_of(folds: list[Fold], documents: CountedBags) -> list[set[int]]:
    """The documents of each fold, found again by their counts."""
    place = {row.tobytes(): number for number, row in enumerate(documents.counts.toarray())}
    return [{place[row.tobytes()] for row in fold.judges.counts.toarray()} for fold in folds]


def test_each_judges_once_and_never_what_it_taught():
    folds, documents, _ = folds_of(prepared_of(LINES, LABELS))
    judges = judges_of(folds, documents)
    assert sorted(n for own in judges for n in own) == list(range(30))
    for fold, own in zip(folds, judges, strict=True):
        assert set(fold.teaches.tolist()) == set(range(30)) - own
        assert sum(documents.gold[n, 0] for n in own) in (6, 7)  # labels are dealt out evenly


def test_who_alone_has_a_label_teaches_in_every_part():
    """Else no part that judges it would know the label, whose score without a document is nought and above all others'."""
    rare = LABELS[:25] + [["z"], ["v"], ["w", "x"], ["x"], ["y"]]
    folds, documents, _ = folds_of(prepared_of(LINES, rare, loss="ova"))
    judges = judges_of(folds, documents)
    assert sorted(n for own in judges for n in own) == [n for n in range(30) if n not in (25, 26)]
    assert all({25, 26} <= set(fold.teaches.tolist()) for fold in folds)
    lines = [*LINES, LINES[3]]  # a copy makes no second document of it
    folds, documents, _ = folds_of(
        prepared_of(lines, [["z"] if n in (3, 30) else LABELS[n] for n in range(31)])
    )
    assert all({3, 30} <= set(fold.teaches.tolist()) for fold in folds)


def test_equal_documents_share_a_part():
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(30), 3))
    folds, documents, _ = folds_of(prepared_of([LINES[n] for n in order], [LABELS[n] for n in order]))
    judged = 0
    for fold in folds:
        taught = {order[n] for n in fold.teaches.tolist()}
        own = set(order.tolist()) - taught
        assert len(own) == 10 and len(fold.judges) == 30  # all copies of ten texts
        judged += len(fold.judges)
    assert judged == 90


def test_a_noisy_copy_stands_where_its_original_does():
    prepared = prepared_of(LINES, LABELS, noise=0.3)
    assert prepared.origins.tolist() == [*range(30), *range(30)]
    folds, _, rows = folds_of(prepared)
    for fold in folds:
        taught = rows[fold.teaches]
        assert sorted(set((taught % 30).tolist())) == sorted(taught[taught < 30].tolist())
        assert len(taught) == 40 and len(fold.judges) == 20


def test_who_may_not_judge_teaches_in_every_part():
    prepared = prepared_of(LINES, LABELS, noise=0.3, lexicon={"x": ["b1", "new"], "y": ["b2"]})
    assert prepared.origins.tolist() == [*range(30), *range(30), 60, 61, 62]
    folds, _, rows = folds_of(prepared)
    assert [np.isin([60, 61, 62], rows[fold.teaches]).all() for fold in folds] == [True] * FOLDS
    assert sum(len(fold.judges) for fold in folds) == 60


def test_documents_of_no_weight_move_nobody():
    """Who judges was told by number, while those of no weight are left out."""
    weights = [0.0] * 10 + [1.0] * 20
    prepared = prepared_of(LINES, LABELS, weights, lexicon={"x": ["new"], "y": ["b20"]})
    folds, documents, rows = folds_of(prepared)
    assert rows.tolist() == list(range(10, 32))
    assert all({20, 21} <= set(fold.teaches.tolist()) for fold in folds)
    assert sorted(n for own in judges_of(folds, documents) for n in own) == list(range(20))
    model, _ = recipe.train(
        prepared,
        config.Finetune(head="linear", minn=1, maxn=2, dim=8),
        recipe.Conditions(ftcore.engines.choice.choose_engine("cpu", "cpu")),
    )
    assert model.labels == ["x", "y"]


def test_fewer_than_two_texts_a_part_choose_nothing():
    prepared = prepared_of(["a b", "c d"] * 50, [["x"], ["y"]] * 50)
    assert folds_of(prepared)[0] == []


@pytest.mark.parametrize("origins", [None, np.array([0, 1, 2, 0, 4, 5])])
def test_groups(origins):
    bags = prepared_of(["p q", "r", "q p", "p qq", "r", "s"], [["x"], ["y"]] * 3)
    documents = CountedBags.of(bags.train, bags.dictionary)
    group = grouped(documents, np.arange(6), origins)
    assert group[0] == group[2] and group[1] == group[4]  # without pairs of words their order is nothing
    assert (group[3] == group[0]) == (origins is not None)
    assert len(set(group.tolist())) == (4 if origins is None else 3)


def test_what_is_taken_is_renumbered():
    prepared = prepared_of(LINES, LABELS, noise=0.3, lexicon={"x": ["new"], "y": ["other"]})
    some = prepared.take(np.array([3, 33, 40, 61, 10]))
    assert some.origins.tolist() == [0, 0, 4, 3, 4]
    assert some.weights.tolist() == [1, 1, 1, prepared.weights[61], 1] and some.judging.tolist() == [
        True
    ] * 3 + [False, True]
    assert len(some.train) == 5
    assert prepared.take(np.array([33])).origins.tolist() == [0]  # its original is not there
