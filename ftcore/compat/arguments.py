"""The arguments of `train_supervised` and `train_unsupervised`: names, order, defaults, errors.

Source: fastText 0.9.3 ``python/fasttext_module/fasttext/FastText.py`` (``unsupervised_default``,
``read_args``, ``train_supervised``) and ``src/args.cc``. Both naming styles are taken (``minCount`` and
``min_count``). What ftcore adds is keyword-only, see `EXTRAS`.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from ftcore.base.cores import cores
from ftcore.dictionary.spool import spooled
from ftcore.errors import InvalidOptions, UserError
from ftcore.model.model import Args

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.compat import plain

INT_MAX = (1 << 31) - 1


class loss_name(enum.Enum):
    """Losses by fastText's numbers; ``str(loss_name.ns) == "loss_name.ns"`` as in the original."""

    hs, ns, softmax, ova = 1, 2, 3, 4

    def __int__(self) -> int:
        return self.value


class model_name(enum.Enum):
    """Models by fastText's numbers."""

    cbow, skipgram, supervised = 1, 2, 3

    def __int__(self) -> int:
        return self.value


# The original's names in its positional order, and the field of `Args` that holds each.
FIELDS = {
    "lr": "lr",
    "dim": "dim",
    "ws": "ws",
    "epoch": "epoch",
    "minCount": "min_count",
    "minCountLabel": "min_count_label",
    "minn": "minn",
    "maxn": "maxn",
    "neg": "neg",
    "wordNgrams": "word_ngrams",
    "loss": "loss",
    "bucket": "bucket",
    "thread": "thread",
    "lrUpdateRate": "lr_update_rate",
    "t": "t",
    "label": "label",
}
ATTRIBUTES = (*FIELDS, "verbose", "pretrainedVectors")  # what a trained model carries (``set_args``)
AUTOTUNE = (
    "autotuneValidationFile",
    "autotuneMetric",
    "autotunePredictions",
    "autotuneDuration",
    "autotuneModelSize",
)
SUPERVISED = ("input", *ATTRIBUTES, "seed", *AUTOTUNE)
UNSUPERVISED = ("input", "model", *ATTRIBUTES, "seed")  # the original stops before seed
ALIASES = {
    "min_count": "minCount",
    "word_ngrams": "wordNgrams",
    "lr_update_rate": "lrUpdateRate",
    "label_prefix": "label",
    "pretrained_vectors": "pretrainedVectors",
}
_WHOLE = frozenset(
    [
        "dim",
        "ws",
        "epoch",
        "minCount",
        "minCountLabel",
        "minn",
        "maxn",
        "neg",
        "wordNgrams",
        "bucket",
        "thread",
        "lrUpdateRate",
        "verbose",
        "seed",
        "autotunePredictions",
        "autotuneDuration",
    ]
)
_REAL = frozenset(("lr", "t"))
_TEXT = frozenset(("model", "loss", "label", "autotuneMetric", "autotuneModelSize"))
_PATH = frozenset(("pretrainedVectors", "autotuneValidationFile"))


@dataclass(frozen=True)
class Extras:
    """What ftcore adds to the original's arguments, all keyword-only.

    init_model: a model (or the path of one) whose rows training starts from.
    valid: labelled input that is scored after every epoch. patience: epochs without gain after which
        training stops (0: never). keep_best: end with the tables of the best epoch.
    callbacks: a function of one `ftcore.training.progress.Progress`, or several.
    checkpoint: a directory; an interrupted training, started again, goes on from there.
    class_weights: "balanced", or {label: weight}, labels with or without their prefix.
    sample_weights: a weight for each line of the input, in its order, or the name of a Parquet column.
    freeze: "words" keeps the rows that came from `init_model` or `pretrainedVectors`, "all" every row: only
        the head learns.
    updates: of negative sampling in word vectors, "exact" (fastText's sequence), "shared", or "auto".
    """

    init_model: Any = None
    valid: Any = None
    patience: int = 0
    keep_best: bool = True
    callbacks: Callable | Sequence[Callable] = ()
    checkpoint: str | os.PathLike | None = None
    class_weights: str | Mapping[str, float] | None = None
    sample_weights: Any = None
    freeze: str = "none"
    updates: str = "auto"


