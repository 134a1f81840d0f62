"""The trainings behind `train_supervised` and `train_unsupervised`, what they say, and that of a quantised model.

Source: fastText 0.9.3 ``FastText.py`` (the functions of these names) and ``src/fasttext.cc`` (``train``,
``getInputMatrixFromFile``, ``quantize``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from ftcore.base.cores import cores
from ftcore.base.group import place
from ftcore.compat.arguments import Arguments
from ftcore.compat.reading import Reading
from ftcore.dictionary.spool import spooled
from ftcore.errors import InvalidOptions, UserError
from ftcore.formats.opening import read_model
from ftcore.model.model import Args, Model
from ftcore.option_table import API
from ftcore.training.progress import Listener, Progress, TerminalListener, describe

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.training.checkpoints import Checkpoint
    from ftcore.training.loop import TrainingResult
    from ftcore.training.recipe import Conditions
    from ftcore.training.start import Start


log = logging.getLogger(__name__)


class Trained(NamedTuple):
    """A training's outcome; its arguments, where some of them followed from others; None where nothing was to learn."""

    model: Model
    arguments: Arguments
    result: TrainingResult | None


def train(arguments: Arguments) -> Trained:
    """What both functions do with their arguments where nothing is searched; by torchrun, on all its processes.

    Raises:
        UserError: as `ftcore.compat.functions.train_supervised`.
    """
    arguments = ready(arguments)
    watch = Watch(arguments.verbose if place().first else 0, arguments.extras.callbacks)
    with watch:
        return _train(arguments, watch)


def ready(arguments: Arguments) -> Arguments:
    """Arguments whose input can be read, with those of ``init_model`` where none were given."""
    _check(arguments)
    return adopt(arguments)


def _check(arguments: Arguments) -> None:
    if isinstance(arguments.input, str) and arguments.input == "-":
        raise InvalidOptions("Cannot use stdin for training! Give a file, or lines as a list or an iterator")
    if isinstance(arguments.input, str) and arguments.input == "":
        raise UserError(
            "input = '' cannot be opened for training! Give a file, or lines as a list or an iterator"
        )
    if arguments.extras.head == "auto" and not arguments.autotune.on:
        from ftcore.training.recipe import UNSEARCHED

        raise InvalidOptions(UNSEARCHED)


def _train(arguments: Arguments, watch: Watch) -> Trained:
    from ftcore.training import recipe
    from ftcore.training.checkpoints import Checkpoint
    from ftcore.training.together import joined

    args, extras = arguments.args, arguments.extras
    options = arguments.options()
    reading = Reading(arguments.input, args, extras.sample_weights, told=watch.read)
    reading.warn_of_unsegmented()
    for said in arguments.without_effect() if args.supervised else ():
        log.warning("%s", said)
    start = starting_point(arguments)
    arguments = _keeping(arguments, start)
    args = arguments.args
    options = recipe.with_dim(options, start)
    valid = None if extras.valid is None else Reading(extras.valid, args)
    prepared = recipe.prepare(reading, options, start, valid)
    checkpoint = None if extras.checkpoint is None else Checkpoint(os.fspath(extras.checkpoint))
    how = conditions(args, watch.listeners, checkpoint)
    if args.supervised and prepared.dictionary.nlabels == 1 and args.loss in ("softmax", "hs"):
        # the only label has probability 1 whatever the tables are: nothing is to learn
        model, result = recipe.untrained(prepared, options, how, start), None
    else:
        with joined(how) as (ours, _):
            model, result = recipe.train(prepared, options, ours, start)
    if checkpoint is not None and place().first:
        checkpoint.clear()
        with contextlib.suppress(OSError):  # it was never needed, or the user keeps other files in it
            checkpoint.directory.rmdir()
    return Trained(replace(model, args=replace(args, dim=model.args.dim)), arguments, result)


def conditions(
    args: Args, listeners: Sequence[Listener] = (), checkpoint: Checkpoint | None = None
) -> Conditions:
    """How a training of these arguments runs: ``thread=1`` gives the same bytes for the same seed."""
    from ftcore.engines.choice import choose_engine
    from ftcore.training.recipe import Conditions

    return Conditions(
        choose_engine("cpu", "cpu"), args.seed, min(args.thread, cores()), args.thread == 1, checkpoint, listeners,
        whole=True,
    )  # fmt: skip


# ------------------------------------------------------------------------------------- where it starts
def starting_point(arguments: Arguments) -> Start:
    """What ``init_model`` or ``pretrainedVectors`` ask for.

    Raises:
        UserError: both are given, no such file.
    """
    from ftcore.training.start import Fresh, FromModel, going_on, start_at

    source, vectors = arguments.extras.init_model, arguments.pretrained
    if source is not None and vectors:
        raise UserError("init_model and pretrainedVectors are both given; rows can start at one of them only")
    if source is not None:
        return going_on(classic_of(source), "counted", arguments.extras)
    if not vectors:
        return Fresh()
    if isinstance(vectors, str | PathLike):
        return start_at(vectors, arguments.args.label)
    return FromModel(classic_of(vectors), "counted", head=False)


