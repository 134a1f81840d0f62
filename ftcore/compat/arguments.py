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
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ftcore.base.cores import cores
from ftcore.dictionary.spool import spooled
from ftcore.errors import InvalidOptions, UserError
from ftcore.model.model import Args
from ftcore.option_table import ABSENT, API, BY_API, BY_NAME, MOST, OPTIONS, ORIGINAL

if TYPE_CHECKING:
    from ftcore import config


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
FIELDS = {o.api: o.name for o in ORIGINAL if hasattr(Args, o.name) and o.name not in ("model", "seed")}
ATTRIBUTES = (*FIELDS, "verbose", "pretrainedVectors")  # what a trained model carries (``set_args``)
SUPERVISED, UNSUPERVISED = (
    ("input", *(o.api for o in ORIGINAL if o.default(supervised) is not ABSENT))
    for supervised in (True, False)
)  # the original's word vectors stop before seed
ALIASES = {o.also: o.api for o in ORIGINAL if o.also}


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
    head: of a classifier, "sgd" (fastText's training) or "linear": a linear support vector machine over the same
        features, see `ftcore.training.linear`; lr, epoch and dim do not count then. "auto" tries both, with several
        kinds of n-grams, on `autotuneValidationFile`, in `autotuneDuration` seconds.
    refit: head "linear" learns from `valid` too, once that has chosen its strength.
    strength, weighing, vectors, size: of head "linear", as in `ftcore.config.Finetune`; size: most bytes of the `.bin`.
    self_training: rounds in which a classifier also learns from the lines without a label
        (`ftcore.training.self_training`); 0: none.
    lexicon: words whose label is known, {label: [word, word]} or a file of them, labels with or without their prefix
        (`ftcore.training.lexicon`); each counts as `lexicon_weight` documents.
    noise: share of the characters that are mistyped in a second copy of each line, which is learnt from too
        (`ftcore.training.noise`).
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
    head: str = "sgd"
    self_training: int = 0
    lexicon: Any = ""
    lexicon_weight: float = 3.0
    strength: float | str = "auto"
    weighing: str = "auto"
    vectors: float | str = "auto"
    size: str = ""
    refit: bool = False
    noise: float = 0.0


EXTRAS = tuple(f.name for f in fields(Extras))


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


class Plain(SimpleNamespace):
    """`ftcore.config.Pretrain` or `Finetune` without pydantic, whose import takes longer than a small training."""

    def model_dump_json(self) -> str:
        """As pydantic's: what a checkpoint belongs to."""
        import json

        return json.dumps(vars(self), separators=(",", ":"))

    def model_copy(self, update: Mapping[str, Any]) -> Plain:
        """As pydantic's: the same with other values."""
        return Plain(**{**vars(self), **update})


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
        extras = tuple(n for n in EXTRAS if BY_API[n].default(supervised) is not ABSENT)
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
            Autotune(*(values[API[f.name]] for f in fields(Autotune))) if supervised else Autotune(),
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

    def options(self) -> Plain | config.Pretrain | config.Finetune:
        """The same for the training room. Updates are of one example, as in the original.

        Raises:
            UserError: a value out of range.
        """
        values = self._values()
        return Plain(**values) if _are_plain(values, self.args.supervised) else self.judged()

    def judged(self) -> config.Pretrain | config.Finetune:
        """`options`, by the models that word what is wrong, and that a search makes others from."""
        from pydantic import ValidationError

        from ftcore.compat import ranges

        try:
            return (ranges.WideFinetune if self.args.supervised else ranges.WidePretrain)(**self._values())
        except ValidationError as error:
            raise InvalidOptions("; ".join(map(_explain, error.errors()))) from None

    def _values(self) -> dict[str, Any]:
        args, extras, supervised = self.args, self.extras, self.args.supervised
        known = {**vars(args), **vars(extras)}
        values = {
            o.name: known.get(o.name, o.default(supervised)) for o in OPTIONS if o.of_training(supervised)
        }
        values |= {
            "min_count": max(args.min_count, 1),  # 0 keeps all words, as 1 does
            "min_count_label": max(args.min_count_label, 0),
            "word_ngrams": max(args.word_ngrams, 1),
            "minn": args.minn if args.maxn > 0 else 0,  # without maxn it has no meaning
            "maxn": max(args.maxn, 0),
        }
        if supervised:
            weights = "none" if extras.class_weights is None else extras.class_weights
            if isinstance(weights, Mapping):
                weights = {self.label(name): weight for name, weight in weights.items()}
            if extras.lexicon:
                values["lexicon"] = self._lexicon()
            best = extras.keep_best and extras.valid is not None
            values |= {"class_weights": weights, "keep_best": best}
        return values

    def without_effect(self) -> list[str]:
        """A sentence for every argument that was given and changes nothing, of a classifier that is not searched for."""
        from ftcore.effects import without_effect_in_training

        options = self.options()
        names = {BY_API[name].name for name in self.manual if name != "input"}
        values = {name: getattr(options, name) for name in sorted(names) if hasattr(options, name)}
        default = {o.name: o.supervised for o in OPTIONS}
        return without_effect_in_training(
            {name: value for name, value in values.items() if value != default[name]},
            options,
            vectors=bool(self.pretrained) or self.extras.init_model is not None,
            valid=self.extras.valid is not None,
            names=API,
        )

    def _lexicon(self) -> dict[str, list[str]]:
        from ftcore.training.lexicon import checked, read_lexicon

        given = self.extras.lexicon
        found = read_lexicon(given) if isinstance(given, str | os.PathLike) else checked(given)
        return {self.label(name): words for name, words in found.items()}

    def label(self, name: str) -> str:
        """A label with its prefix."""
        return name if name.startswith(self.args.label) else self.args.label + name


def defaults(supervised: bool) -> dict[str, Any]:
    """Default of every argument by the original's name.

    Example:
        >>> defaults(True)["lr"], defaults(False)["maxn"]
        (0.1, 6)
    """
    values = {o.api: o.default(supervised) for o in ORIGINAL if o.default(supervised) is not ABSENT}
    values |= {"input": "", "thread": max(cores() - 1, 1)}  # the original takes 0 of a single core
    return {"model": "supervised", **values}


def _are_plain(values: Mapping[str, Any], supervised: bool) -> bool:
    """Whether all of these are beyond doubt what `ftcore.compat.ranges` allows; what is not is worded there."""
    return (
        all(BY_NAME[name].is_plain(value) for name, value in values.items())
        and values["minn"] <= values["maxn"]
        and (values["bucket"] > 0 or (values["maxn"] == 0 and values["word_ngrams"] == 1))
        and (values["neg"] > 0 or values["loss"] != "ns")
        and (supervised or values["loss"] != "ova")
    )


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
    kind = BY_API[name].kind if name != "input" else object
    if kind is int:
        try:
            number = value.__index__()
        except (AttributeError, TypeError):
            raise TypeError(f"argument '{name}' must be an int, not {value!r}") from None
        if not -MOST - 1 <= number <= MOST:
            raise TypeError(f"argument '{name}' is out of range: {number}; it must fit 32 bits")
        return int(number)
    if kind is float:
        try:
            return float(value) if not isinstance(value, str | bytes) else _no_number(name, value)
        except (TypeError, ValueError):
            return _no_number(name, value)
    if name in ("autotuneModelSize", "size") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if kind is str and not isinstance(value, str):
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
    for name in ("thread", "lrUpdateRate", "seed"):  # the others are of the training's options
        least = BY_API[name].least
        if values[name] < least:
            raise UserError(f"{name} = {values[name]}: give a number from {least} up")
    if not args.supervised:  # word n-grams have no part in these models
        args = replace(args, word_ngrams=1)
    searched = Autotune(values.get("autotuneValidationFile", "")).on  # n-grams may come, and need buckets
    return replace(args, bucket=0) if args.word_ngrams <= 1 and args.maxn == 0 and not searched else args


def _explain(error: Any) -> str:
    """One line for one of pydantic's errors, by the name of the argument."""
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    return f"{API.get(name, name)} = {error['input']!r}: {error['msg']}"