EXTRAS = tuple(f.name for f in fields(Extras))
_CLASSIFIER = ("valid", "patience", "keep_best", "class_weights", "sample_weights", "freeze")
_WORD_VECTORS = ("updates",)


@dataclass(frozen=True)
class Autotune:
    """What `train_supervised` was told about its search for arguments; off without a validation file."""

    validation: Any = ""
    metric: str = "f1"
    predictions: int = 1
    duration: int = 300  # seconds
    model_size: str = ""

    @property
    def on(self) -> bool:
        """Whether a validation file was given (``Args::hasAutotune``); it may be any input, arrays too."""
        return not (self.validation is None or (isinstance(self.validation, str) and self.validation == ""))


@dataclass(frozen=True)
class Arguments:
    """Everything a call of one of the two training functions says.

    input: as given. manual: the original names of the arguments that were given (autotune leaves them
    as they are).
    """

    input: Any
    args: Args
    verbose: int = 2
    pretrained: Any = ""
    manual: frozenset[str] = frozenset()
    autotune: Autotune = Autotune()
    extras: Extras = Extras()

    @classmethod
    def read(cls, given: Sequence[Any], named: Mapping[str, Any], *, supervised: bool) -> Arguments:
        """Positional and keyword arguments of a call.

        Raises:
            TypeError: an unknown or repeated name, too many values, a value of the wrong type.
            UserError: a value out of range.

        Example:
            >>> Arguments.read(["train.txt", 0.5], {"min_count": 2}, supervised=True).args.min_count
            2
        """
        names = SUPERVISED if supervised else UNSUPERVISED
        extras = tuple(n for n in EXTRAS if n not in (_WORD_VECTORS if supervised else _CLASSIFIER))
        values = _collect(given, named, names, extras)
        manual = frozenset(values)
        values = {**defaults(supervised), **values}
        for name in names:
            values[name] = _typed(name, values[name])
        made = cls(
            values["input"],
            _args(values),
            values["verbose"],
            values["pretrainedVectors"],
            manual,
            Autotune(*(values[name] for name in AUTOTUNE)) if supervised else Autotune(),
            Extras(**{name: values[name] for name in extras if name in values}),
        )
        if made.autotune.on:
            from ftcore.training.fitting import parse_size
            from ftcore.training.objective import Metric

            Metric.parse(made.autotune.metric)
            parse_size(made.autotune.model_size)
        made.options()  # out of range is said before any work
        tune = replace(made.autotune, validation=spooled(made.autotune.validation))
        return replace(made, input=spooled(made.input), pretrained=spooled(made.pretrained), autotune=tune)

    def options(self) -> plain.PlainPretrain | plain.PlainFinetune | config.Pretrain | config.Finetune:
        """The same for the training room. Updates are of one example, as in the original.

        Raises:
            UserError: a value out of range.
        """
        from ftcore.compat import plain

        values = self._values()
        if not self.args.supervised:
            return (
                plain.PlainPretrain(**values) if plain.fit(values, ("ns", "hs", "softmax")) else self.judged()
            )
        return (
            plain.PlainFinetune(**values)
            if plain.fit(values, tuple(loss_name.__members__))
            else self.judged()
        )

    def judged(self) -> config.Pretrain | config.Finetune:
        """`options`, by the models that word what is wrong, and that a search makes others from."""
        from pydantic import ValidationError

        from ftcore.compat import ranges

        try:
            return (ranges.WideFinetune if self.args.supervised else ranges.WidePretrain)(**self._values())
        except ValidationError as error:
            raise InvalidOptions("; ".join(map(_explain, error.errors()))) from None

    def _values(self) -> dict[str, Any]:
        args, extras = self.args, self.extras
        values: dict[str, Any] = {
            "min_count": max(args.min_count, 1),  # 0 keeps all words, as 1 does
            "min_count_label": max(args.min_count_label, 0),
            "word_ngrams": max(args.word_ngrams, 1),
            "bucket": args.bucket,
            "minn": args.minn if args.maxn > 0 else 0,  # without maxn it has no meaning
            "maxn": max(args.maxn, 0),
            "dim": args.dim,
            "epoch": args.epoch,
            "lr": args.lr,
            "neg": args.neg,
            "loss": args.loss,
            "batch_size": 1,
        }
        if not args.supervised:
            return values | {"model": args.model, "ws": args.ws, "t": args.t, "updates": extras.updates}
        weights = extras.class_weights
        if isinstance(weights, Mapping):
            weights = {self.label(name): weight for name, weight in weights.items()}
        return values | {
            "class_weights": "none" if weights is None else weights,
            "freeze": extras.freeze,
            "patience": extras.patience,
            "keep_best": extras.keep_best and extras.valid is not None,
        }

    def label(self, name: str) -> str:
        """A label with its prefix."""
        return name if name.startswith(self.args.label) else self.args.label + name


