"""What speaks against a promotion whatever the scores: labels, the test set, training data, a model without skill."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ftcore.evaluation.labels import LabelChange
from ftcore.evaluation.promotion import Evidence, obstacles

GOOD = Evidence(
    documents=200,
    answerable=200,
    accuracy=0.9,
    macro_f1=0.88,
    majority_accuracy=0.5,
    majority_macro_f1=0.2,
    labels=("a", "b"),
)
SAME = LabelChange.of(["a", "b"], ["b", "a"])


def against(evidence=GOOD, change: LabelChange | None = SAME, allow=False) -> str:
    return " ".join(obstacles("m/2", evidence, change, "m/1", allow_changed_labels=allow))


def test_a_good_model_on_a_good_test_set_passes_with_and_without_a_champion():
    assert against() == against(change=None) == against(allow=True) == ""


@pytest.mark.parametrize(
    ("first", "other", "changed", "disjoint"),
    [
        (["a", "b"], ["b", "a"], False, False),
        (["a", "b"], ["a", "b", "c"], True, False),
        (["a", "b", "c"], ["a", "b"], True, False),
        (["a", "b"], ["b", "c"], True, False),
        (list("0123456789"), ["neg", "pos"], True, True),
        ([0, 1], ["0", "1"], False, False),  # labels are what is written in the data
        ([], ["a"], True, True),
    ],
)
def test_label_sets(first, other, changed, disjoint):
    change = LabelChange.of(first, other)
    assert (change.changed, change.disjoint) == (changed, disjoint)
    only = {str(x) for x in first} ^ {str(x) for x in other}
    sentence = change.sentence("m/1", "m/2")
    assert bool(sentence) == changed
    assert all(label in sentence for label in list(sorted(only))[:2]), "the labels are named"
    assert bool(against(change=change)) == changed, "changed ones only on request"
    assert bool(against(change=change, allow=True)) == disjoint, "disjoint ones not even then"


def test_many_labels_are_counted_not_listed():
    sentence = LabelChange.of([f"label{n:03}" for n in range(500)], ["x"]).sentence("m/1", "m/2")
    assert "label004 and 495 more" in sentence and len(sentence) < 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"answerable": 0, "accuracy": 0.0, "macro_f1": 0.0, "unknown": ("x", "y")}, "(x, y); it knows a, b"),
        ({"answerable": 90, "unknown": ("x",)}, "does not know the labels x, which 110 of 200"),
        ({"documents": 29, "answerable": 29}, "29 documents: too few"),
        ({"documents": 2, "answerable": 2}, "2 documents: too few"),
        ({"documents": 50, "answerable": 28}, "28 documents: too few"),
        ({"seen": 3}, "3 of 200 test documents were in the training data of m/2"),
        ({"seen": 200}, "200 of 200"),
        ({"accuracy": 0.5, "macro_f1": 0.2}, "no better than always answering"),
        ({"accuracy": 0.1, "macro_f1": 0.1}, "no better than always answering"),
    ],
)
def test_each_obstacle_alone_is_enough(changes, said):
    """Also for the first champion, who has nobody to beat."""
    evidence = replace(GOOD, **changes)
    assert (
        said in against(evidence)
        and said in against(evidence, None)
        and said in against(evidence, allow=True)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"documents": 30, "answerable": 30},
        {"seen": 2},  # chance copies of short texts
        {"answerable": 150, "unknown": ("x",)},  # warned of, but 150 documents can tell
        {"accuracy": 0.4},  # an imbalanced test set: macro-F1 shows the skill
    ],
)
def test_what_is_no_obstacle(changes):
    assert against(replace(GOOD, **changes)) == ""
