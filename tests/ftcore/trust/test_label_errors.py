"""Label errors: those that were planted are found first, and what teaches never judges."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pytest

import ftcore
from ftcore.config import Finetune
from ftcore.engines.choice import choose_engine
from ftcore.errors import MissingLabels, UserError
from ftcore.training.conditions import Conditions
from ftcore.trust import label_errors
from ftcore.trust.label_errors import cross_validated, dealt, find_label_errors, review

TOPICS = {
    "sport": "goal team coach 球队 league",
    "food": "dough oven soup 面条 salt",
    "tech": "chip code 手机 app phone",
}


@dataclass
class Planted:
    """Documents of which some have another label than their words."""

    lines: list[str]
    labels: list[list[str]]
    wrong: set[int]


@pytest.fixture(scope="module")
def planted() -> Planted:
    rng = random.Random(0)
    lines, labels = [], []
    for _ in range(300):
        topic = rng.choice(list(TOPICS))
        lines.append(
            " ".join(rng.choices(TOPICS[topic].split(), k=3) + rng.choices(["the", "a", "w", "是"], k=4))
        )
        labels.append([topic])
    wrong = set(rng.sample(range(300), 15))
    for i in wrong:
        labels[i] = [rng.choice([name for name in TOPICS if name != labels[i][0]])]
    return Planted(lines, labels, wrong)


@pytest.mark.parametrize("head", ["linear", "sgd"])
def test_planted_errors_stand_first(planted: Planted, head: str):
    options = Finetune(head=head, epoch=10, lr=0.5, dim=8, keep_best=False)
    if head == "linear":
        options = Finetune(head="linear", strength=1.0)
    found = find_label_errors(
        planted.lines, planted.labels, options, Conditions(choose_engine("cpu", "cpu")), folds=3
    )
    first = found.order[:15].tolist()
    assert len(planted.wrong & set(first)) >= 13
    assert (found.margin[found.order] < 0).all() and found.confident[first[:10]].all()
    truth = {
        i: next(t for t, w in TOPICS.items() if set(planted.lines[i].split()) & set(w.split())) for i in first
    }
    right = [found.labels[found.suggested[i]] == truth[i] for i in first if i in planted.wrong]
    assert all(right)


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_each_round_deals_anew_and_all_of_them_count(monkeypatch: pytest.MonkeyPatch, loss: str):
    rounds = [
        np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]),
        np.array([[0.5, 0.5], [0.4, 0.6], [0.05, 0.95], [0.7, 0.3]]),
    ]
    asked = []

    def answers(_lines, _labels, _options, conditions, _start, _folds, teaches, _tokenizer):
        asked.append((conditions.seed, teaches.tolist()))
        return rounds[len(asked) - 1], ["a", "b"]

    monkeypatch.setattr(label_errors, "cross_validated", answers)
    how = Conditions(choose_engine("cpu", "cpu"), seed=7)
    found = find_label_errors(list("wxyz"), [["a"]] * 4, Finetune(loss=loss), how, folds=2)
    assert asked == [(7, [True] * 4), (8, [True, False, True, True])]
    mean = np.sqrt(rounds[0] * rounds[1])
    if loss == "softmax":
        mean /= mean.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, mean, rtol=1e-5)
    assert found.order.tolist() == [2, 1]


def test_copies_share_a_fold_and_labels_are_spread():
    rng = random.Random(1)
    lines = [f"w{rng.randrange(60)}" for _ in range(200)]
    part = dealt(lines, [[f"l{i % 4}"] for i in range(200)], 5, seed=3)
    assert all(len({p for line, p in zip(lines, part, strict=True) if line == one}) == 1 for one in lines)
    part = dealt([f"w{i}" for i in range(200)], [[f"l{i % 4}"] for i in range(200)], 5, seed=3)
    for label in range(4):
        assert np.bincount(part[label::4], minlength=5).tolist() == [10] * 5
    assert (
        part == dealt([f"w{i}" for i in range(200)], [[f"l{i % 4}"] for i in range(200)], 5, seed=3)
    ).all()


def test_what_options_add_teaches_in_every_fold(monkeypatch: pytest.MonkeyPatch):
    """Words of a lexicon always, a noisy copy where its original does."""
    taught = []

    def train(prepared, *_args):
        words = [word.decode() for word in prepared.dictionary.words]
        taught.append(
            tuple(
                [words[i] for i in bags.ids.tolist() if 0 < i < len(words)]
                for bags in (prepared.valid, prepared.train)
            )
        )
        return whole(prepared, *_args)

    whole = label_errors.recipe.train
    monkeypatch.setattr(label_errors.recipe, "train", train)
    lines = [f"w{n:03}" for n in range(40)]
    labels = [["a"] if n % 2 else ["b"] for n in range(40)]
    options = Finetune(
        head="linear", strength=1.0, noise=0.01, lexicon={"a": ["often 好"], "b": ["seldom"]}, minn=1, maxn=2
    )
    cut = ftcore.Tokenizer()
    answers, _ = cross_validated(
        lines, labels, options, Conditions(choose_engine("cpu", "cpu")), None, 4, None, cut
    )
    assert answers.shape == (40, 2) and len(taught) == 4
    judged = [name for held, _ in taught for name in held]
    assert sorted(judged) == lines
    for held, names in taught:
        assert {"often", "好", "seldom"} <= set(names) and not set(held) & set(names)
        own = set(lines) - set(held)
        assert sum(name in own for name in names) > 1.5 * len(own)  # most copies kept their one word


def test_a_class_is_judged_by_its_own_measure():
    # b's own documents have .6 at most: .55 for it is not enough, .7 is
    answers = np.array([[0.9, 0.1], [0.45, 0.55], [0.3, 0.7], [0.35, 0.65], [0.4, 0.6]], np.float32)
    found = review(answers, [["a"], ["a"], ["a"], ["b"], ["b"]], ["a", "b"])
    assert found.order.tolist() == [2, 1]
    assert found.confident.tolist() == [False, False, True, False, False]
    # several labels: the least probable of those that are given speaks; none given is never suspected
    found = review(np.array([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5]]), [["a", "b"], []], ["a", "b", "c"])
    assert found.order.tolist() == [0] and found.suggested[0] == 2


def test_too_little_is_refused(planted: Planted):
    conditions = Conditions(choose_engine("cpu", "cpu"))
    with pytest.raises(UserError, match="folds = 1"):
        find_label_errors(planted.lines, planted.labels, Finetune(), conditions, folds=1)
    with pytest.raises(MissingLabels, match="3 documents have a label; 10 are needed"):
        find_label_errors(planted.lines[:3], planted.labels[:3], Finetune(), conditions)
