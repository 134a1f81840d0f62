"""Options without pydantic are those with it, and what is judged wrong is never plain."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.compat import plain
from ftcore.compat.arguments import Arguments, Extras
from ftcore.errors import UserError
from ftcore.model.model import Args

SMALL = st.sampled_from([-1, 0, 1, 2, 5, 1000, plain.MOST, 2_000_000_001])
ARGS = {
    **dict.fromkeys(("dim", "ws", "epoch", "min_count", "neg", "word_ngrams", "bucket", "minn", "maxn"), SMALL),
    "lr": st.sampled_from([-0.1, 0.0, 0.05, 1e6, float("inf"), float("nan")]),
    "t": st.sampled_from([-1.0, 0.0, 1e-4, 5.0, float("nan")]),
    "loss": st.sampled_from(["ns", "hs", "softmax", "ova"]),
    "model": st.sampled_from(["supervised", "skipgram", "cbow"]),
    "min_count_label": SMALL,
}  # fmt: skip
EXTRAS = {
    "freeze": st.sampled_from(["none", "words", "all", "some"]),
    "updates": st.sampled_from(["auto", "exact", "shared", "none"]),
    "patience": st.sampled_from([-1, 0, 3, 1001, 2.0, True]),
    "class_weights": st.sampled_from([None, "balanced", "other", {"a": 2.0}, 3]),
    "keep_best": st.booleans(),
    "valid": st.sampled_from([None, "valid.txt"]),
}


@settings(max_examples=400, deadline=None)
@given(st.fixed_dictionaries({}, optional=ARGS), st.fixed_dictionaries({}, optional=EXTRAS))
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
    if isinstance(options, plain.PlainPretrain | plain.PlainFinetune):
        assert json.loads(options.model_dump_json()) == json.loads(judged.model_dump_json())
        assert json.loads(json.dumps(asdict(options))) == judged.model_dump(mode="json")
    else:
        assert options == judged


@pytest.mark.parametrize("supervised", [True, False])
def test_what_is_usual_is_plain(supervised):
    options = Arguments.read(["f"], {}, supervised=supervised).options()
    assert type(options) is (plain.PlainFinetune if supervised else plain.PlainPretrain)
