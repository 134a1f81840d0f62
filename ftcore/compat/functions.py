"""The functions of the API: `train_supervised`, `train_unsupervised`, `load_model`; `tokenize` is in `vocabulary`.

The names of the API before 2019 say what took their place.
Source: fastText 0.9.3 ``python/fasttext_module/fasttext/FastText.py``.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, NoReturn

from ftcore.compat.model import _FastText
from ftcore.errors import UserError
from ftcore.formats.opening import read_model

if TYPE_CHECKING:
    from ftcore.compat.arguments import Arguments


def load_model(path: str | PathLike) -> _FastText:
    """A model from a `.bin` or `.ftz`, or from a directory that `ftcore.FastText.save` wrote.

    Large files are mapped into memory, not read. A directory's model takes tokens here, as all models of
    this API do; its tokenizer stays behind (`ftcore.FastText.load` keeps it).

    Raises:
        UserError: there is no such file, or it is no model.
    """
    return _FastText(classic=read_model(path).of_tokens())


def train_supervised(*given: Any, **named: Any) -> _FastText:
    """Train a classifier.

    Takes the original's arguments, positional or named in either style: input, lr=0.1, dim=100, ws=5,
    epoch=5, minCount=1, minCountLabel=0, minn=0, maxn=0, neg=5, wordNgrams=1, loss="softmax",
    bucket=2000000, thread=cpu_count - 1, lrUpdateRate=100, t=0.0001, label="__label__", verbose=2,
    pretrainedVectors="", seed=0, autotuneValidationFile, autotuneMetric="f1", autotunePredictions=1,
    autotuneDuration=300, autotuneModelSize; and, by name, those of `ftcore.compat.arguments.Extras`.
    ``thread=1`` gives the same bytes for the same seed.

    ``input`` is a file of lines, labels being the words that start with `label`; also compressed, several
    files, Parquet, or any iterable of lines (`ftcore.dictionary.lines.Lines`, which may be given itself).

    Raises:
        TypeError: an unknown argument, or a value of the wrong type.
        UserError: a value out of range, no such file, an empty vocabulary, a loss that became NaN.

    Example:
        ``ftcore.train_supervised("train.txt", epoch=25, lr=1.0, wordNgrams=2).predict("which dish?")``
    """
    from ftcore.compat.arguments import Arguments

    return train(Arguments.read(given, named, supervised=True))


def train_unsupervised(*given: Any, **named: Any) -> _FastText:
    """Train word vectors.

    Takes the original's arguments: input, model="skipgram" (or "cbow"), lr=0.05, dim=100, ws=5, epoch=5,
    minCount=5, minCountLabel=0, minn=3, maxn=6, neg=5, wordNgrams=1, loss="ns", bucket=2000000,
    thread=cpu_count - 1, lrUpdateRate=100, t=0.0001, label="__label__", verbose=2, pretrainedVectors="";
    also seed=0 and, by name, those of `ftcore.compat.arguments.Extras` that are not a classifier's.

    Raises:
        UserError: as `train_supervised`.

    Example:
        ``ftcore.train_unsupervised("text.txt", minn=2, maxn=5)["word"]``
    """
    from ftcore.compat.arguments import Arguments

    return train(Arguments.read(given, named, supervised=False))


def train(arguments: Arguments) -> _FastText:
    """What both functions do with their arguments."""
    if arguments.autotune.on:
        from ftcore.compat.tuning import tune as training
    else:
        from ftcore.compat.training import train as training

    made = training(arguments)
    return _FastText(args=made.arguments, classic=made.model, result=made.result)


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
