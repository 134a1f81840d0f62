"""`load_model` and `tokenize`; and the names of the API before 2019, which say what took their place."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, NoReturn

from ftcore import given
from ftcore.compat.model import _FastText
from ftcore.dictionary.dictionary import encode, split
from ftcore.errors import UserError
from ftcore.formats.opening import read_model

if TYPE_CHECKING:
    from ftcore.model.model import Model


def load_model(path: str | PathLike) -> _FastText:
    """A model from a `.bin` or `.ftz`, or from a directory that `ftcore.FastText.save` wrote.

    Large files are mapped into memory, not read. A directory's model takes tokens here, as all models of
    this API do; its tokenizer stays behind (`ftcore.FastText.load` keeps it).

    Raises:
        UserError: there is no such file, or it is no model.
    """
    return _FastText(classic=open_model(path))


def open_model(path: str | PathLike) -> Model:
    """What `load_model` reads: a model whose labels have a prefix."""
    model = read_model(path)
    return model if model.tokenizer is None else model.with_prefix()


def tokenize(text: str) -> list[str]:
    r"""Tokens of a text at fastText's separators; each newline is a ``</s>``.

    Example:
        >>> tokenize("one two\n")
        ['one', 'two', '</s>']
    """
    if not isinstance(text, str):
        raise TypeError(f"tokenize takes a str, not {given.shown(text)}")
    tokens: list[str] = []
    for i, line in enumerate(encode(text).split(b"\n")):
        tokens += ["</s>"] * (i > 0)
        tokens += [token.decode("utf-8", "surrogatepass") for token in split(line)]
    return tokens


def _gone(name: str, instead: str) -> NoReturn:
    raise UserError(f"`{name}` is not supported any more. Please use {instead}.")


def cbow(*given: object, **named: object) -> NoReturn:
    """Of the API before 2019."""
    _gone("cbow", "`train_unsupervised` with model=`cbow`")


def skipgram(*given: object, **named: object) -> NoReturn:
    """Of the API before 2019."""
    _gone("skipgram", "`train_unsupervised` with model=`skipgram`")


def supervised(*given: object, **named: object) -> NoReturn:
    """Of the API before 2019."""
    _gone("supervised", "`train_supervised`")
