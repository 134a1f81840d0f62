"""Any of our models as the exports and estimators take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from ftcore import given
from ftcore.compat.model import _FastText
from ftcore.compat.opening import load_model
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.formats.classic import Classic
from ftcore.text.tokenizer import Tokenizer, Whitespace

Model = FastText | _FastText | Classic | str | Path


@dataclass(frozen=True)
class Source:
    """A model and how its texts become tokens."""

    classic: Classic
    tokenizer: Tokenizer | Whitespace

    def features(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Features of raw texts in fastText's numbering: (int32[N], offsets int64[B + 1])."""
        lines = self.tokenizer.tokenize(list(texts))
        return self.classic.dictionary.features_of(lines, label=self.classic.args.label or None)


def read_source(model: Model) -> Source:
    """What a model is made of.

    Args:
        model: `ftcore.FastText` (with its own tokenizer), a model of fastText's API or a `Classic` (tokens
            are what white space separates); or the path of a directory, a `.bin` or an `.ftz`.

    Errors: `UserError` for anything else.
    """
    opened = open_model(model)
    if isinstance(opened, FastText):
        return Source(opened.to_classic(prefix=""), opened.tokenizer)
    return Source(opened.classic, Whitespace())


def open_model(model: Model) -> FastText | _FastText:
    """A model from a path; a model passes through."""
    if isinstance(model, str | Path):
        return FastText.load(model) if Path(given.path(model)).is_dir() else load_model(model)
    if isinstance(model, Classic):
        return _FastText(classic=model)
    if isinstance(model, FastText | _FastText):
        return model
    raise UserError(
        f"{type(model).__name__} is no model; give an ftcore.FastText, a model of load_model or "
        "train_supervised, or a path"
    )


def trainable(model: FastText | _FastText) -> FastText:
    """A model to go on training from, tokens being what white space separates where it is not ours.

    Errors: `UserError` for a cut-off `.ftz`.
    """
    return model if isinstance(model, FastText) else FastText.from_classic(model.classic, Whitespace())


def need(module: str, extra: str) -> ModuleType:
    """Import a module of a library that ftcore does not depend on.

    Errors: `UserError` that says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.split(".")[0]
        raise UserError(f'{library} is not installed ({error}); pip install "ftcore[{extra}]"') from error
