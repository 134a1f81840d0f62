import re

import numpy as np
import pytest

from ftcore.evaluation.metrics import (
    calibration_bins,
    confident_errors,
    confusion_matrix,
    evaluate_classification,
    top_columns,
)

LABELS = ["a", "b", "c"]


def by_label(report, name):
    return report.tables["per_label"].set_index("label").loc[name]


@pytest.fixture
def small():
    """Worked by hand: right, wrong (b for a), right, right in the second of two, unseen gold."""
    gold = [["a"], ["a"], ["b"], ["c", "b"], ["z"]]
    probabilities = np.array(
        [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.2, 0.7, 0.1], [0.1, 0.5, 0.4], [0.1, 0.2, 0.7]], np.float32
    )
    languages = ["zh", "en", "zh", "en", "mixed"]
    return evaluate_classification(
        gold, probabilities, LABELS, languages, top_k=(1, 2), bins=10, train_counts={"a": 5, "b": 3, "c": 2}
    )


def test_figures_by_hand(small):
    m = small.metrics
    assert m["accuracy"] == 3 / 5
    # b: 2 of 3 predictions right, 2 of 2 found -> 0.8; a: 1/1, 1/2 -> 2/3; c: 0/1, 0/1; z: never predicted
    assert by_label(small, "b")[["precision", "recall", "f1"]].tolist() == pytest.approx([2 / 3, 1, 0.8])
    assert by_label(small, "a")["f1"] == pytest.approx(2 / 3)
    assert m["macro_f1"] == pytest.approx((0.8 + 2 / 3 + 0 + 0) / 4)
    assert m["micro_precision"] == 3 / 5 and m["micro_recall"] == 3 / 6
    assert m["weighted_recall"] == pytest.approx(3 / 6)
    # k = 2: hits 1, 1, 1, 2, 0 of 10 predictions and 6 gold labels
    assert m["precision_at_2"] == 5 / 10 and m["recall_at_2"] == 5 / 6 and m["accuracy_at_2"] == 4 / 5
    eps = np.finfo(np.float32).eps
    assert m["log_loss"] == pytest.approx(
        -np.mean([np.log(0.8), np.log(0.3), np.log(0.7), (np.log(0.4) + np.log(0.5)) / 2, np.log(eps)]),
        rel=1e-6,
    )
    # bins of width 0.1: {.8}, {.6}, {.7, .7}, {.5}
    assert m["ece"] == pytest.approx((0.2 + 0.6 + 2 * abs(0.5 - 0.7) + 0.5) / 5, rel=1e-6)


def test_baseline_answers_with_the_training_frequencies(small):
    m = small.metrics
    assert m["majority_accuracy"] == 2 / 5  # "a" is the most frequent in training, not in gold
    f1_a = 2 * 2 / (5 + 2)
    assert m["majority_macro_f1"] == pytest.approx(f1_a / 4)
    assert m["majority_recall_at_2"] == 4 / 6  # a, a, b, b of six
    assert m["mixed/majority_accuracy"] == 0 and m["zh/majority_accuracy"] == 0.5


def test_unseen_labels_are_errors_and_listed(small):
    table = small.tables["unseen_labels"]
    assert table.to_dict("records") == [{"label": "z", "documents": 1, "most_predicted": "c"}]
    assert small.metrics["unseen_labels"] == 1 and small.metrics["unseen_documents"] == 1
    assert small.metrics["mixed/accuracy"] == 0
    assert by_label(small, "z")["f1"] == 0


def test_per_language(small):
    table = small.tables["per_language"].set_index("language")
    assert table["documents"].to_dict() == {"en": 2, "mixed": 1, "zh": 2}
    assert table.loc["zh", "accuracy"] == 1 and table.loc["en", "accuracy"] == 0.5
    assert (
        small.metrics["zh/macro_f1"] == 1
    )  # c, which the Chinese documents neither hold nor get, is left out
    assert small.metrics["zh/documents"] == 2


def test_confusion_counts_right_documents_once(small):
    matrix = confusion_matrix(small.tables["confusion"], ["a", "b", "c", "z"])
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert small.tables["confusion"]["documents"].sum() == 5


def test_names_are_legal_in_mlflow_and_values_plain(small):
    for name, value in small.metrics.items():
        assert re.fullmatch(r"[\w/. -]+", name) and type(value) is float and np.isfinite(value), name


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(5)
    labels = [f"标签{column}" for column in range(12)]
    truth = rng.choice(12, 3000, p=np.arange(1, 13) / 78)
    probabilities = rng.dirichlet(np.ones(12) * 0.4, 3000)
    probabilities[np.arange(3000), truth] += 0.4
    probabilities = (probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32)
    languages = rng.choice(["zh", "en"], 3000).tolist()
    return labels, truth, probabilities, languages


