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
from ftcore.option_table import ABSENT, BY_NAME, ORIGINAL

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
  -dsub               size of each sub-vector [2]"""
_OPTIONS = {o.flag or o.api: o for o in ORIGINAL if o.name != "model"}  # the model is the command's name


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
        if isinstance(rest.get(name), bool):
            rest[name] = True
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
    if kind is float:
        try:
            return float(np.float32(text))
        except ValueError:
            raise UsageError(f"-{name} {text}: not a number", help) from None
    return _whole(f"-{name}", text, help) if kind is int else text


def _whole(flag: str, text: str, help: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{flag} {text}: not a whole number", help) from None


def usage(command: str) -> str:
    """The help of a training command or of ``quantize``, with the command's defaults."""
    supervised = command == "supervised"
    values = {
        flag: o.supervised if o.default(supervised) is ABSENT else o.default(supervised)
        for flag, o in _OPTIONS.items()
    }
    return _USAGE.format_map(values)
