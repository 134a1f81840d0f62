"""Any of our models as the exports and estimators take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from ftcore import given
from ftcore.compat.model import _FastText
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.formats.opening import read_model
from ftcore.model.model import Model
from ftcore.text.tokenizer import Whitespace

AnyModel = FastText | _FastText | Model | str | Path


def model_of(model: AnyModel) -> Model:
    """The plain value behind a model.

    Args:
        model: `ftcore.FastText` (with its own tokenizer), a model of fastText's API or a `Model` (without one,
            tokens are what white space separates); or the path of a directory, a `.bin` or an `.ftz`.

    Raises:
        UserError: anything else.
    """
    plain = plain_of(model)
    return plain if plain.tokenizer is not None else replace(plain, tokenizer=Whitespace())


def plain_of(model: AnyModel) -> Model:
    """`model_of`, without a tokenizer where the model has none."""
    if isinstance(model, str | Path):
        model = read_model(given.path(model))
    elif isinstance(model, FastText):
        model = model.to_model()
    elif isinstance(model, _FastText):
        model = model.classic
    elif not isinstance(model, Model):
        raise UserError(
            f"{type(model).__name__} is no model; give an ftcore.FastText, a model of load_model or "
            "train_supervised, or a path"
        )
    return model


def shippable(model: AnyModel) -> FastText | _FastText:
    """The model behind a path or a plain value as one that can be copied and pickled; such a one passes through."""
    if isinstance(model, FastText | _FastText):
        return model
    plain = model_of(model)
    if isinstance(plain.tokenizer, Whitespace):
        return _FastText(classic=replace(plain, tokenizer=None))
    return FastText.from_model(plain)


def features(model: Model, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features of raw texts in fastText's numbering: (int32[N], offsets int64[B + 1])."""
    assert model.tokenizer is not None
    lines = model.tokenizer.tokenize(list(texts))
    return model.dictionary.features_of(lines, label=model.args.label or None)


def need(module: str, extra: str) -> ModuleType:
    """Import a module of a library that ftcore does not depend on.

    Raises:
        UserError: that says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise UserError(f'{library} is not installed ({error}); pip install "ftcore[{extra}]"') from error