def _keeping(arguments: Arguments, start: Start) -> Arguments:
    """The arguments with the n-grams of a model whose numbering stays, and a warning where others were given."""
    from ftcore.training.start import FromScores, kept_ngrams

    if not isinstance(start, FromScores):
        return arguments
    kept, others = kept_ngrams(start.source, arguments.args)
    for name in others:
        log.warning(
            "%s has no effect: a linear head goes on with the n-grams of init_model, %s %s", API[name], API[name], kept[name]
        )  # fmt: skip
    return replace(arguments, args=Args(**{**vars(arguments.args), **kept}))


def classic_of(model: Any) -> Model:
    """A model from what `init_model` may be: one of ours, its path, or an `ftcore.FastText`."""
    if isinstance(model, str | PathLike):
        return read_model(model).of_tokens(told=False)
    if isinstance(model, Model):
        return model
    if hasattr(model, "classic"):  # a model of this API; neither class is imported for this
        return model.classic
    if hasattr(model, "to_model"):  # ftcore.FastText
        return model.to_model().with_prefix(told=False)
    raise UserError(f"init_model = {model!r}: give a model, or the path of a .bin or of a model's directory")


def adopt(arguments: Arguments) -> Arguments:
    """Arguments that were not given become those of ``init_model``.

    They are dim and how n-grams are made; and, where both are of a kind, word n-grams and the loss.
    """
    if arguments.extras.init_model is None:
        return arguments
    source = classic_of(arguments.extras.init_model)
    own, other = arguments.args, source.args
    names = ["dim", "minn", "maxn", "bucket"]
    if own.supervised == other.supervised:
        names += ["word_ngrams", "loss"]
    taken = {name: getattr(other, name) for name in names if API[name] not in arguments.manual}
    args = replace(own, **taken)
    if args.bucket == 0 and (args.maxn > 0 or args.word_ngrams > 1):
        args = replace(args, bucket=Args.bucket)
    extras = replace(arguments.extras, init_model=source)
    return replace(arguments, args=args, extras=extras)


# ------------------------------------------------------------------------------ quantised with retraining
def quantize(classic: Model, input: Any, changed: dict[str, Any], verbose: int, **options: Any) -> Model:
    """A quantised model.

    Args:
        input: what a retraining reads; None: none.
        changed: epoch, lr, thread of it.
        options: of `ftcore.formats.quantized.quantize`.
    """
    from ftcore.formats import quantized  # a training does without
    from ftcore.training.start import has_linear_head

    input = spooled(input)
    if input is None:
        return quantized.quantize(classic, **options)

    if has_linear_head(classic):
        raise InvalidOptions(
            "retrain: this model has a linear head, which a training by steps would spoil; leave retrain out"
        )

    def retrain(cut: Model) -> Model:
        return train_on(replace(cut, args=replace(cut.args, **changed)), input, verbose)

    return quantized.quantize(classic, retrain=retrain, **options)


def train_on(classic: Model, input: Any, verbose: int) -> Model:
    """Go on training a classifier's tables, its dictionary as it is: features without a row are left out."""
    from ftcore.training.recipe import learn
    from ftcore.training.start import AsItIs

    args = classic.args
    with Watch(verbose) as watch:
        model, _ = learn(
            Reading(input, args), Arguments(None, args).options(), conditions(args, watch.listeners),
            start=AsItIs(classic),
        )  # fmt: skip
    return replace(classic, input=model.input, output=model.output)


# ------------------------------------------------------------------------------------- what it says
class Watch(contextlib.AbstractContextManager):
    """Progress on standard error, as ``verbose`` asks: 0 nothing, 1 counts and the last state, 2 all.

    Args:
        callbacks: one, or several, told after every chunk of work, behind the bar.
    """

    def __init__(
        self, verbose: int, callbacks: Callable | Sequence[Callable] = (), stream: TextIO | None = None
    ) -> None:
        self.verbose, self.stream = verbose, stream or sys.stderr
        self._bar = TerminalListener(self.stream) if verbose > 1 else None
        self._last: Progress | None = None
        own: list[Listener] = [self._bar or self._remember] if verbose > 0 else []
        self.listeners: list[Listener] = [*own, *([callbacks] if callable(callbacks) else callbacks)]

    def _remember(self, progress: Progress) -> None:
        self._last = progress

    def read(self, dictionary: Dictionary) -> None:
        """``Dictionary::readFromFile``'s report."""
        if self.verbose > 0:
            print(f"Read {dictionary.ntokens // 1_000_000}M words", file=self.stream)
            print(f"Number of words:  {dictionary.nwords}", file=self.stream)
            print(f"Number of labels: {dictionary.nlabels}", file=self.stream, flush=True)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._last is not None:
            print(f"{self._last.stage} {describe(self._last)}", file=self.stream, flush=True)