def defaults(supervised: bool) -> dict[str, Any]:
    """Default of every argument by the original's name.

    Example:
        >>> defaults(True)["lr"], defaults(False)["maxn"]
        (0.1, 6)
    """
    base = Args()
    values = {name: getattr(base, attribute) for name, attribute in FIELDS.items()}
    values |= {"input": "", "model": "skipgram", "verbose": 2, "pretrainedVectors": "", "seed": 0}
    values |= {"thread": max(cores() - 1, 1)}  # the original takes 0 of a single core
    if supervised:
        values |= {"model": "supervised", "lr": 0.1, "minCount": 1, "minn": 0, "maxn": 0, "loss": "softmax"}
        values |= dict(zip(AUTOTUNE, ("", "f1", 1, 300, ""), strict=True))
    return values


def _collect(
    given: Sequence[Any], named: Mapping[str, Any], names: Sequence[str], extras: Sequence[str]
) -> dict[str, Any]:
    """``read_args``: positional values, then keywords, by their original names."""
    if len(given) > len(names):  # the original leaves out what is too much without a word
        raise TypeError(f"at most {len(names)} positional arguments are taken, {len(given)} were given")
    values: dict[str, Any] = {}
    for name, value in [*zip(names, given, strict=False), *named.items()]:
        name = ALIASES.get(name, name)
        if name not in names and name not in extras:
            raise TypeError(f"unexpected keyword argument '{name}'")
        if name in values:
            raise TypeError(f"multiple values for argument '{name}'")
        values[name] = value
    return values


def _typed(name: str, value: Any) -> Any:
    """The value as the original's C++ takes it: an int is no float's business, a path may be a Path."""
    if name in _WHOLE:
        try:
            number = value.__index__()
        except (AttributeError, TypeError):
            raise TypeError(f"argument '{name}' must be an int, not {value!r}") from None
        if not -INT_MAX - 1 <= number <= INT_MAX:
            raise TypeError(f"argument '{name}' is out of range: {number}; it must fit 32 bits")
        return int(number)
    if name in _REAL:
        try:
            return float(value) if not isinstance(value, str | bytes) else _no_number(name, value)
        except (TypeError, ValueError):
            return _no_number(name, value)
    if name == "autotuneModelSize" and isinstance(value, int):
        return str(value)
    if name in _TEXT and not isinstance(value, str):
        raise TypeError(f"argument '{name}' must be a str, not {value!r}")
    return value


def _no_number(name: str, value: Any) -> float:
    raise TypeError(f"argument '{name}' must be a number, not {value!r}")


def _args(values: Mapping[str, Any]) -> Args:
    if values["model"] not in model_name.__members__:
        raise UserError(f"Unrecognized model name {values['model']!r}; choose skipgram or cbow")
    if values["loss"] not in loss_name.__members__:
        raise UserError(f"Unrecognized loss name {values['loss']!r}; choose ns, hs, softmax or ova")
    args = Args(model=values["model"], seed=values["seed"], **{FIELDS[n]: values[n] for n in FIELDS})
    for name, least in (("thread", 1), ("lrUpdateRate", 0), ("seed", 0)):
        if values[name] < least:
            raise UserError(f"{name} = {values[name]}: give a number from {least} up")
    if not args.supervised:  # word n-grams have no part in these models
        args = replace(args, word_ngrams=1)
    searched = Autotune(values.get("autotuneValidationFile", "")).on  # n-grams may come, and need buckets
    return replace(args, bucket=0) if args.word_ngrams <= 1 and args.maxn == 0 and not searched else args


def _explain(error: Any) -> str:
    """One line for one of pydantic's errors, by the name of the argument."""
    names = {attribute: name for name, attribute in FIELDS.items()}
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    name = names.get(str(error["loc"][0]), str(error["loc"][0]))
    return f"{name} = {error['input']!r}: {error['msg']}"
