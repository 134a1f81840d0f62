"""The flags of fastText's command line: ``-input FILE -wordNgrams 2 …``.

Source: fastText 0.9.3 ``src/args.cc`` (``parseArgs``, ``printHelp``). A number must be one to its end (the
original reads the 1 of ``1e3`` and aborts at ``abc``); ``-lr`` and ``-t`` are float32, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ftcore.compat.arguments import defaults, loss_name
from ftcore.errors import UserError

THREADS = 12  # the command line's own default (``Args::Args``)
_SWITCHES = {"saveOutput": "whether output params should be saved"}
_QUANTIZE_SWITCHES = {
    "retrain": "whether embeddings are finetuned if a cutoff is applied",
    "qnorm": "whether the norm is quantized separately",
    "qout": "whether the classifier is quantized",
}
_MEANING = {
    "input": "training file path",
    "output": "output file path",
    "verbose": "verbosity level",
    "minCount": "minimal number of word occurrences",
    "minCountLabel": "minimal number of label occurrences",
    "wordNgrams": "max length of word ngram",
    "bucket": "number of buckets",
    "minn": "min length of char ngram",
    "maxn": "max length of char ngram",
    "t": "sampling threshold",
    "label": "labels prefix",
    "lr": "learning rate",
    "lrUpdateRate": "change the rate of updates for the learning rate",
    "dim": "size of word vectors",
    "ws": "size of the context window",
    "epoch": "number of epochs",
    "neg": "number of negatives sampled",
    "loss": "loss function {ns, hs, softmax, one-vs-all}",
    "thread": "number of threads (set to 1 to ensure reproducible results)",
    "pretrainedVectors": "pretrained word vectors, .vec or .bin",
    **_SWITCHES,
    "seed": "random generator seed",
    "autotune-validation": "validation file to be used for evaluation",
    "autotune-metric": "metric objective {f1, f1:labelname, precisionAtRecall:NN, recallAtPrecision:NN}",
    "autotune-predictions": "number of predictions used for evaluation",
    "autotune-duration": "maximum duration in seconds",
    "autotune-modelsize": "constraint model file size (empty = do not quantize)",
    "cutoff": "number of words and ngrams to retain",
    **_QUANTIZE_SWITCHES,
    "dsub": "size of each sub-vector",
}
_GROUPS = {
    "The following arguments are mandatory:": ("input", "output"),
    "The following arguments are optional:": ("verbose",),
    "The following arguments for the dictionary are optional:": (
        "minCount", "minCountLabel", "wordNgrams", "bucket", "minn", "maxn", "t", "label",
    ),
    "The following arguments for training are optional:": (
        "lr", "lrUpdateRate", "dim", "ws", "epoch", "neg", "loss", "thread", "pretrainedVectors",
        "saveOutput", "seed",
    ),
    "The following arguments are for autotune:": (
        "autotune-validation", "autotune-metric", "autotune-predictions", "autotune-duration",
        "autotune-modelsize",
    ),
    "The following arguments for quantization are optional:": (
        "cutoff", "retrain", "qnorm", "qout", "dsub",
    ),
}  # fmt: skip
_AUTOTUNE = {
    "autotune-validation": "autotuneValidationFile",
    "autotune-metric": "autotuneMetric",
    "autotune-predictions": "autotunePredictions",
    "autotune-duration": "autotuneDuration",
    "autotune-modelsize": "autotuneModelSize",
}
_OTHERS = {"cutoff": 0, "dsub": 2, **dict.fromkeys((*_SWITCHES, *_QUANTIZE_SWITCHES), False)}
_FLOATS = frozenset(("lr", "t"))


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
    named: dict[str, Any] = field(default_factory=dict)  # only what was given, by Python's names
    cutoff: int = 0
    dsub: int = 2
    retrain: bool = False
    qnorm: bool = False
    qout: bool = False
    saveOutput: bool = False


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
    paths = {"input": "", "output": ""}
    help = usage(command)
    place = 0
    while place < len(words):
        word = words[place]
        name = word[1:]
        if not word.startswith("-"):
            raise UsageError(f"Provided argument without a dash: {word!r}! Usage:", help)
        if name in ("h", "-help"):
            raise UsageError("Here is the help! Usage:", help)
        if name not in _MEANING:
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
            named[_AUTOTUNE.get(name, name)] = _value(name, value, help)
    if not paths["input"] or not paths["output"]:
        raise UsageError("Empty input or output path.", help)
    return Flags(**paths, named=named, **rest)


def _value(name: str, text: str, help: str) -> Any:
    if name == "loss":
        loss = "ova" if text == "one-vs-all" else text
        if loss not in loss_name.__members__:
            raise UsageError(f"Unknown loss: {text}", help)
        return loss
    if name in _FLOATS:
        try:
            return float(np.float32(text))
        except ValueError:
            raise UsageError(f"-{name} {text}: not a number", help) from None
    if name in ("label", "pretrainedVectors", "autotune-validation", "autotune-metric", "autotune-modelsize"):
        return text
    return _whole(f"-{name}", text, help)


def _whole(flag: str, text: str, help: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{flag} {text}: not a whole number", help) from None


def usage(command: str) -> str:
    """The help of a training command or of ``quantize``, with the command's defaults."""
    values = defaults(command == "supervised") | {"thread": THREADS} | _OTHERS
    values |= {flag: values.get(name, defaults(True)[name]) for flag, name in _AUTOTUNE.items()}
    if values["loss"] == "ova":
        values["loss"] = "one-vs-all"
    lines = []
    for title, names in _GROUPS.items():
        lines += ["", title]
        width = max(19, max(map(len, names)) + 1)
        for name in names:
            value = values.get(name, "")
            shown = str(value).lower() if isinstance(value, bool) else value
            default = "" if name in ("input", "output") else f" [{shown}]"
            lines.append(f"  -{name:<{width}}{_MEANING[name]}{default}")
    return "\n".join(lines)
