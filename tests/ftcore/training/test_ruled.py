"""Documents that rules label: those without a label and one rule alone; they weigh what is said and never judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ftcore
from ftcore import config
from ftcore.engines.choice import choose_engine
from ftcore.errors import MissingLabels, UserError
from ftcore.model.rules import Rules
from ftcore.training import recipe
from ftcore.training.documents import Tokenized
from ftcore.training.ruled import Ruled
from ftcore.training.start import Fresh

HOW = recipe.Conditions(choose_engine("cpu", "cpu"))
LINES = ["fine film", "dull film", "superb film", "superb dire film", "awful plot", "nothing"]
LABELS = [["good"], ["bad"], [], [], [], []]
RULES = Rules.of({"good": ["superb", "dull"], "bad": ["awful", "dire"]})


def documents() -> Tokenized:
    return Tokenized.of(LINES, LABELS)


@pytest.mark.parametrize("rest", [False, True])
def test_only_documents_without_a_label_and_with_one_rule_get_one(rest: bool):
    prepared = recipe.prepare(Ruled(documents(), RULES, 0.5, rest), config.Finetune(head="linear"), Fresh())
    names = prepared.dictionary.labels
    bags = prepared.train
    cuts = bags.target_offsets
    said = [[names[i] for i in bags.targets[a:b]] for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    if rest:
        assert said == [["good"], ["bad"], ["good"], [], ["bad"], []]
        assert prepared.judging.tolist() == [True, True, False, True, False, True]
        assert prepared.weights.tolist() == [1, 1, 0.5, 1, 0.5, 1]
    else:  # what two labels' rules speak of, and what none does, is left out with its words
        assert said == [["good"], ["bad"], ["good"], ["bad"]]
        assert prepared.judging.tolist() == [True, True, False, False]
        assert prepared.weights.tolist() == [1, 1, 0.5, 0.5]
        assert b"nothing" not in prepared.dictionary.words and b"plot" in prepared.dictionary.words


@pytest.mark.parametrize(
    "more", [{}, {"noise": 0.1}, {"self_training": 1}, {"lexicon": {"good": ["great"]}}, {"head": "sgd", "lr": 0.5, "epoch": 50}]
)  # fmt: skip
def test_it_is_learnt_from_beside_all_else(more: dict):
    ruled = Ruled(documents(), RULES, rest=bool(more.get("self_training")))
    ruled.tokenizer = ftcore.Tokenizer()
    model, _ = recipe.learn(ruled, config.Finetune(**{"head": "linear", **more}), HOW)
    rows = model.input[model.dictionary.word_ids([b"superb", b"plot"])] @ model.output.T
    assert rows.argmax(axis=1).tolist() == [model.labels.index("good"), model.labels.index("bad")]


def test_a_weight_is_as_many_documents():
    twice = Tokenized.of([*LINES[:3], LINES[2]], [["good"], ["bad"], ["good"], ["good"]])
    options = config.Finetune(head="linear", strength=1.0, weighing="idf", min_count=1)
    a, _ = recipe.learn(Ruled(documents(), Rules.of({"good": ["superb film$"]}), 2.0), options, HOW)
    b, _ = recipe.learn(twice, options, HOW)
    word = [b"superb"]
    assert np.sign((a.input[a.dictionary.word_ids(word)] @ a.output.T)[0]).tolist() == np.sign(
        (b.input[b.dictionary.word_ids(word)] @ b.output.T)[0]
    ).tolist()  # fmt: skip


def test_rules_teach_no_label_of_their_own():
    with pytest.raises(MissingLabels, match="there is no label 'god'; the labels are 'good', 'bad'"):
        recipe.prepare(Ruled(documents(), Rules.of({"god": ["x"]})), config.Finetune(), Fresh())


def test_the_pipeline_knows_when_its_file_changes(tmp_path: Path):
    from tasks.vectors import given_files

    file = tmp_path / "r.yaml"
    named = config.load_config(overrides=[f"rules.patterns={file}"])
    with pytest.raises(UserError, match=r"rules\.patterns: there is no file"):
        given_files(named)
    file.write_text("good: [great]\n")
    before = given_files(named)
    file.write_text("bad: [great]\n")
    assert before.keys() == {"rules"} and given_files(named) != before
    with pytest.raises(UserError, match=r"set rules\.weight=0"):
        config.load_config(overrides=["rules.patterns=r.yaml", "finetune.replay=10"])
