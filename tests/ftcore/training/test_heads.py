"""`head: auto`: fastText's own training first, linear heads, longer trainings; what does best on validation is taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ftcore
from ftcore import config
from ftcore.ecosystem import FastTextClassifier
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.training.autotune import CHANCE, OutOfTime, _Search, autotune
from ftcore.training.documents import Tokenized
from ftcore.training.search import FeatureSearch, HeadSearch, Settings

BASE = Settings(config.Finetune(head="auto", dim=8, epoch=2, lr=0.05, min_count=1))


def asked(
    search: HeadSearch, scores: dict[str, float] | None = None, t: float = 0.01
) -> list[config.Finetune]:
    """All that it asks for; each head's trials score as told."""
    found = []
    while (settings := search.ask(t)) is not None:
        found.append(settings.options)
        search.tell(settings, (scores or {}).get(settings.options.head, 0.5))
    return found


def test_the_first_trial_is_what_was_given_and_all_features_are_tried_in_the_end():
    found = asked(HeadSearch(BASE))
    assert found[0] == BASE.options.model_copy(update={"head": "sgd"})
    heads = [options.head for options in found]
    assert heads[1:4] == ["linear"] * 3 and "sgd" in heads[4:]
    linear = [(o.word_ngrams, o.minn, o.maxn) for o in found if o.head == "linear"]
    every = iter(lambda: own.ask(0.5), None) if (own := FeatureSearch(BASE)) else ()
    assert sorted(linear) == sorted((s.options.word_ngrams, s.options.minn, s.options.maxn) for s in every)
    assert len(set(linear)) == len(linear)
    stepwise = [o for o in found if o.head == "sgd"]
    assert [o.epoch for o in stepwise] == [2, 25, 2, 2], "a step that gains nothing is not gone on from"
    assert stepwise[1].lr == 0.5 and stepwise[2].word_ngrams == 2 and stepwise[3].maxn == 5


@pytest.mark.parametrize(("words", "maxn"), [(["a", "film", "的"], 5), (["好看", "的", "a"], 3)])
def test_what_pays_on_most_texts_of_the_language_is_tried_first(words: list[str], maxn: int):
    search = HeadSearch(BASE)
    search.ask(0.0)
    search.told_words(words)
    linear = [o for o in asked(search) if o.head == "linear"]
    assert [(o.word_ngrams, o.maxn) for o in linear[:3]] == [(2, maxn), (2, 0), (1, maxn)]
    assert {o.maxn for o in linear[-3:]} == {8 - maxn}, "n-grams as another language has them come last"
    assert all(o.refit for o in linear) and len(linear) == 9


def test_where_the_time_is_short_what_costs_least_is_tried_first():
    search = HeadSearch(BASE)
    search.ask(0.0)
    search.told_words(["a", "film"])
    found = asked(search, t=0.14)
    assert [(o.word_ngrams, o.maxn) for o in found[:4]] == [(2, 0), (2, 5), (1, 5), (3, 5)]


def test_steps_are_taken_from_the_best_training_by_steps_whatever_is_best():
    search = HeadSearch(BASE)
    found = asked(search, {"linear": 0.9, "sgd": 0.5})
    assert search.best.options.head == "linear"
    search = HeadSearch(BASE)
    asked(search, {"linear": 0.4, "sgd": 0.5})
    assert search.best.options == found[0], "nothing did better than what came first"


def told(search: FeatureSearch, right: np.ndarray) -> bool:
    """Ask, and score what is asked as that many documents right."""
    settings = search.ask(0.01)
    assert settings is not None
    return search.tell(settings, float(right.mean()), right)


@pytest.mark.parametrize("kind", [FeatureSearch, HeadSearch])
def test_a_later_linear_head_leads_by_more_than_chance(kind: type[FeatureSearch]):
    search = kind(Settings(BASE.options.model_copy(update={"head": "linear"})))
    right = np.repeat([1, 0], [900, 100])
    if kind is HeadSearch:
        assert told(search, np.zeros(1000, int)), "fastText's own training"
    assert told(search, right), "any lead over a training by steps, and over nothing, counts"
    lucky = right.copy()
    lucky[890:900], lucky[900:914] = 0, 1  # 14 more, 10 fewer: 4 ahead, the standard error is 4.9
    assert not told(search, lucky) and search.score == 0.9
    ahead = right.copy()
    ahead[890:900], ahead[900:917] = 0, 1  # 7 ahead, the standard error is 5.2
    assert told(search, ahead) and search.score == 0.907
    several = 2 * ahead  # labels of a document: what was found is doubled, and so is the standard error
    assert told(search, several) and not told(search, several + np.repeat([1, 0, -1], [9, 985, 6]))


def test_what_is_fixed_is_not_searched_and_a_loss_that_does_not_fold_is_trained_by_steps():
    found = asked(HeadSearch(BASE, {"epoch", "lr", "word_ngrams", "minn", "maxn"}))
    assert [(o.head, o.word_ngrams, o.maxn, o.epoch) for o in found] == [
        ("sgd", 1, 0, 2),
        ("linear", 1, 0, 2),
    ]
    base = Settings(BASE.options.model_copy(update={"loss": "hs"}))
    assert {o.head for o in asked(HeadSearch(base, {"loss"}))} == {"sgd"}


