"""The linear baseline: scikit-learn's own pipeline over the same tokens is the truth."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from ftcore.evaluation.baseline import FLOOR, affordable, baseline_metrics, linear_baseline

SCHEMA = pa.schema([("tokens", pa.string()), ("labels", pa.list_(pa.string()))])


def batch(rows: list[tuple[str, list[str]]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"tokens": t, "labels": y} for t, y in rows], schema=SCHEMA)


def noisy(seed: int, documents: int, labels: int = 4) -> list[tuple[str, list[str]]]:
    """A topic's words among others, so that some are told apart and some are not."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(documents):
        topic = int(rng.integers(labels))
        own = [f"t{topic}_{n}" for n in rng.integers(0, 40, rng.integers(0, 3))]
        rows.append((" ".join([*own, *(f"w{n}" for n in rng.integers(0, 30, 5))]), [f"l{topic}"]))
    return rows


def answers_of(train, test, passes: int = 30):
    return linear_baseline(lambda: [batch(train)], lambda: [batch(test)], passes=lambda *_: passes)


def said(answers) -> list[str]:
    return [answers.labels[i] for i in answers.probabilities.argmax(1)]


@pytest.mark.parametrize("labels", [2, 4])
def test_it_answers_as_scikit_learn_s_own_pipeline_does(labels):
    train, test = noisy(0, 400, labels), noisy(1, 200, labels)
    vectors = TfidfVectorizer(
        analyzer=lambda text: [*text.split(), "</s>", *map(" ".join, pairs(text))], sublinear_tf=True
    )
    machine = LinearSVC(tol=1e-4, random_state=0).fit(
        vectors.fit_transform([t for t, _ in train]), [y[0] for _, y in train]
    )
    truth = machine.predict(vectors.transform([t for t, _ in test]))
    found = answers_of(train, test)
    assert found.documents == found.of == 400
    assert np.mean(truth == np.array(said(found))) > 0.97
    assert np.mean([y[0] == a for (_, y), a in zip(test, said(found), strict=True)]) > 1.2 / labels


def pairs(text: str) -> list[tuple[str, str]]:
    words = [*text.split(), "</s>"]
    return list(zip(words, words[1:], strict=False))


def test_several_labels_are_learnt_one_against_the_rest():
    train = [("a x", ["a"]), ("b x", ["b"]), ("a b x", ["a", "b"]), ("x c", ["c"])] * 20
    found = answers_of(train, [("b a", []), ("c", [])])
    said_both = {found.labels[i] for i in np.flatnonzero(found.probabilities[0] > 0.5)}
    assert said_both == {"a", "b"}
    assert [found.labels[i] for i in np.flatnonzero(found.probabilities[1] > 0.5)] == ["c"]


def test_the_same_data_give_the_same_bytes():
    train, test = noisy(0, 100), noisy(1, 50)
    assert np.array_equal(answers_of(train, test).probabilities, answers_of(train, test).probabilities)


def test_documents_without_a_label_are_not_learnt_from_but_are_answered():
    train = [("a", ["x"]), ("b", ["y"]), ("c", [])] * 5
    found = answers_of(train, [("a", []), ("", [])])
    assert (found.documents, found.of, found.probabilities.shape) == (10, 10, (2, 2))
    assert said(found)[0] == "x"


def test_one_label_is_no_baseline():
    assert answers_of([("a", ["x"]), ("b", ["x"])], [("a", ["x"])]) is None


def test_more_documents_than_the_training_s_third_allows_are_drawn_from(monkeypatch):
    monkeypatch.setattr("ftcore.evaluation.baseline.FLOOR", 0.0)
    train, test = noisy(0, 3000), noisy(1, 20)
    found = answers_of(train, test, passes=1)
    assert found.bounded and 8 <= found.documents < 1500 and found.of == 3000
    assert set(found.labels) == {"l0", "l1", "l2", "l3"}


def test_its_cost_stays_below_a_third_of_the_training_s():
    assert affordable(10_000, 120_000, 77, passes=30) == 1.0  # banking77
    documents, tokens, labels, passes = 2_000_000, 100_000_000, 300, 5
    share = affordable(documents, tokens, labels, passes)
    training = passes * (tokens * 40e-9 + documents * labels * 50e-9)
    assert share * 2 * tokens * labels * 75e-9 == pytest.approx(training / 3)
    assert share * documents > 1_000 and training / 3 > FLOOR


def test_its_names_stand_beside_the_model_s():
    metrics = {"macro_f1": 0.5, "en/macro_f1": 0.4, "majority_macro_f1": 0.1, "log_loss": 2.0}
    assert baseline_metrics(metrics, ["macro_f1"], "linear_") == {
        "linear_macro_f1": 0.5,
        "en/linear_macro_f1": 0.4,
    }
