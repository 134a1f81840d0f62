"""`train_supervised` and `train_unsupervised`: from an input to a model.

Source: fastText 0.9.3 ``FastText.py`` (the functions of these names) and ``src/fasttext.cc`` (``train``,
``getInputMatrixFromFile``).
"""

from __future__ import annotations

import contextlib
from typing import Any

from ftcore.base.cores import cores
from ftcore.compat.arguments import Arguments
from ftcore.compat.model import _FastText
from ftcore.compat.reading import Reading, document_weights
from ftcore.compat.start import adopt, starting_point
from ftcore.compat.watch import Watch
from ftcore.errors import UserError
from ftcore.model.matrices import arrays
from ftcore.model.model import Model


def train_supervised(*given: Any, **named: Any) -> _FastText:
    """Train a classifier.

    Takes the original's arguments, positional or named in either style: input, lr=0.1, dim=100, ws=5,
    epoch=5, minCount=1, minCountLabel=0, minn=0, maxn=0, neg=5, wordNgrams=1, loss="softmax",
    bucket=2000000, thread=cpu_count - 1, lrUpdateRate=100, t=0.0001, label="__label__", verbose=2,
    pretrainedVectors="", seed=0, autotuneValidationFile, autotuneMetric="f1", autotunePredictions=1,
    autotuneDuration=300, autotuneModelSize; and, by name, those of `ftcore.compat.arguments.Extras`.
    ``thread=1`` gives the same bytes for the same seed.

    Args:
        input: a file of lines, labels being the words that start with `label`; also compressed, several
            files, Parquet, or any iterable of lines (`ftcore.dictionary.lines.Lines`, which may be given itself).

    Raises:
        TypeError: an unknown argument, or a value of the wrong type.
        UserError: a value out of range, no such file, an empty vocabulary, a loss that became NaN.

    Example: ``ftcore.train_supervised("train.txt", epoch=25, lr=1.0, wordNgrams=2).predict("which dish?")``
    """
    return train(Arguments.read(given, named, supervised=True))


def train_unsupervised(*given: Any, **named: Any) -> _FastText:
    """Train word vectors.

    Takes the original's arguments: input, model="skipgram" (or "cbow"), lr=0.05, dim=100, ws=5, epoch=5,
    minCount=5, minCountLabel=0, minn=3, maxn=6, neg=5, wordNgrams=1, loss="ns", bucket=2000000,
    thread=cpu_count - 1, lrUpdateRate=100, t=0.0001, label="__label__", verbose=2, pretrainedVectors="";
    also seed=0 and, by name, those of `ftcore.compat.arguments.Extras` that are not a classifier's.

    Raises: as `train_supervised`.

    Example: ``ftcore.train_unsupervised("text.txt", minn=2, maxn=5)["word"]``
    """
    return train(Arguments.read(given, named, supervised=False))


def train(arguments: Arguments) -> _FastText:
    """What both functions do with their arguments."""
    _check(arguments)
    arguments = adopt(arguments)
    if arguments.autotune.on:
        from ftcore.compat.tuning import tune

        return tune(arguments, train)
    watch = Watch(arguments.verbose, arguments.extras.callbacks)
    with watch:
        model = _train(arguments, watch)
    model.set_args(arguments)
    return model


def _check(arguments: Arguments) -> None:
    if isinstance(arguments.input, str) and arguments.input == "-":
        raise UserError("Cannot use stdin for training! Give a file, or lines as a list or an iterator")
    if isinstance(arguments.input, str) and arguments.input == "":
        raise UserError(
            "input = '' cannot be opened for training! Give a file, or lines as a list or an iterator"
        )


def _train(arguments: Arguments, watch: Watch) -> _FastText:
    from ftcore.engines.choice import choose_engine
    from ftcore.training.checkpoints import Checkpoint

    args, extras = arguments.args, arguments.extras
    options = arguments.options()
    reading = Reading(arguments.input, args)
    reading.warn_of_unsegmented()
    start = starting_point(arguments)
    read = reading.count(options)
    watch.read(read)
    dictionary = start.extend(read)
    corpus = reading.encode(dictionary)
    tables, pretrained = start.tables(dictionary, args.dim, args.seed)
    checkpoint = None if extras.checkpoint is None else Checkpoint(extras.checkpoint)
    shared = {
        "seed": args.seed,
        "engine": choose_engine("cpu", "cpu"),
        "listeners": watch.listeners,
        "checkpoint": checkpoint,
        "deterministic": args.thread == 1,
        "threads": min(args.thread, cores()),
    }
    if args.supervised:
        from ftcore.training.finetune import finetune

        valid = None if extras.valid is None else Reading(extras.valid, args).encode(dictionary, grow=False)
        weights = document_weights(extras.sample_weights, arguments.input, len(corpus))
        if dictionary.nlabels == 1 and args.loss in ("softmax", "hs"):
            result = None  # the only label has probability 1 whatever the tables are: nothing is to learn
        else:
            result = finetune(
                tables,
                dictionary,
                corpus,
                valid,
                options,
                frozen=pretrained,
                document_weights=weights,
                **shared,
            )
    else:
        from ftcore.training.pretrain import pretrain

        result = pretrain(tables, dictionary, corpus, options, epoch_tokens=corpus.ntokens, **shared)
    if checkpoint is not None:
        checkpoint.clear()
        with contextlib.suppress(OSError):  # it was never needed, or the user keeps other files in it
            checkpoint.directory.rmdir()
    return _FastText(classic=Model(args, dictionary, *arrays(tables), seed=args.seed), result=result)
