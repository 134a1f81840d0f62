"""Every face knows every option of the table, by its name and with its default; and the table knows every face's."""

from __future__ import annotations

import inspect
import re
from ast import literal_eval
from dataclasses import fields
from typing import get_args

import pytest

import ftcore
from ftcore import config
from ftcore.compat.arguments import SUPERVISED, UNSUPERVISED, Autotune, Extras
from ftcore.compat.command_line import flags
from ftcore.dictionary.numbering import Numbering
from ftcore.model.model import IN_FILE, Args
from ftcore.option_table import ABSENT, BY_NAME, OPTIONS, ORIGINAL, OWN, Option
from ftcore.training.search import SEARCHED

KEYS = {key: default for key, default, *_ in config.describe_options()}


def column(name: str) -> dict[str, object]:
    """The defaults of a face, by the names of the table."""
    return {o.name: getattr(o, name) for o in OPTIONS if getattr(o, name) is not ABSENT}


def of_model(kind: type[config.Options]) -> dict[str, object]:
    return {name: field.get_default() for name, field in kind.model_fields.items()}


def of_class(kind: type) -> dict[str, object]:
    return {f.name: f.default for f in fields(kind)}


def test_names_are_given_once():
    for names in (
        [o.name for o in OPTIONS],
        [name for o in OPTIONS for name in {o.api, o.also} - {""}],
        [o.flag or o.api for o in ORIGINAL],
    ):
        assert len(names) == len(set(names))


# ---------------------------------------------------------------------------------- the configuration
@pytest.mark.parametrize(
    ("group", "face"), [(config.AutoFinetune, "finetune"), (config.Pretrain, "pretrain")]
)
def test_the_configuration_has_what_the_table_says(group: type[config.Options], face: str):
    assert of_model(group) == {name: value for name, value in column(face).items() if not BY_NAME[name].key}
    assert all(o.of_training(face == "finetune") == (o.name in group.model_fields) for o in OPTIONS)


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.key], ids=lambda o: o.name)
def test_other_places_of_the_configuration(option: Option):
    assert literal_eval(KEYS[option.key]) == option.finetune


def test_a_classifier_without_auto_trains_as_fasttexts():
    for name, value in of_model(config.Finetune).items():
        option = BY_NAME[name]
        assert value == (option.supervised if option.finetune in ("auto", "default") else option.finetune), (
            name
        )


def test_options_of_a_dictionary():
    assert of_class(Numbering) == of_model(config.DictionaryOptions)
    assert of_class(Numbering) == {name: BY_NAME[name].supervised for name in of_class(Numbering)}


def test_what_a_search_moves():
    kept = get_args(get_args(config.Tune.model_fields["keep"].annotation)[0])
    assert {*kept, "loss", "dsub"} == set(SEARCHED) and {*kept, "loss"} <= set(config.Finetune.model_fields)


# ------------------------------------------------------------------------------------------ fastText's
def test_arguments_of_a_model_are_fasttexts():
    outside = {"verbose", "pretrained_vectors", *(o.name for o in ORIGINAL if o.flag)}  # of the call alone
    assert of_class(Args) == {o.name: o.words for o in ORIGINAL if o.name not in outside}
    assert IN_FILE[-2:] == ("lr_update_rate", "t")


def test_the_api_takes_every_option():
    assert {"input", *(o.api for o in ORIGINAL if o.supervised is not ABSENT)} == set(SUPERVISED)
    assert {"input", *(o.api for o in ORIGINAL if o.words is not ABSENT)} == set(UNSUPERVISED)
    assert of_class(Autotune) == {o.name: o.supervised for o in ORIGINAL if o.flag}
    offered = {o.name: o.words if o.supervised is ABSENT else o.supervised for o in OWN if o.api}
    assert of_class(Extras) == offered and all(o.api in (o.name, "") for o in OWN)


@pytest.mark.parametrize("train", [ftcore.train_supervised, ftcore.train_unsupervised])
def test_what_the_documentation_of_the_api_says(train):
    text = re.sub(r"``[a-z]+=.*?``", "", train.__doc__.split("Example")[0])
    said = dict(re.findall(r"\b(\w+)=(\"\w*\"|[\d.]*\d)", text))
    supervised = train is ftcore.train_supervised
    assert len(said) > 15
    for name, value in said.items():
        option = next(o for o in ORIGINAL if o.api == name)
        assert literal_eval(value) == option.default(supervised), name
    names = {o.api for o in ORIGINAL if o.default(supervised) is not ABSENT}
    assert names <= set(re.findall(r"\w+", text))


def test_the_command_line_has_every_flag():
    shown = set(re.findall(r"^  -([\w-]+) ", flags.usage("supervised"), re.M))
    assert shown == set(flags.FLAGS) >= {o.flag or o.api for o in ORIGINAL} - {"model"}


# ---------------------------------------------------------------------------------------- scikit-learn
@pytest.mark.parametrize(
    ("name", "face", "others"),
    [
        (
            "FastTextClassifier",
            "classifier",
            {"tokenizer", "warm_start", "engine", "device", "autotune", "seconds"},
        ),
        ("FastTextVectorizer", "vectorizer", {"tokenizer", "engine", "device"}),
    ],
)
def test_an_estimator_has_what_the_table_says(name: str, face: str, others: set[str]):
    estimator = getattr(pytest.importorskip("ftcore.ecosystem"), name)
    given = {p.name: p.default for p in inspect.signature(estimator).parameters.values()}
    assert {n: v for n, v in given.items() if n not in others} == {
        BY_NAME[name].estimator or name: value for name, value in column(face).items()
    }
