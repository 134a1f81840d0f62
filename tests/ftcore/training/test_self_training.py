"""Self-training: which documents get a label, and that documents without one help."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import ftcore
from ftcore import config
from ftcore.engines.choice import choose_engine
from ftcore.errors import InvalidOptions
from ftcore.inference.classifier import Classifier
from ftcore.training import self_training, stepped
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import Conditions, learn
from ftcore.training.self_training import surest
from ftcore.training.start import FromVectors

HOW = Conditions(choose_engine("cpu", "cpu"))


def drawn(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts of two topics, each with 60 words of its own of which a text has a few, and words of both."""
    draw = np.random.default_rng(seed)
    topics = draw.integers(2, size=count).tolist()
    lines = [
        " ".join(
            draw.permutation(
                [
                    *(f"t{t}w{w}" for w in draw.integers(60, size=5)),
                    *(f"w{w}" for w in draw.integers(40, size=4)),
                ]
            )
        )
        for t in topics
    ]
    return lines, [f"t{t}" for t in topics]


FEW, FEW_LABELS = drawn(10, 0)
POOL, _ = drawn(600, 1)
TEST, TRUE = drawn(300, 2)


def accuracy(rounds: int, head: str, pool: list[str] = POOL, **features: int) -> float:
    lines = [f"__label__{label} {line}" for label, line in zip(FEW_LABELS, FEW, strict=True)] + pool
    arguments = {} if head == "linear" else {"lr": 0.5, "epoch": 30, "dim": 10, "thread": 1}
    model = ftcore.train_supervised(
        lines, head=head, self_training=rounds, verbose=0, **features, **arguments
    )
    said = [labels[0] for labels in model.predict(TEST)[0]]
    return float(np.mean([label == f"__label__{true}" for label, true in zip(said, TRUE, strict=True)]))


@pytest.mark.parametrize("head", ["linear", "sgd"])
def test_documents_without_a_label_help(head: str):
    alone, taught = accuracy(0, head), accuracy(3, head)
    assert taught > alone + 0.08 and taught > 0.9


def test_ngrams_are_numbered_alike_in_every_round():
    """The linear head gives n-grams fewer buckets than the documents were read with."""
    assert accuracy(3, "linear", wordNgrams=2) > 0.85


def test_without_such_documents_it_is_the_plain_training():
    lines = [[label] for label in FEW_LABELS]
    plain, _ = learn(Tokenized.of(FEW, lines), config.Finetune(head="linear"), HOW)
    same, _ = learn(Tokenized.of(FEW, lines), config.Finetune(head="linear", self_training=2), HOW)
    np.testing.assert_array_equal(plain.input, same.input)


def test_each_label_gets_its_share_of_the_surest():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7], [0.49, 0.51], [0.05, 0.95]])
    rows, labels, sure = surest(np.log(p), np.array([0.5, 0.5]), 2 / 3)
    assert rows.tolist() == [0, 2, 3, 5] and labels.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(sure, [0.9, 0.8, 0.7, 0.95])
    assert surest(np.log(p), np.array([1.0, 0.0]), 1.0)[1].tolist() == [0, 0, 0]


def test_a_large_pool_is_drawn_from(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(self_training, "POOL", 100)
    assert accuracy(2, "linear") > 0.8


def test_labels_of_a_model_judge_nothing(monkeypatch: pytest.MonkeyPatch):
    """Strength and temperature are chosen by documents whose labels were given."""
    from ftcore.training import linear

    seen = []
    whole = linear.judged_folds

    def looked(prepared, documents, rows):
        folds = whole(prepared, documents, rows)
        seen.append((len(documents), sum(len(fold.judges) for fold in folds)))
        return folds

    monkeypatch.setattr(linear, "judged_folds", looked)
    accuracy(1, "linear")
    assert seen == [(10, 10)]
    accuracy(1, "sgd")
    assert len(seen) == 1


def test_a_round_that_makes_given_labels_less_probable_is_not_taken():
    """In the documents without a label half of a topic's words go with half of the other's."""
    lines, labels = drawn(300, 3)
    mixed = []
    for line, topic in zip(*drawn(600, 4), strict=True):
        words = [word for word in line.split() if word[0] == "t"]
        mixed.append(" ".join(f"t{int(topic[1:]) ^ (int(word[3:]) < 30)}w{word[3:]}" for word in words))
    rows = []
    for rounds in (0, 3):
        options = config.Finetune(head="linear", self_training=rounds)
        texts = Tokenized.of([*lines, *mixed], [[label] for label in labels] + [[]] * len(mixed))
        model, _ = learn(texts, options, HOW)
        rows.append(np.asarray(model.input))
    np.testing.assert_array_equal(*rows)


def test_several_labels_a_document_are_refused():
    with pytest.raises(InvalidOptions, match="self_training says one label"):
        learn(Tokenized.of([*FEW, *POOL[:5]], [[label] for label in FEW_LABELS] + [[]] * 5),
              config.Finetune(head="linear", self_training=1).model_copy(update={"loss": "ova"}), HOW)  # fmt: skip


def test_with_vectors_a_student_is_trained_by_steps_where_there_is_time(caplog, monkeypatch):
    caplog.set_level(logging.INFO, "ftcore.training.students")
    draw = np.random.default_rng(6)
    words = sorted({word for line in [*FEW, *POOL] for word in line.split()})
    near = np.array([[word[:2] == "t0", word[:2] == "t1", word[0] == "w"] for word in words], np.float32)
    start = FromVectors(
        [word.encode() for word in words], near + 0.8 * draw.normal(size=near.shape).astype(np.float32)
    )

    def right(rounds: int) -> float:
        options = config.Finetune(head="linear", self_training=rounds, dim=3)
        texts = Tokenized.of([*FEW, *POOL], [[label] for label in FEW_LABELS] + [[]] * len(POOL))
        model, _ = learn(texts, options, HOW, start=start)
        said = [found.labels[0] for found in Classifier(model).predict(TEST)]
        return float(np.mean([label == true for label, true in zip(said, TRUE, strict=True)]))

    assert right(1) > right(0) and "ratio characters 1, by steps weigh" in caplog.text
    caplog.clear()
    monkeypatch.setattr(stepped, "NUMBERS", 1000)
    right(1)
    assert "weigh" in caplog.text and "by steps" not in caplog.text


@pytest.mark.parametrize("head", ["sgd", "linear"])
def test_documents_without_a_label_count_as_much_as_they_weigh(head: str, caplog):
    lines = [f"__label__{label} {line}" for label, line in zip(FEW_LABELS, FEW, strict=True)] + POOL

    def rows(rounds: int, weight: float) -> np.ndarray:
        weights = [1.0] * len(FEW) + [weight] * len(POOL)
        arguments = {} if head == "linear" else {"lr": 0.5, "epoch": 5, "dim": 4}
        made = ftcore.train_supervised(
            lines, head=head, self_training=rounds, sample_weights=weights, thread=1, verbose=0, **arguments
        )
        return made.get_input_matrix()

    assert np.array_equal(rows(2, 0.0), rows(0, 0.0)), "what weighs nothing teaches nothing"
    assert "every document has a label" in caplog.text
    assert not np.array_equal(rows(2, 0.2), rows(2, 1.0))