def drawn(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Labels by the order of two words, which words alone do not tell."""
    draw = np.random.default_rng(seed)
    pairs = [draw.permutation(["x", "y"]) for _ in range(n)]
    return [f"{a} {b} w{draw.integers(9)}" for a, b in pairs], [f"l{int(a == 'x')}" for a, _ in pairs]


def test_a_search_says_what_it_tried_and_takes_the_best():
    lines, labels = drawn(200, 0)
    held, true = drawn(100, 1)
    found = autotune(
        Tokenized.of(lines, [[y] for y in labels]), Tokenized.of(held, [[y] for y in true]), BASE.options,
        duration=60, engine=choose_engine("cpu", "cpu"), threads=1,
    )  # fmt: skip
    first = found.trials[0]
    assert first.settings.options.head == "sgd" and first.score < 0.8 < found.score
    assert found.options.word_ngrams > 1 and found.score == max(t.score for t in found.trials)


def test_a_trial_is_not_judged_by_what_it_learnt_from():
    """Labels drawn by lot: validation documents that had been learnt from would be answered right."""
    draw = np.random.default_rng(0)
    texts = [[f"w{i}x{n}" if n else "w" for n in range(3)] for i in range(300)]
    documents = Tokenized.of([" ".join(t) for t in texts], [[f"l{draw.integers(2)}"] for _ in texts])
    held = Tokenized.of(
        [f"w{i}x1 w{299 - i}x2" for i in range(200)], [[f"l{draw.integers(2)}"] for _ in range(200)]
    )
    found = autotune(
        documents, held, BASE.options, {"word_ngrams", "minn", "maxn"}, duration=60,
        engine=choose_engine("cpu", "cpu"), threads=1,
    )  # fmt: skip
    (linear,) = [trial for trial in found.trials if trial.settings.options.head == "linear"]
    assert linear.settings.options.refit and linear.score < 0.65


def test_in_the_api():
    lines, labels = drawn(200, 0)
    labelled = [f"__label__{y} {line}" for line, y in zip(lines, labels, strict=True)]
    model = ftcore.train_supervised(
        labelled[:150], head="auto", autotuneValidationFile=labelled[150:], autotuneDuration=60, verbose=0
    )
    assert model.wordNgrams > 1 and model.test(labelled[150:])[1] > 0.95
    with pytest.raises(UserError, match="head = auto: give autotuneValidationFile"):
        ftcore.train_supervised(labelled, head="auto", verbose=0)


def test_vectors_of_any_size_need_no_dim(tmp_path: Path):
    lines, labels = drawn(200, 0)
    labelled = [f"__label__{y} {line}" for line, y in zip(lines, labels, strict=True)]
    vectors = tmp_path / "words.vec"
    vectors.write_text("2 3\nx 1 0 0\ny 0 1 0\n")
    given = {"autotuneValidationFile": labelled[150:], "autotuneDuration": 60, "verbose": 0}
    given["pretrainedVectors"] = str(vectors)
    model = ftcore.train_supervised(labelled[:150], head="auto", **given)
    assert model.test(labelled[150:])[1] > 0.95
    for options in ({"head": "auto", "dim": 5}, {}):  # asked for, and as the original has it
        with pytest.raises(UserError, match=r"vectors \(3\) does not match dimension \((5|100)\)! Set dim=3"):
            ftcore.train_supervised(labelled[:150], **given, **options)


def test_in_scikit_learn():
    lines, labels = drawn(150, 0)
    held, true = drawn(100, 1)
    model = FastTextClassifier(autotune=True, seconds=60, tokenizer="whitespace", dim=8).fit(lines, labels)
    assert model.score(held, true) > 0.95
    assert model.trials_[0].settings.options.head == "sgd" and len(model.trials_) > 5
    with pytest.raises(UserError, match="autotune=True: 6 texts are too few"):
        FastTextClassifier(autotune=True, tokenizer="whitespace").fit(lines[:6], labels[:6])


def test_a_search_says_why_a_higher_score_was_not_taken(monkeypatch: pytest.MonkeyPatch):
    found = iter([[0, 0, 0, 0], [0, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1]])

    def trial(self, settings: Settings, keep_epochs: bool) -> tuple[Settings, float, dict[str, float]]:
        if (right := next(found, None)) is None:
            raise OutOfTime("enough")
        self.right = np.array(right)
        return settings, float(self.right.mean()), {}

    monkeypatch.setattr(_Search, "trial", trial)
    texts = Tokenized.of(["a b", "c d"], [["x"], ["y"]])
    told = autotune(texts, texts, BASE.options, duration=5, engine=choose_engine("cpu", "cpu"), threads=1)
    assert [(one.score, one.best) for one in told.trials[:4]] == [
        (0, True),
        (0.75, True),
        (1.0, False),
        (0.75, False),
    ]
    assert [one.note for one in told.trials[:4]] == ["", "", CHANCE, ""] and told.score == 0.75
