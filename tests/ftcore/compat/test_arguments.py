"""Names, order, defaults and errors of the training functions' arguments, against the original's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.base.cores import cores
from ftcore.compat.arguments import (
    ALIASES,
    EXTRAS,
    SUPERVISED,
    UNSUPERVISED,
    Arguments,
    Extras,
    Plain,
    defaults,
    loss_name,
    model_name,
)
from ftcore.errors import UserError
from ftcore.model.model import Args
from ftcore.option_table import MOST
from tests.reference.peer import run_peer


def read(*values, supervised=True, **named):
    return Arguments.read(values, named, supervised=supervised)


def test_names_order_and_defaults_are_the_originals():
    found = run_peer(
        "import inspect, re, json\n"
        "seen = {}\n"
        "def remember(given, named, names, values):\n"
        "    seen[values['model']] = [names, values]\n"
        "    raise KeyError\n"
        "fasttext.FastText.read_args = remember\n"
        "for train in (fasttext.train_supervised, fasttext.train_unsupervised):\n"
        "    try: train()\n"
        "    except KeyError: pass\n"
        "out['seen'] = np.array(json.dumps(seen))\n"
    )
    seen = json.loads(str(found["seen"]))
    for _, values in seen.values():
        values["thread"] = max(
            cores() - 1, 1
        )  # of those that may be used; the original sees all of the machine
    names, values = seen["supervised"]
    assert list(SUPERVISED) == names
    assert {k: defaults(True)[k] for k in values} == values
    names, values = seen["skipgram"]
    assert list(UNSUPERVISED) == [*names, "seed"], "seed is ours, behind the original's"
    ours = defaults(False)
    assert ours == {k: values[k] for k in ours if k != "input"} | {"input": ""}


def test_thread_default_is_never_zero(monkeypatch):
    """One core of those that may be used is left, where the original looks at all of the machine."""
    assert defaults(True)["thread"] == max(cores() - 1, 1)
    monkeypatch.setattr("ftcore.compat.arguments.cores", lambda: 1)
    assert defaults(True)["thread"] == 1


def test_positional_order():
    made = read("f.txt", 0.5, 20, 7, 3, supervised=True)
    assert (made.input, made.args.lr, made.args.dim, made.args.ws, made.args.epoch) == (
        "f.txt",
        0.5,
        20,
        7,
        3,
    )
    made = read("f.txt", "cbow", 0.5, 20, supervised=False)
    assert (made.args.model, made.args.lr, made.args.dim) == ("cbow", 0.5, 20)


@pytest.mark.parametrize("alias,name", ALIASES.items())
def test_both_naming_styles_mean_the_same(alias: str, name: str):
    value = {"label": "#", "pretrainedVectors": "v.vec"}.get(name, 3)
    assert read("f", **{alias: value}) == read("f", **{name: value})
    with pytest.raises(TypeError, match=f"^multiple values for argument '{name}'$"):
        read("f", **{alias: value, name: value})


def test_unknown_and_repeated_keywords_are_the_originals_type_errors():
    with pytest.raises(TypeError, match="^unexpected keyword argument 'learning_rate'$"):
        read("f", learning_rate=0.1)
    with pytest.raises(TypeError, match="^multiple values for argument 'lr'$"):
        read("f", 0.1, lr=0.2)
    with pytest.raises(TypeError, match="^unexpected keyword argument 'autotuneDuration'$"):
        read("f", autotuneDuration=3, supervised=False)
    with pytest.raises(TypeError, match="^unexpected keyword argument 'valid'$"):
        read("f", valid="v", supervised=False)
    with pytest.raises(TypeError, match="at most 25 positional"):
        read(*range(26))


@pytest.mark.parametrize(
    "named",
    [
        {"lr": "fast"}, {"dim": 2.5}, {"dim": "2"}, {"epoch": None}, {"label": 3}, {"thread": 1 << 40},
        {"foo": 1}, {"wordNgrams": 1, "word_ngrams": 1},
    ],
)  # fmt: skip
def test_what_the_original_calls_a_type_error_is_one(named: dict):
    found = run_peer(
        "import json\n"
        "try: fasttext.train_supervised('/nowhere', **json.loads(str(given['named'])))\n"
        "except Exception as error: out['kind'] = np.array(type(error).__name__)\n",
        named=np.array(json.dumps(named)),
    )
    with pytest.raises((TypeError, ValueError)) as caught:
        read("/nowhere", **named)
    assert type(caught.value).__name__ == str(found["kind"])


@pytest.mark.parametrize(
    "named,message",
    [
        ({"loss": "mse"}, "Unrecognized loss name 'mse'"),
        ({"dim": 0}, "dim = 0: Input should be greater than or equal to 1"),
        ({"lr": -1.0}, "lr = -1.0: "),
        ({"epoch": -1}, "epoch = -1: "),
        ({"thread": 0}, "thread = 0: give a number from 1 up"),
        ({"minn": 2, "maxn": 3, "bucket": 0}, "bucket 0 leaves no rows"),
        ({"wordNgrams": 2, "bucket": 0}, "bucket 0 leaves no rows"),
        ({"minn": 4, "maxn": 3}, "minn 4 must not exceed maxn 3"),
        ({"autotuneValidationFile": "v", "autotuneMetric": "recall"}, "Unknown metric : recall"),
        ({"autotuneValidationFile": "v", "autotuneModelSize": "2X"}, "Unable to parse model size 2X"),
    ],
)
def test_values_out_of_range_are_named(named: dict, message: str):
    with pytest.raises(UserError) as caught:
        read("f", **named)
    assert str(caught.value).startswith(message)


def test_unrecognized_model():
    with pytest.raises(UserError, match="^Unrecognized model name 'glove'"):
        read("f", model="glove", supervised=False)


def test_bucket_is_zero_where_nothing_is_hashed():
    assert read("f").args.bucket == 0
    assert read("f", wordNgrams=2).args.bucket == 2_000_000
    assert read("f", maxn=3).args.bucket == 2_000_000
    assert read("f", maxn=0, supervised=False).args.bucket == 0
    assert read("f", maxn=0, supervised=False).args.minn == 3, "a file holds it as it was given"


def test_numpy_numbers_and_paths_are_taken():
    made = read(Path("f.txt"), dim=np.int64(7), lr=np.float32(0.5), epoch=True)
    assert (made.args.dim, made.args.lr, made.args.epoch) == (7, 0.5, 1)


def test_manual_names_are_the_originals():
    assert read("f", min_count=2, lr=0.1).manual == {"input", "minCount", "lr"}


def test_class_weights_take_labels_with_or_without_prefix():
    weights = read("f", class_weights={"a": 2.0, "__label__b": 3.0}).options().class_weights
    assert weights == {"__label__a": 2.0, "__label__b": 3.0}


def test_extras_have_no_name_of_the_originals():
    assert not set(EXTRAS) & {*SUPERVISED, *UNSUPERVISED, *ALIASES}


@pytest.mark.parametrize(
    "metric", ["f1", "f1:__label__a", "precisionAtRecall:30", "recallAtPrecision:50:__label__a"]
)
def test_metrics(metric: str):
    assert read("f", autotuneValidationFile="v", autotuneMetric=metric).autotune.metric == metric


@pytest.mark.parametrize("metric", ["f1:", "precisionAtRecall:30:"])
def test_metrics_without_a_label_behind_the_colon(metric: str):
    with pytest.raises(UserError, match=f"^Empty metric label : {metric}"):
        read("f", autotuneValidationFile="v", autotuneMetric=metric)


def test_enumerations_look_like_the_originals():
    found = run_peer(
        "names = fasttext.FastText\n"
        "out['loss'] = np.array([f'{x} {int(x)} {x.name}' for x in (names.loss_name.hs, names.loss_name.ova)])\n"
        "out['model'] = np.array([f'{x} {int(x)} {x.name}' for x in (names.model_name.cbow, names.model_name.supervised)])\n"
    )
    assert [f"{x} {int(x)} {x.name}" for x in (loss_name.hs, loss_name.ova)] == found["loss"].tolist()
    assert [f"{x} {int(x)} {x.name}" for x in (model_name.cbow, model_name.supervised)] == found[
        "model"
    ].tolist()


# ------------------------------------------------------------------------------- without pydantic
SMALL = st.sampled_from([-1, 0, 1, 2, 5, 1000, MOST, 2_000_000_001])
ARGS = {
    **dict.fromkeys(("dim", "ws", "epoch", "min_count", "neg", "word_ngrams", "bucket", "minn", "maxn"), SMALL),
    "lr": st.sampled_from([-0.1, 0.0, 0.05, 1e6, float("inf"), float("nan")]),
    "t": st.sampled_from([-1.0, 0.0, 1e-4, 5.0, float("nan")]),
    "loss": st.sampled_from(["ns", "hs", "softmax", "ova"]),
    "model": st.sampled_from(["supervised", "skipgram", "cbow"]),
    "min_count_label": SMALL,
}  # fmt: skip
ADDED = {
    "freeze": st.sampled_from(["none", "words", "all", "some"]),
    "updates": st.sampled_from(["auto", "exact", "shared", "none"]),
    "patience": st.sampled_from([-1, 0, 3, 1001, 2.0, True]),
    "class_weights": st.sampled_from([None, "balanced", "other", {"a": 2.0}, 3]),
    "keep_best": st.booleans(),
    "valid": st.sampled_from([None, "valid.txt"]),
}


@settings(max_examples=400, deadline=None)
@given(st.fixed_dictionaries({}, optional=ARGS), st.fixed_dictionaries({}, optional=ADDED))
def test_plain_options_are_the_judged_ones(args, extras):
    args = replace(Args(), **args)
    if not args.supervised:
        args = replace(args, word_ngrams=1)
    arguments = Arguments("f", args, extras=Extras(**extras))
    try:
        judged = arguments.judged()
    except UserError as error:
        with pytest.raises(UserError) as said:
            arguments.options()
        assert str(said.value) == str(error)
        return
    options = arguments.options()
    if isinstance(options, Plain):
        assert json.loads(options.model_dump_json()) == json.loads(judged.model_dump_json())
        assert json.loads(json.dumps(vars(options))) == judged.model_dump(mode="json")
    else:
        assert options == judged


@pytest.mark.parametrize("supervised", [True, False])
def test_what_is_usual_is_plain(supervised):
    options = Arguments.read(["f"], {}, supervised=supervised).options()
    assert type(options) is Plain
