"""The flags of fastText's command line: ``-input FILE -wordNgrams 2 …``.

Source: fastText 0.9.3 ``src/args.cc`` (``parseArgs``, ``printHelp``). A number must be one to its end (the
original reads the 1 of ``1e3`` and aborts at ``abc``); ``-lr`` and ``-t`` are float32, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ftcore.compat.arguments import loss_name
from ftcore.errors import UserError
from ftcore.option_table import ABSENT, BY_NAME, ORIGINAL, OWN

THREADS = BY_NAME["thread"].supervised  # ``Args::Args``; the Python API takes all cores but one
_USAGE = """
The following arguments are mandatory:
  -input              training file path
  -output             output file path

The following arguments are optional:
  -verbose            verbosity level [{verbose}]

The following arguments for the dictionary are optional:
  -minCount           minimal number of word occurrences [{minCount}]
  -minCountLabel      minimal number of label occurrences [{minCountLabel}]
  -wordNgrams         max length of word ngram [{wordNgrams}]
  -bucket             number of buckets [{bucket}]
  -minn               min length of char ngram [{minn}]
  -maxn               max length of char ngram [{maxn}]
  -t                  sampling threshold [{t}]
  -label              labels prefix [{label}]

The following arguments for training are optional:
  -lr                 learning rate [{lr}]
  -lrUpdateRate       change the rate of updates for the learning rate [{lrUpdateRate}]
  -dim                size of word vectors [{dim}]
  -ws                 size of the context window [{ws}]
  -epoch              number of epochs [{epoch}]
  -neg                number of negatives sampled [{neg}]
  -loss               loss function {{ns, hs, softmax, one-vs-all}} [{loss}]
  -thread             number of threads (set to 1 to ensure reproducible results) [{thread}]
  -pretrainedVectors  pretrained word vectors, .vec or .bin [{pretrainedVectors}]
  -saveOutput         whether output params should be saved [false]
  -seed               random generator seed [{seed}]

The following arguments are for autotune:
  -autotune-validation  validation file to be used for evaluation [{autotune-validation}]
  -autotune-metric      metric objective {{f1, f1:labelname, precisionAtRecall:NN, recallAtPrecision:NN}} [{autotune-metric}]
  -autotune-predictions number of predictions used for evaluation [{autotune-predictions}]
  -autotune-duration    maximum duration in seconds [{autotune-duration}]
  -autotune-modelsize   constraint model file size (empty = do not quantize) [{autotune-modelsize}]

The following arguments for quantization are optional:
  -cutoff             number of words and ngrams to retain [0]
  -retrain            whether embeddings are finetuned if a cutoff is applied [false]
  -qnorm              whether the norm is quantized separately [false]
  -qout               whether the classifier is quantized [false]
  -dsub               size of each sub-vector [2]

The following arguments are ftcore's own and optional:
  -init-model         a model that goes on learning, .bin or directory []
  -freeze             rows that stay as they are {{none, words: those of pretrained vectors, all}} [{freeze}]
  -updates            of word vectors {{auto, exact, shared}} [{updates}]

Of supervised alone, ftcore's own and optional:
  -head               how it is trained {{sgd, linear, auto: with -autotune-validation}} [{head}]
  -valid              labelled file that is scored after each epoch, and chooses for a linear head []
  -patience           epochs without gain on -valid that end the training (0: never) [{patience}]
  -class-weights      balanced, or {{label: weight, label: weight}} []
  -lexicon            file of words whose label is known, label: [word, word] []
  -lexicon-weight     documents that each of these words counts as [{lexicon-weight}]
  -self-training      rounds of learning from lines without a label [{self-training}]
  -noise              share of characters that are mistyped in a second copy of each line [{noise}]
  -strength           of a linear head, a number or auto [{strength}]
  -weighing           of a linear head's features {{auto, idf, ratio}} [{weighing}]
  -vectors            weight of pretrained vectors in a linear head, a number or auto [{vectors}]
  -size               most bytes of a linear head's model, as 20M []
  -refit              whether a linear head learns from -valid too [false]"""
_OPTIONS = {o.flag or o.api: o for o in ORIGINAL if o.name != "model"}  # the model is the command's name
_OPTIONS |= {o.flag: o for o in OWN if o.flag}


class UsageError(UserError):
    """The words of a command do not make sense; ``help`` is shown behind the message."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True)
