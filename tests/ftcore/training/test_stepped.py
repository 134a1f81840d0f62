"""fastText's own training as rows that can be added to a machine's."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.engines.choice import choose_engine
from ftcore.errors import Diverged
from ftcore.training import finetune, linear, stepped
from ftcore.training.documents import Tokenized
from ftcore.training.machines import CountedBags, FeatureScales, TooLate
from ftcore.training.recipe import Conditions, learn, prepare
from ftcore.training.stepped import stepped_rows

HOW = Conditions(choose_engine("cpu", "cpu"), threads=2)
OPTIONS = config.Finetune(head="linear", word_ngrams=2, minn=2, maxn=3, bucket=50_000, min_count=1)


def drawn(n: int, seed: int, sure: float = 0.6) -> Tokenized:
    """Texts of four labels, of which some words speak for another one."""
    draw = np.random.default_rng(seed)
    names = draw.integers(4, size=n)
    lines = [
        " ".join(
            f"{'abcd'[name if draw.random() < sure else draw.integers(4)]}{w}"
            for w in draw.integers(0, 40, 6)
        )
        for name in names
    ]
    return Tokenized.of(lines, [[f"l{name}"] for name in names])


TRAIN, VALID = drawn(600, 0), drawn(400, 1)
PREPARED = prepare(TRAIN, OPTIONS, valid=VALID)
DOCUMENTS = CountedBags.of(PREPARED.train, PREPARED.dictionary)
HELD_OUT = CountedBags.of(PREPARED.valid, PREPARED.dictionary)
CHARACTERS = FeatureScales(DOCUMENTS, PREPARED.dictionary, None).characters


def rows(loss: str = "softmax", documents: CountedBags = DOCUMENTS) -> np.ndarray:
    return stepped_rows(documents, PREPARED.dictionary, CHARACTERS, loss)


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_rows_say_the_labels_and_those_of_characters_say_nothing(loss: str):
    made = rows(loss)
    right = HELD_OUT.gold[np.arange(len(HELD_OUT)), HELD_OUT.means(made).argmax(axis=1)].mean()
    assert right > 0.85, "of 0.25 by chance"
    assert CHARACTERS.any() and not made[CHARACTERS].any() and made[~CHARACTERS].any(axis=1).all()
    assert made.tobytes() == rows(loss).tobytes(), "the same each time"


def test_weights_of_documents_count():
    twice = DOCUMENTS + CountedBags(DOCUMENTS.counts, DOCUMENTS.sizes, np.roll(DOCUMENTS.gold, 1, axis=1))
    weights = np.repeat([1.0, 0.0], len(DOCUMENTS)).astype(np.float32)
    made = rows(documents=CountedBags(twice.counts, twice.sizes, twice.gold, weights))
    assert HELD_OUT.gold[np.arange(len(HELD_OUT)), HELD_OUT.means(made).argmax(axis=1)].mean() > 0.85


@pytest.mark.parametrize(("safe", "said"), [(0.1, "by steps ("), (0.0, "without a training by steps")])
def test_a_rate_that_leads_nowhere_is_followed_by_a_smaller_one(safe, said, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "ftcore.training.linear")
    train = finetune.finetune

    def diverging(tables, prepared, options, how):
        if options.lr > safe:
            raise Diverged("the loss is no number")
        return train(tables, prepared, options, how)

    monkeypatch.setattr(finetune, "finetune", diverging)
    monkeypatch.setattr(linear, "blend", lambda scores, *_: np.ones(len(scores)))
    learn(TRAIN, OPTIONS, HOW, valid=VALID)
    assert said in caplog.text


def test_the_head_is_blended_with_it_and_does_without_where_time_is_short(caplog, monkeypatch):
    """What these rows add is what unseen documents say they are worth: here they know all."""
    caplog.set_level(logging.INFO, "ftcore.training.linear")
    train, valid = drawn(600, 2, sure=0.35), drawn(400, 3, sure=0.35)

    def knowing(_documents: CountedBags, dictionary: Dictionary, *_: object) -> np.ndarray:
        made = np.zeros((dictionary.rows, dictionary.nlabels), np.float32)
        for row, word in enumerate(dictionary.words):
            if (place := b"abcd".find(word[:1])) >= 0:
                made[row, dictionary.labels.index(f"l{place}")] = 1
        return made

    monkeypatch.setattr(linear, "stepped_rows", knowing)
    best = learn(train, OPTIONS, HOW, valid=valid)[1].history[0]["valid_loss"]
    assert "by steps" in caplog.text
    caplog.clear()

    def late(*_: object) -> np.ndarray:
        raise TooLate

    monkeypatch.setattr(linear, "stepped_rows", late)
    without = learn(train, OPTIONS, HOW, valid=valid)[1].history[0]["valid_loss"]
    assert "no time for more than 2 members" in caplog.text and "by steps (" not in caplog.text
    assert best < without - 0.01


def test_it_ends_within_a_pass_where_time_is_over():
    asked = []

    def in_time() -> bool:
        asked.append(1)
        return len(asked) < 3

    with pytest.raises(TooLate):
        stepped_rows(DOCUMENTS, PREPARED.dictionary, CHARACTERS, "softmax", in_time)
    assert len(asked) == 3 < 4 * stepped.PASSES


def meanings(scale: float = 1.0) -> np.ndarray:
    """float32[F, 8]: words of one letter lie close together, whether a document has them or not."""
    draw = np.random.default_rng(5)
    made = np.zeros((PREPARED.dictionary.rows, 8), np.float32)
    for row, word in enumerate(PREPARED.dictionary.words):
        if (place := b"abcd".find(word[:1])) >= 0:
            made[row] = np.eye(8)[place] + 0.3 * draw.normal(size=8)
    return made * np.float32(scale)


def test_rows_begin_with_vectors_and_what_was_never_seen_speaks_by_its_vector():
    words = np.flatnonzero(meanings().any(axis=1))
    unseen = words[::2]  # of the words that mean something half are in no text that teaches
    seen = DOCUMENTS.counts.tolil(copy=True)
    seen[:, unseen] = 0
    few = replace(DOCUMENTS, counts=seen.tocsr()).take(np.arange(100))
    made, same = (
        stepped_rows(few, PREPARED.dictionary, CHARACTERS, "softmax", vectors=meanings(scale))
        for scale in (1.0, 64.0)
    )
    letters = [PREPARED.dictionary.words[row][:1] for row in unseen]
    right = [PREPARED.dictionary.labels.index(f"l{b'abcd'.find(letter)}") for letter in letters]
    assert np.mean(made[unseen].argmax(axis=1) == right) > 0.8, "of 0.25 by chance"
    np.testing.assert_array_equal(same, made, "however long they are")
    assert not made[CHARACTERS].any()
    longer = replace(few, sizes=few.sizes + 30)  # by features that take no part
    again = stepped_rows(longer, PREPARED.dictionary, CHARACTERS, "softmax", vectors=meanings())
    np.testing.assert_array_equal(again, made)


def test_many_numbers_are_passed_over_less_often(monkeypatch):
    features = DOCUMENTS.counts[:, ~CHARACTERS].sum()
    monkeypatch.setattr(stepped, "NUMBERS", int(features * 8 * 7.5))
    assert stepped.affordable(DOCUMENTS, CHARACTERS, 8) == 7
    assert stepped.affordable(DOCUMENTS, CHARACTERS, 8, passes=3) == 3
