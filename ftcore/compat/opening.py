"""`load_model` and `tokenize`; and the names of the API before 2019, which say what took their place."""

from __future__ import annotations

import os
from os import PathLike
from typing import TYPE_CHECKING, NoReturn

from ftcore.compat.model import _FastText
from ftcore.corpus.dictionary import Dictionary, encode, split
from ftcore.errors import UserError

if TYPE_CHECKING:
    from ftcore.fasttext import FastText
    from ftcore.formats.classic import Classic


def load_model(path: str | PathLike) -> _FastText:
    """A model from a `.bin` or `.ftz`, or from a directory that `ftcore.FastText.save` wrote.

    Large files are mapped into memory, not read. A directory's model takes tokens here, as all models of
    this API do; its tokenizer stays behind (`ftcore.FastText.load` keeps it).

    Errors: `UserError` where there is no such file, or it is no model.
    """
    return _FastText(classic=read_classic(path))


def read_classic(path: str | PathLike) -> Classic:
    """What `load_model` reads."""
    if os.path.isdir(path):
        from ftcore.fasttext import FastText

        return to_classic(FastText.load(path))
    from ftcore.formats.binary import read_binary

    return read_binary(path)


def to_classic(model: FastText, prefix: str = "__label__") -> Classic:
    """An `ftcore.FastText` as fastText's files hold a model; the tables are shared, not copied.

    Labels get the prefix that fastText knows them by.
    """
    from ftcore.formats.classic import Args, Classic

    own, options = model.dictionary, model.dictionary.options
    dictionary = Dictionary(
        own.packed_words, [prefix + label for label in own.labels], own.counts, own.label_counts,
        own.ntokens, options, own.buckets,
    )  # fmt: skip
    args = Args(
        dim=model.dim, min_count=options.min_count, word_ngrams=options.word_ngrams, loss=model.loss,
        model=model.kind, bucket=dictionary.bucket, minn=options.minn, maxn=options.maxn, label=prefix,
        min_count_label=options.min_count_label, seed=model.seed,
    )  # fmt: skip
    tables = [t.detach().cpu().numpy() for t in (model.tables.input, model.tables.output)]
    return Classic(args, dictionary, *tables, seed=model.seed)


def tokenize(text: str) -> list[str]:
    """Tokens of a text at fastText's separators; each newline is a ``</s>``.

    >>> tokenize("one two\\n")
    ['one', 'two', '</s>']
    """
    if not isinstance(text, str):
        raise TypeError(f"tokenize takes a str, not {text!r}")
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