class Flags:
    """What was said: the training functions' keyword arguments, and what only the command line has."""

    input: str
    output: str
    named: dict[str, Any] = field(default_factory=dict)  # only what was given, by the API's names
    cutoff: int = 0
    dsub: int = 2
    retrain: bool = False
    qnorm: bool = False
    qout: bool = False
    saveOutput: bool = False


_LOOSE = ("strength", "vectors", "class-weights")
_OTHERS = {f.name: f.default for f in fields(Flags) if isinstance(f.default, int)}
FLAGS = ("input", "output", *_OPTIONS, *_OTHERS)


def parse(command: str, words: Sequence[str]) -> Flags:
    """Flags of ``supervised``, ``skipgram``, ``cbow`` or ``quantize``.

    Raises:
        UsageError: an unknown flag, a missing or unreadable value, no input or output.

    Example:
        >>> parse("supervised", ["-input", "f", "-output", "m", "-lr", "0.5", "-qnorm"]).named
        {'lr': 0.5}
    """
    named: dict[str, Any] = {}
    rest: dict[str, Any] = dict(_OTHERS)
    paths: dict[str, Any] = {"input": "", "output": ""}
    help = usage(command)
    place = 0
    while place < len(words):
        word = words[place]
        name = word[1:]
        if not word.startswith("-"):
            raise UsageError(f"Provided argument without a dash: {word!r}! Usage:", help)
        if name in ("h", "-help"):
            raise UsageError("Here is the help! Usage:", help)
        if name not in FLAGS:
            raise UsageError(f"Unknown argument: {word}", help)
        if isinstance(rest.get(name), bool) or (name in _OPTIONS and _OPTIONS[name].kind is bool):
            (named if name in _OPTIONS else rest)[name] = True
            place += 1
            continue
        if place + 1 == len(words):
            raise UsageError(f"{word} is missing an argument", help)
        value = words[place + 1]
        place += 2
        if name in paths:
            paths[name] = value
        elif name in rest:
            rest[name] = _whole(word, value, help)
        else:
            named[_OPTIONS[name].api] = _value(name, value, help)
    if not paths["input"] or not paths["output"]:
        raise UsageError("Empty input or output path.", help)
    return Flags(**paths, named=named, **rest)


def _value(name: str, text: str, help: str) -> Any:
    if name == "loss":
        loss = "ova" if text == "one-vs-all" else text
        if loss not in loss_name.__members__:
            raise UsageError(f"Unknown loss: {text}", help)
        return loss
    kind = _OPTIONS[name].kind
    if name in _LOOSE:
        return _loose(name, text, help)
    if kind is float:
        try:
            return float(np.float32(text))
        except ValueError:
            raise UsageError(f"-{name} {text}: not a number", help) from None
    return _whole(f"-{name}", text, help) if kind is int else text


def _loose(name: str, text: str, help: str) -> Any:
    """A number, a mapping or a word, as YAML tells them apart."""
    from ftcore.base.yaml_tree import parse

    try:
        return parse(text, f"-{name}")[0]
    except UserError as error:
        raise UsageError(str(error), help) from None


def _whole(flag: str, text: str, help: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{flag} {text}: not a whole number", help) from None


def usage(command: str) -> str:
    """The help of a training command or of ``quantize``, with the command's defaults."""
    supervised = command == "supervised"
    values = {
        flag: o.default(not supervised) if o.default(supervised) is ABSENT else o.default(supervised)
        for flag, o in _OPTIONS.items()
    }
    return _USAGE.format_map(values)
