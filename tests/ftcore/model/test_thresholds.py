"""Thresholds of several labels a document, and scores at them, against scikit-learn and by hand."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from ftcore.dataset import TextDataset
from ftcore.errors import UserError
from ftcore.evaluation.multilabel import score_at_thresholds
from ftcore.fasttext import FastText
from ftcore.model.thresholds import Thresholds, choose_thresholds, fitted_thresholds

NAMES = ["a", "b", "c", "d"]


def drawn(seed: int, documents: int = 300):
    rng = np.random.default_rng(seed)
    truth = rng.random((documents, 4)) < [0.5, 0.3, 0.2, 0.02]
    probabilities = np.clip(truth * 0.3 + rng.random((documents, 4)) * 0.6, 0, 1).astype(np.float32)
    probabilities = np.round(probabilities, 2)  # so that some are equal
    return truth, probabilities, [[NAMES[i] for i in np.flatnonzero(row)] for row in truth]


@pytest.mark.parametrize("seed", range(3))
def test_thresholds_are_those_of_the_best_f1(seed):
    truth, probabilities, gold = drawn(seed)
    found = choose_thresholds(gold, probabilities, NAMES, enough=50)
    assert (
        set(found.labels) == {NAMES[i] for i in np.flatnonzero(truth.sum(0) >= 50)}
        and "d" not in found.labels
    )
    tried = np.unique(np.append(probabilities, 1.5))
    best = max(f1_score(truth, probabilities >= t, average="micro", zero_division=0) for t in tried)
    at = f1_score(truth, probabilities >= found.overall, average="micro")
    assert at == pytest.approx(best, abs=1e-9) and found.overall not in tried, (
        "between two scores, not on one"
    )
    for name, threshold in found.labels.items():
        column = NAMES.index(name)
        best = max(f1_score(truth[:, column], probabilities[:, column] >= t, zero_division=0) for t in tried)
        assert f1_score(truth[:, column], probabilities[:, column] >= threshold) == pytest.approx(
            best, abs=1e-9
        )
    assert found.row(NAMES)[3] == found.overall


@pytest.mark.parametrize("seed", range(3))
def test_scores_at_thresholds_are_scikit_learns(seed):
    truth, probabilities, gold = drawn(seed)
    row = np.array([0.5, 0.4, 0.7, 0.99])
    said, languages = probabilities >= row, ["zh", "en", ""] * 100
    kept = truth.any(axis=1)
    found = score_at_thresholds(gold, probabilities, NAMES, languages, row)
    for kind in ("micro", "macro"):
        three = precision_recall_fscore_support(truth[kept], said[kept], average=kind, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), three, strict=False):
            assert found.metrics[f"threshold_{kind}_{name}"] == pytest.approx(value), (kind, name)
    assert found.metrics["subset_accuracy"] == pytest.approx(accuracy_score(truth[kept], said[kept]))
    assert found.metrics["labels_said"] == pytest.approx(said[kept].sum(axis=1).mean())
    for name, code in (("zh", "zh"), ("en", "en"), ("", "unknown")):
        here = kept & (np.array(languages) == name)
        assert found.metrics[f"{code}/subset_accuracy"] == pytest.approx(
            accuracy_score(truth[here], said[here])
        )
        assert found.metrics[f"{code}/threshold_micro_f1"] == pytest.approx(
            f1_score(truth[here], said[here], average="micro")
        )
    p, r, f, _ = precision_recall_fscore_support(truth[kept], said[kept], zero_division=0)
    assert [found.per_label[n]["threshold_precision"] for n in NAMES] == pytest.approx(p)
    assert [found.per_label[n]["threshold_recall"] for n in NAMES] == pytest.approx(r)
    assert [found.per_label[n]["threshold_f1"] for n in NAMES] == pytest.approx(f)


def test_labels_that_the_model_lacks_are_missed_and_empty_answers_count():
    found = score_at_thresholds(
        [["a", "new"], ["b"], ["b"]],
        np.array([[0.9, 0.1], [0.1, 0.2], [0.1, 0.8]]),
        ["a", "b"],
        ["en"] * 3,
        np.array([0.5, 0.5]),
    )
    assert found.metrics["subset_accuracy"] == pytest.approx(1 / 3)
    assert (
        found.metrics["threshold_micro_recall"] == pytest.approx(2 / 4)
        and found.metrics["threshold_micro_precision"] == 1
    )
    assert found.per_label["new"]["threshold_recall"] == 0


def test_what_the_option_asks_for(caplog):
    truth, probabilities, gold = drawn(0)
    held_out = (gold, probabilities)
    assert fitted_thresholds("off", True, held_out, NAMES) is None
    assert fitted_thresholds("auto", False, held_out, NAMES) is None
    assert fitted_thresholds(0.25, False, None, NAMES) == Thresholds(0.25)
    assert fitted_thresholds("auto", True, held_out, NAMES) == choose_thresholds(gold, probabilities, NAMES)
    with caplog.at_level(logging.WARNING, "ftcore"):
        assert fitted_thresholds("auto", True, None, NAMES) == Thresholds(0.5)
    assert "split.valid" in caplog.text and "finetune.threshold" in caplog.text


TEXTS = ["red round", "red", "round", "green", "green round", "red green"] * 20
LABELS = [text.split() for text in TEXTS]


def test_a_model_carries_its_thresholds_and_says_all_labels_that_reach_them(tmp_path):
    model = FastText.from_texts(TEXTS, LABELS, dim=8, loss="ova")
    data = TextDataset(TEXTS, LABELS)
    model.fit(data, epochs=10, lr=0.5)
    assert model.thresholds is None and [len(p.labels) for p in model.predict(TEXTS[:3])] == [1, 1, 1]
    model.fit(data, epochs=10, lr=0.5, valid=data)
    assert model.thresholds is not None
    model.save(tmp_path / "model")
    again = FastText.load(tmp_path / "model")
    assert again.thresholds == model.thresholds == FastText.from_bytes(model.to_bytes()).thresholds
    for prediction, gold in zip(again.predict(TEXTS[:6]), LABELS, strict=False):
        assert set(prediction.labels) == set(gold)
        assert prediction.probabilities == sorted(prediction.probabilities, reverse=True)
    assert [len(p.labels) for p in again.predict(TEXTS[:3], k=1)] == [1, 1, 1], "k is k"
    assert [len(p.labels) for p in again.predict(TEXTS[:3], k=-1)] == [3, 3, 3]
    assert [p.labels for p in again.predict(["", "unheard"])] == [[], []]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (0.5, "thresholds"), ({"overall": 0.5}, "not {overall, labels}"), ({"overall": "0.5", "labels": {}}, "overall is '0.5'"),
        ({"overall": 1.5, "labels": {}}, "overall is 1.5"), ({"overall": 0.5, "labels": {"zz": 0.1}}, "no label 'zz'"),
        ({"overall": 0.5, "labels": {"red": True}}, "red is True"), ({"overall": float("nan"), "labels": {}}, "overall is nan"),
        ({"overall": 0.5, "labels": []}, "not {overall, labels}"),
    ],
)  # fmt: skip
def test_broken_thresholds_are_named_at_load(tmp_path, state, said):
    model = FastText.from_texts(TEXTS, LABELS, dim=4, loss="ova")
    model.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"thresholds": state}))
    with pytest.raises(UserError) as refused:
        FastText.load(tmp_path / "model")
    assert said in str(refused.value) and str(tmp_path / "model") in str(refused.value)
