"""Abstention: the threshold gives what was asked for, stays with the model, and withholds answers everywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftcore
from ftcore.errors import InvalidOptions, MissingLabels, UserError
from ftcore.formats.directory import from_bytes, read_directory, to_bytes
from ftcore.inference.classifier import Classifier
from ftcore.inference.scoring import score_file
from ftcore.model.abstention import (
    Abstention,
    certainty,
    choose_abstention,
    coverage_curve,
    evened,
    separated,
)


def one(probability: float) -> list[float]:
    return [probability, 1 - probability]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(51, 99), st.booleans()), min_size=1, max_size=40),
    wanted=st.floats(0.01, 1.0),
)
def test_a_threshold_gives_the_coverage_or_the_accuracy_asked_for(rows, wanted):
    probabilities = np.array([one(p / 100) for p, _ in rows])
    gold = [["a" if right else "b"] for _, right in rows]
    for goal in ("coverage", "accuracy"):
        found = choose_abstention(gold, probabilities, ["a", "b"], "softmax", **{goal: wanted})
        given_ = found.certain(probabilities, "softmax")
        assert given_.mean() == pytest.approx(found.coverage)
        right = np.array([right for _, right in rows])[given_]
        assert right.mean() == pytest.approx(found.accuracy)
        if goal == "coverage":
            assert found.coverage >= wanted - 1e-9
            fewer = [np.mean(probabilities[:, 0] >= p) for p in set(probabilities[:, 0]) if p > found.least]
            assert all(share < wanted for share in fewer)
        else:  # no lower threshold is as accurate
            for least in set(probabilities[:, 0]):
                hits = np.array([r for p, r in rows if p / 100 >= least - 1e-12])
                if least < found.least - 1e-12:
                    assert hits.mean() < wanted


def test_standout_sees_what_no_label_is_for():
    names = [f"l{i}" for i in range(25)]
    flat = np.full(25, 0.02)
    flat[:3] = [0.2, 0.19, 0.17]
    sharp = np.full(25, 0.02)
    sharp[0] = 0.52
    p = np.array([sharp, flat / flat.sum()])
    a, b = certainty(p, "softmax", "standout")
    assert a > b
    assert certainty(p, "softmax", "standout") == pytest.approx(
        [(np.log(r).max() - np.log(r).mean()) / np.log(r).std() for r in p]
    )
    assert choose_abstention([["l0"], ["x"]], p, names, "softmax", coverage=0.5).by == "standout"
    assert (
        choose_abstention([["a"]], np.array([one(0.6)]), ["a", "b"], "softmax", coverage=0.5).by
        == "probability"
    )


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_evened_is_the_probability_of_a_text_of_the_usual_length(loss: str):
    draw = np.random.default_rng(0)
    scores, lengths = draw.normal(size=(20, 4)) * 2, draw.integers(1, 400, 20)

    def shares(s: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-s)) if loss == "ova" else np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)

    as_long = shares(scores * np.sqrt(lengths / 100)[:, None]).max(axis=1)
    assert certainty(shares(scores), loss, "evened", lengths, 10.0) == pytest.approx(as_long)
    assert certainty(shares(scores), loss, "evened", np.full(20, 100), 10.0) == pytest.approx(
        shares(scores).max(axis=1)
    )


def test_auto_takes_what_tells_right_from_wrong_on_the_held_out_documents():
    draw = np.random.default_rng(1)
    lengths = np.repeat([25, 400], 200)
    sureness = draw.random(400) * 4
    right = draw.random(400) < 1 / (1 + np.exp(-sureness))
    margin = sureness / np.sqrt(lengths / 100)  # as the mean of a long text's rows makes it
    probabilities = np.stack([1 / (1 + np.exp(-margin)), 1 / (1 + np.exp(margin))], 1)
    gold = [["a" if ok else "b"] for ok in right]
    found = choose_abstention(gold, probabilities, ["a", "b"], "softmax", coverage=0.5, lengths=lengths)
    assert found.by == "evened" and found.usual == pytest.approx(12.5)
    given_ = found.certain(probabilities, "softmax", lengths)
    assert given_.mean() == pytest.approx(0.5, abs=0.01) and 0.4 < given_[:200].mean() < 0.6
    plain = choose_abstention(gold, probabilities, ["a", "b"], "softmax", coverage=0.5)
    assert plain.by == "probability" and plain.accuracy < found.accuracy and plain.usual == 1
    with pytest.raises(InvalidOptions, match="by = 'evened': it needs the lengths"):
        choose_abstention(gold, probabilities, ["a", "b"], "softmax", coverage=0.5, by="evened")


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_separated_is_the_share_of_pairs(rows):
    certain, right = np.array([c for c, _ in rows], float), np.array([r for _, r in rows])
    if right.all() or not right.any():
        return
    pairs = [(a > b) + 0.5 * (a == b) for a in certain[right] for b in certain[~right]]
    assert separated(right, certain) == pytest.approx(np.mean(pairs))


def test_equal_answers_are_given_or_withheld_together():
    curve = coverage_curve(np.array([True, False, True]), np.array([0.5, 0.5, 0.9]))
    assert curve.coverage.tolist() == pytest.approx([1 / 3, 1]) and curve.accuracy.tolist() == pytest.approx(
        [1, 2 / 3]
    )
    assert coverage_curve(np.zeros(0, bool), np.zeros(0)).rows() == []


def test_wrong_goals_are_refused():
    for goals in ({}, {"coverage": 0.5, "accuracy": 0.5}):
        with pytest.raises(InvalidOptions, match="coverage or an accuracy"):
            choose_abstention([["a"]], np.ones((1, 1)), ["a"], "softmax", **goals)
    with pytest.raises(MissingLabels, match="no held-out document"):
        choose_abstention([[]], np.ones((1, 1)), ["a"], "softmax", coverage=0.5)


@pytest.fixture
def model() -> ftcore.FastText:
    pairs = [("good fine 好看", "yes"), ("dull poor 无聊", "no")] * 20
    made = ftcore.FastText.from_texts(*map(list, zip(*pairs, strict=True)), dim=4)
    made.fit(pairs, epochs=10, lr=0.5)
    made.abstention = Abstention("probability", 0.8, 0.9, 0.9)
    return made


def test_it_stays_with_the_model_and_withholds(model, tmp_path):
    texts = ["good fine", "good dull", "unseen", "无聊"]
    loud = model.predict(texts, abstain=False)
    said = model.predict(texts)
    assert [p.labels for p in loud] == [["yes"], loud[1].labels, loud[2].labels, ["no"]]
    assert said[1].labels == [] and loud[1].labels and said[0] == loud[0] and said[3] == loud[3]
    model.save(tmp_path / "m")
    again = read_directory(tmp_path / "m")
    assert again.abstention == model.abstention == from_bytes(to_bytes(again)).abstention
    assert Classifier(again).predict(texts) == said
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    score_file(Classifier(again), tmp_path / "t.jsonl", ["text"], tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row["label"] for row in rows] == [p.labels[0] if p.labels else None for p in said]
    score_file(Classifier(again), tmp_path / "t.jsonl", ["text"], tmp_path / "all.jsonl", abstain=False)
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text("utf-8").splitlines()]
    assert rows[1]["label"] == loud[1].labels[0]


def test_it_reads_what_an_earlier_version_kept():
    old = {"by": "standout", "least": 0.5, "coverage": 1, "accuracy": 1}
    assert Abstention.from_state(old, "m") == Abstention("standout", 0.5, 1.0, 1.0)
    new = Abstention("evened", 0.5, 1.0, 1.0, 9.5)
    assert Abstention.from_state(new.state(), "m") == new


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"by": "x", "least": 0, "coverage": 1, "accuracy": 1},
        {"by": "probability", "least": "1", "coverage": 1, "accuracy": 1},
    ],
)
def test_a_file_with_another_one_is_refused(state):
    with pytest.raises(UserError, match=r"m/model.json: abstention is"):
        Abstention.from_state(state, "m/model.json")


def test_a_line_of_bytes_is_as_long_as_its_text():
    pairs = [("好看 的 电影", "a"), ("无聊 的 电影", "b")] * 10
    made = ftcore.FastText.from_texts(*map(list, zip(*pairs, strict=True)), dim=4)
    made.fit(pairs, epochs=3, lr=0.1)
    model = made.to_model().with_prefix()
    texts = ["好看 的 电影", "无聊"]
    lengths = np.array([len(text) for text in texts], float)
    sure = certainty(Classifier(model).probabilities(texts), "softmax", "evened", lengths, 2.0)
    model.abstention = Abstention("evened", float(sure.mean()), 1.0, 1.0, 2.0)
    said = [len(one.labels) for one in Classifier(model).predict(texts)]
    assert sorted(said) == [0, 1]
    assert [len(one.labels) for one in Classifier(model).predict([text.encode() for text in texts])] == said


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_evened_keeps_the_label_and_lifts_long_texts(loss: str):
    short, long = made = evened(np.array([[0.6, 0.4], [0.6, 0.4]]), loss, np.array([4, 16]))
    assert long[0] > 0.6 > short[0] > 0.5 and made.sum(axis=1) == pytest.approx([1, 1])
    odds = (2, 4) / np.mean([2, 4]) * np.log(0.6 / 0.4)  # the roots of the lengths
    assert made[:, 0] == pytest.approx(1 / (1 + np.exp(-odds)))
    same = evened(np.array([[0.6, 0.4]]), loss, np.array([9]), usual=3.0)
    assert same[0] == pytest.approx([0.6, 0.4])
