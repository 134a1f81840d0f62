"""The one recipe of training: count -> dictionary -> ids -> tables to start from -> engine -> model.

Four things go in: documents (`ftcore.training.documents`), options (`ftcore.config.Finetune` makes a classifier,
`Pretrain` word vectors), where the tables start (`ftcore.training.start`) and `Conditions`.

Example:
    >>> from ftcore.config import Finetune
    >>> from ftcore.engines.choice import choose_engine
    >>> from ftcore.training.documents import Tokenized
    >>> texts = Tokenized.of(["好看 good", "无聊 dull"] * 20, [["yes"], ["no"]] * 20)
    >>> model, result = learn(texts, Finetune(dim=8, lr=0.5), Conditions(choose_engine("cpu", "cpu")))
    >>> model.labels, model.input.shape, len(result.history)
    (['yes', 'no'], (5, 8), 5)
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.base.ragged import Ragged
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import IncompatibleModel, InvalidOptions
from ftcore.model.matrices import Matrices, as_array
from ftcore.model.model import Args, Model
from ftcore.training.conditions import Conditions, Prepared
from ftcore.training.documents import Documents
from ftcore.training.loop import TrainingResult
from ftcore.training.start import Fresh, FromScores, Start, check_steps, kind_of

if TYPE_CHECKING:
    from ftcore.model.module import TwoTables

UNSEARCHED = (
    "head = auto: give autotuneValidationFile (on the command line -autotune-validation, in scikit-learn autotune=True, in "
    "Python ftcore.training.autotune): what does best is found on documents that are held out"
)
DIM = 100  # of vectors where nothing says another size


def learn(
    documents: Documents,
    options: Any,
    conditions: Conditions,
    *,
    start: Start | None = None,
    valid: Documents | None = None,
) -> tuple[Model, TrainingResult]:
    """Train a classifier or word vectors; the same for the same seed where it is deterministic.

    Args:
        options: `ftcore.config.Finetune` or `Pretrain`, or what has their attributes.
        start: default `Fresh`.
        valid: other documents of a classifier, to score after every epoch.

    Returns:
        the model, which takes lines of tokens (`dataclasses.replace` gives it a segmenter), and the history.

    Raises:
        UserError: no word, nothing to train on, vectors of another size, a loss that is no number any more.
    """
    start = start or Fresh()
    options = with_dim(options, start)
    return train(prepare(documents, options, start, valid), options, conditions, start)


def with_dim(options: Any, start: Start) -> Any:
    """The options with a number for ``dim``: their own, else the start's, else `DIM`.

    Raises:
        UserError: the start has rows of another size.
    """
    if getattr(options, "head", "sgd") == "linear":  # whose tables are as wide as there are labels
        return options.model_copy(update={"dim": start.dim or options.dim or DIM})
    if start.dim is not None and options.dim not in (None, start.dim):
        raise IncompatibleModel(
            f"Dimension of pretrained vectors ({start.dim}) does not match dimension ({options.dim})! "
            f"Set dim={start.dim}"
        )
    return options if options.dim is not None else options.model_copy(update={"dim": start.dim or DIM})


def prepare(
    documents: Documents, options: Any, start: Start | None = None, valid: Documents | None = None
) -> Prepared:
    """The first half of `learn`: the dictionary, and the text by its numbers."""
    start = start or Fresh()
    cut = getattr(documents, "tokenizer", None)
    if share := getattr(options, "noise", 0.0):
        from ftcore.training.noise import NoisyCopies

        documents = NoisyCopies(documents, share)
    if given := getattr(options, "lexicon", ""):
        from ftcore.training.lexicon import Lexicon, WithLexicon

        lexicon = Lexicon.of(given, cut)
        documents = WithLexicon(documents, lexicon, options.lexicon_weight)
    dictionary = start.dictionary(documents, options)
    if kind_of(options) != "supervised":
        return Prepared(dictionary, documents.tokens(dictionary))
    bags = documents.bags(dictionary, grow=start.grows)
    if not start.grows:
        bags = _present(bags)
    held_out = None if valid is None else valid.bags(dictionary, grow=False)
    count = len(bags)
    return Prepared(
        dictionary,
        bags,
        held_out,
        documents.weights(count),
        documents.judging(count),
        documents.origins(count),
    )


def train(
    prepared: Prepared, options: Any, conditions: Conditions, start: Start | None = None
) -> tuple[Model, TrainingResult]:
    """The second half of `learn`, for who prepares once and trains several times.

    Args:
        options: with a number for ``dim`` (`with_dim`).
    """
    head = getattr(options, "head", "sgd")
    if head == "auto":
        raise InvalidOptions(UNSEARCHED)
    prepared = numbered(prepared, options, start)
    if head != "linear" and getattr(options, "self_training", 0):
        from ftcore.training.self_training import self_train

        once = replace(conditions, checkpoint=None)  # which knows one training, not several
        return self_train(prepared, options, partial(train, conditions=once, start=start), conditions.seed)
    if head == "linear":
        from ftcore.training.folds import may_choose
        from ftcore.training.linear import SHARES, fit_linear

        start = start or Fresh()
        if isinstance(start, FromScores):
            assert isinstance(prepared.train, BagCorpus)
            start.check(prepared.dictionary, np.asarray(prepared.train.targets))
        vectors = start.pretrained_rows(prepared.dictionary, options, conditions.seed)
        if start.share is not None and options.vectors == "auto" and not may_choose(prepared):
            options = options.model_copy(update={"vectors": start.share})
        shares = start.shares or SHARES
        if isinstance(start, FromScores) and prepared.weights is not None and np.ptp(prepared.weights):
            shares = shares[1:]  # what it alone still knows weighs something
        made, result = fit_linear(prepared, options, vectors, conditions.threads, shares=shares)
        return as_model(prepared.dictionary, made, options, conditions.seed), result
    tables, pretrained = started(prepared.dictionary, options, conditions, start)
    result = fit(tables, prepared, options, conditions, pretrained)
    return as_model(prepared.dictionary, tables, options, conditions.seed), result


def numbered(prepared: Prepared, options: Any, start: Start | None) -> Prepared:
    """The documents with as many buckets as a linear head takes; once, before several trainings on the same bags.

    Args:
        options: of the training; another head takes all buckets.
    """
    if getattr(options, "head", "sgd") != "linear":
        return prepared
    from ftcore.training.buckets import as_needed, within_size

    if start is None or isinstance(start, Fresh):  # else n-grams have rows of another model
        prepared = as_needed(prepared)
    return within_size(prepared, options.size)


def fit(
    tables: TwoTables | Matrices,
    prepared: Prepared,
    options: Any,
    conditions: Conditions,
    pretrained: np.ndarray | None = None,
) -> TrainingResult:
    """The middle of `train`: given tables, trained in place (`started` makes them)."""
    if isinstance(prepared.train, BagCorpus):
        from ftcore.training.finetune import finetune

        return finetune(tables, prepared, options, conditions, pretrained)
    from ftcore.training.pretrain import pretrain

    return pretrain(tables, prepared, options, conditions)


def untrained(prepared: Prepared, options: Any, conditions: Conditions, start: Start | None = None) -> Model:
    """The model that `train` begins with."""
    tables, _ = started(prepared.dictionary, options, conditions, start)
    return as_model(prepared.dictionary, tables, options, conditions.seed)


def started(
    dictionary: Dictionary, options: Any, conditions: Conditions, start: Start | None
) -> tuple[TwoTables | Matrices, np.ndarray | None]:
    """The tables that a start makes, as the engine takes them; and bool[rows] of those that came from elsewhere."""
    check_steps(start or Fresh())
    threads = 1 if conditions.deterministic else conditions.threads
    tables, pretrained = (start or Fresh()).tables(dictionary, options, conditions.seed, threads)
    if conditions.engine.name != "cpu":  # the others compute with torch
        from ftcore.model.module import TwoTables

        tables = TwoTables.over(tables)
    return tables, pretrained


def as_model(dictionary: Dictionary, tables: TwoTables | Matrices, options: Any, seed: int) -> Model:
    """Tables as a plain value; on the processor they are shared."""
    args = Args.of(dictionary, tables.dim, options.loss, kind_of(options), seed)
    return Model(args, dictionary, as_array(tables.input), as_array(tables.output), seed)


def _present(bags: BagCorpus) -> BagCorpus:
    """The bags without the features that have no row."""
    left = Ragged(bags.ids, bags.offsets).where(bags.ids >= 0)
    return BagCorpus(left.values, left.offsets, bags.targets, bags.target_offsets)