@pytest.mark.filterwarnings("ignore:The y_prob values")  # float32 rows sum to 1 within 1e-7
def test_agrees_with_scikit_learn(large):
    sk = pytest.importorskip("sklearn.metrics")
    labels, truth, probabilities, languages = large
    report = evaluate_classification(
        [[labels[i]] for i in truth], probabilities, labels, languages, top_k=(1, 3)
    )
    predicted = probabilities.argmax(1)
    chinese = np.array(languages) == "zh"
    for prefix, rows in (("", slice(None)), ("zh/", chinese)):
        assert report.metrics[f"{prefix}accuracy"] == pytest.approx(
            sk.accuracy_score(truth[rows], predicted[rows])
        )
        f1 = sk.f1_score(truth[rows], predicted[rows], average="macro")
        assert report.metrics[f"{prefix}macro_f1"] == pytest.approx(f1)
    for average in ("macro", "micro", "weighted"):
        expected = sk.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        found = [report.metrics[f"{average}_{name}"] for name in ("precision", "recall", "f1")]
        assert found == pytest.approx(expected[:3])
    assert report.metrics["log_loss"] == pytest.approx(
        sk.log_loss(truth, probabilities.astype(float)), rel=1e-5
    )
    top3 = sk.top_k_accuracy_score(truth, probabilities, k=3, labels=range(12))
    assert report.metrics["accuracy_at_3"] == pytest.approx(top3)
    for column in (0, 11):
        area = sk.average_precision_score(truth == column, probabilities[:, column])
        assert by_label(report, labels[column])["average_precision"] == pytest.approx(area)
    matrix = confusion_matrix(report.tables["confusion"], labels)
    assert (matrix == sk.confusion_matrix(truth, predicted)).all()


def test_precision_recall_curves(large):
    labels, truth, probabilities, languages = large
    report = evaluate_classification([[labels[i]] for i in truth], probabilities, labels, languages)
    curves = report.tables["precision_recall"]
    assert set(curves["label"]) == {"", *labels}
    for _, part in curves.groupby("label"):
        assert len(part) <= 200 and part["recall"].is_monotonic_increasing
        assert part["recall"].iloc[-1] == pytest.approx(1) and part["precision"].between(0, 1).all()


def test_documents_without_gold_take_no_part():
    p = np.array([[0.9, 0.1], [0.1, 0.9]])
    report = evaluate_classification([["a"], []], p, ["a", "b"], ["en", ""])
    assert report.metrics["accuracy"] == 1 and report.metrics["documents"] == 1
    assert report.metrics["unlabelled_documents"] == 1 and "unknown/accuracy" not in report.metrics


def test_repeated_gold_labels_and_large_k_and_one_class():
    report = evaluate_classification([["a", "a"]], np.array([[1.0]]), ["a"], [""], top_k=(1, 3))
    assert report.metrics["recall_at_1"] == 1 and report.metrics["accuracy"] == 1
    assert report.metrics["unknown/accuracy"] == 1 and "recall_at_3" not in report.metrics


def test_ties_go_to_the_lower_column_however_many_are_asked():
    p = np.tile(np.float32([0.25, 0.5, 0.25, 0.5, 0, 0, 0, 0, 0, 0]), (3, 1))
    assert top_columns(p, 4)[0].tolist() == [1, 3, 0, 2]
    assert (top_columns(p, 9)[:, :4] == top_columns(p, 4)).all()
    assert p[0, 1] == 0.5  # the argument is left alone


def test_blocks_change_nothing(large, monkeypatch):
    _, _, probabilities, _ = large
    whole = top_columns(probabilities, 3)
    monkeypatch.setattr("ftcore.evaluation.metrics.BLOCK_CELLS", 100)
    assert (top_columns(probabilities, 3) == whole).all()


def test_edges_of_calibration_bins():
    ece, bins = calibration_bins(np.array([0.0, 0.5, 1.0]), np.array([False, True, True]), 2)
    assert bins["documents"].tolist() == [2, 1] and ece == pytest.approx(1 / 3 * 0 + 2 / 3 * 0.25)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"languages": ["en"]}, "as many"),
        ({"labels": ["a"]}, "2 columns of probabilities for 1 labels"),
        ({"labels": ["a", "a"]}, "twice"),
        ({"probabilities": np.array([[0.1, 0.9], [np.nan, 0.1]])}, "document 1"),
        ({"probabilities": np.zeros(2)}, "shape"),
        ({"top_k": (0,)}, "top_k"),
        ({"gold": [[], []]}, "nothing to evaluate"),
        ({"gold": ["a", "b"]}, "list of labels"),
    ],
)
def test_mistakes_are_named(change, words):
    arguments = {
        "gold": [["a"], ["b"]],
        "probabilities": np.array([[0.9, 0.1], [0.2, 0.8]]),
        "labels": ["a", "b"],
        "languages": ["en", "zh"],
    }
    with pytest.raises(ValueError, match=words):
        evaluate_classification(**(arguments | change))


def test_errors_take_turns_between_languages():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    found = confident_errors([["b"]] * 3 + [["b"]], p, ["a", "b"], ["en", "en", "en", "zh"], limit=3)
    assert found.tolist() == [0, 3, 1]
