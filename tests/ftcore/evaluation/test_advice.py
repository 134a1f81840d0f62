"""Warnings of a run that learnt too little: when they come, and that their remedy can be typed as it stands."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ftcore.config import Finetune, load_config
from ftcore.evaluation.advice import advice
from ftcore.training.effort import chance_loss

TRAINED = {
    "settled": {"epoch": 5, "lr": 0.1, "dropout": 0.0},
    "auto": {"epoch": 60, "lr": 0.25, "dropout": 0.5},
    "loss": 1.0,
    "chance_loss": 2.3,
}


def scores(accuracy: float, linear: float | None = None, majority: float = 0.1, documents: int = 1000):
    found = {"accuracy": accuracy, "macro_f1": accuracy, "documents": documents}
    found |= {"majority_accuracy": majority, "majority_macro_f1": majority / 5}
    return found if linear is None else found | {"linear_accuracy": linear, "linear_macro_f1": linear}


def options_in(text: str) -> list[str]:
    return re.findall(r"finetune\.\w+=[\w.]+", text)


def test_a_run_that_is_well_is_told_nothing():
    assert advice(scores(0.9, 0.9), TRAINED) == []
    assert advice(scores(0.9), TRAINED) == []


def test_below_the_linear_baseline_names_both_figures_and_the_very_options():
    (found,) = advice(scores(0.36, 0.79), TRAINED)
    assert "accuracy 0.3600 is 43.0 points below 0.7900 of the linear TF-IDF baseline" in found
    assert options_in(found) == ["finetune.epoch=60", "finetune.lr=0.25"] and "flows.tune" in found
    assert load_config(overrides=options_in(found)).finetune.epoch == 60


def test_macro_f1_alone_is_enough():
    metrics = scores(0.9, 0.9) | {"macro_f1": 0.5, "linear_macro_f1": 0.8}
    assert "macro-F1 0.5000 is 30.0 points below 0.8000" in advice(metrics, TRAINED)[0]


def test_where_auto_did_its_best_the_remedy_goes_further():
    trained = TRAINED | {"settled": TRAINED["auto"]}
    (found,) = advice(scores(0.7, 0.8), trained)
    assert options_in(found) == ["finetune.epoch=120", "finetune.word_ngrams=2"] and "flows.tune" in found


def test_a_difference_of_two_documents_is_none():
    assert advice(scores(0.85, 0.9, documents=40), TRAINED) == []
    assert advice(scores(0.895, 0.9), TRAINED) == []


def test_a_loss_that_hardly_fell_is_said_without_any_baseline():
    (found,) = advice({"accuracy": 0.1, "documents": 9}, TRAINED | {"loss": 2.29})
    assert "the training loss hardly fell: 2.290 nats" in found and "2.300" in found and options_in(found)


def test_labels_that_do_not_follow_from_the_text_are_no_matter_of_options():
    (found,) = advice(scores(0.1, 0.1), TRAINED | {"loss": 2.3})
    assert "check that the labels follow from the text" in found and not options_in(found)


def test_below_the_majority_class():
    (found,) = advice(scores(0.2, majority=0.6), TRAINED)
    assert "majority class" in found


def test_chance_is_the_entropy_of_the_labels():
    counts = np.array([90, 10, 0])
    truth = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert chance_loss(counts, 100, Finetune()) == pytest.approx(truth)
    assert chance_loss(counts, 100, Finetune(loss="hs")) == pytest.approx(truth)
    assert chance_loss(counts, 100, Finetune(loss="ova")) == pytest.approx(
        2 * truth
    )  # yes or no, label by label
    assert chance_loss(counts, 100, Finetune(loss="ns")) is None
    assert chance_loss(counts, 100, Finetune(class_weights="balanced")) is None
