"""Numbers and lines as the original's command line writes them, byte for byte.

Source: fastText 0.9.3 ``src/main.cc`` (``test``, ``printPredictions``), ``src/meter.cc``
(``writeGeneralMetrics``), ``src/vector.cc`` (``operator<<``), ``src/args.cc`` and ``src/dictionary.cc`` (``dump``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ftcore.dictionary.dictionary import encode
from ftcore.model.model import IN_FILE
from ftcore.option_table import API

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.inference.predict import Predictions
    from ftcore.model.model import Args


_LOSSES = {"ova": "one-vs-all"}
_MODELS = {"skipgram": "sg", "supervised": "sup"}


def vector(values: np.ndarray) -> bytes:
    """A vector with a space behind every number.

    Example:
        >>> vector(np.array([0.1, -2, 1e-7], np.float32))
        b'0.1 -2 1e-07 '
    """
    return b"".join(b"%.5g " % value for value in values.tolist())


def neighbors(found: Iterable[tuple[float, str]]) -> bytes:
    """A line each: word and cosine."""
    return b"".join(b"%b %.6g\n" % (encode(word), score) for score, word in found)


def general(examples: int, precision: float, recall: float, k: int, fixed: bool = False) -> bytes:
    """Number of examples, P@k and R@k: three significant digits, or three decimals after `per_label`.

    Example:
        >>> general(3, 0.5, float("nan"), 1).decode().split()
        ['N', '3', 'P@1', '0.5', 'R@1', 'nan']
    """
    style = b"%.3f" if fixed else b"%.3g"
    return b"N\t%d\nP@%d\t%b\nR@%d\t%b\n" % (examples, k, style % precision, k, style % recall)


def per_label(label: str, f1: float, precision: float, recall: float) -> bytes:
    """A line of ``test-label``; ``--------`` for what has no value."""
    parts = (("F1-Score", f1), ("Precision", precision), ("Recall", recall))
    shown = (
        f"{name} : {value:.6f}  " if math.isfinite(value) else f"{name} : --------  " for name, value in parts
    )
    return encode("".join(shown) + f" {label}\n")


def arguments(args: Args) -> bytes:
    """``dump args``."""
    values = {API[name]: getattr(args, name) for name in IN_FILE}
    values |= {
        "loss": _LOSSES.get(args.loss, args.loss),
        "model": _MODELS.get(args.model, args.model),
        "t": f"{args.t:.6g}",
    }
    return "".join(f"{name} {value}\n" for name, value in values.items()).encode()


def entries(dictionary: Dictionary) -> Iterator[bytes]:
    """``dump dict``: how many, then words and labels with count and type."""
    yield b"%d\n" % (dictionary.nwords + dictionary.nlabels)
    for word, count in zip(dictionary.words, dictionary.counts.tolist(), strict=True):
        yield b"%b %d word\n" % (word, count)
    for label, count in zip(dictionary.labels, dictionary.label_counts.tolist(), strict=True):
        yield b"%b %d label\n" % (encode(label), count)


def matrix(rows: Iterable[np.ndarray], size: tuple[int, int]) -> Iterator[bytes]:
    """``dump input`` and ``dump output``: the size, then a row a line."""
    yield b"%d %d\n" % size
    for row in rows:
        yield b" ".join(b"%.6g" % value for value in row.tolist()) + b"\n"


def predictions(found: Predictions, names: list[bytes], scores: bool) -> bytes:
    """``L1 p1 L2 p2`` (or ``L1 L2``) of every line, as the original prints predictions."""
    words = [names[i] for i in found.labels.tolist()]
    if scores:
        words = [b"%b %.6g" % pair for pair in zip(words, found.scores.tolist(), strict=True)]
    if len(words) == len(found) and (found.offsets[1:] - found.offsets[:-1] == 1).all():
        return b"\n".join([*words, b""])
    cuts = found.offsets.tolist()
    return b"".join(b" ".join(words[a:b]) + b"\n" for a, b in zip(cuts[:-1], cuts[1:], strict=True))
