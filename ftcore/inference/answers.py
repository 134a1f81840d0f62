"""What a classifier answers to texts: labels and probabilities, and nothing to a text without a feature.

Example:
    >>> best_labels(np.array([.2, .8]), ["a", "b"], k=1)
    Prediction(labels=['b'], probabilities=[0.8])
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ftcore.errors import UserError
from ftcore.given import shown
from ftcore.model.model import Label
from ftcore.model.thresholds import Thresholds
from ftcore.reading.missing import is_missing

log = logging.getLogger("ftcore.predict")


class Prediction(NamedTuple):
    """The best labels of a text, most probable first, and their probabilities; both empty without an answer."""

    labels: list[Label]
    probabilities: list[float]


NO_ANSWER = Prediction([], [])


def texts_of(values: Iterable[Any], place: str = "text") -> list[str]:
    """Texts as strings; a missing one (None, NaN, pandas' NA) is empty, bytes are UTF-8.

    Args:
        place: what a value is called in an error, before its number from 0.

    Raises:
        UserError: it names the place of a value that is no text (a list, an object, a truth value, bytes that
            are no UTF-8).

    Example:
        >>> texts_of(["a", None, float("nan"), b"b", 5])
        ['a', '', '', 'b', '5']
    """
    if not isinstance(values, Iterable) or isinstance(values, dict):
        raise TypeError(f"{place}s must be a str or a list of str, not {shown(values)}")
    if getattr(values, "ndim", 1) != 1:
        raise UserError(f"{place}: a table of shape {values.shape}; give one column of it")  # type: ignore[attr-defined]
    if str(getattr(values, "dtype", "")) in ("object", "str", "string"):
        values = values.tolist()  # type: ignore[attr-defined]  # a list of the same, ten times as fast to walk through
    return [value if type(value) is str else _text(value, f"{place} {n}") for n, value in enumerate(values)]


def _text(value: Any, place: str) -> str:
    if isinstance(value, str):
        return str(value)
    if is_missing(value):
        return ""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise UserError(
                f"{place}: {value[:20]!r} is no UTF-8 ({error.reason}); decode it first"
            ) from None
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return str(value)
    shown = repr(value)
    raise UserError(
        f"{place} is {shown[:40]}, a {type(value).__name__} and no text; give a string (None: no text)"
    )


def labels_wanted(k: Any, labels: int) -> int:
    """k as a number of labels from 1 to all of them; -1 means all, as in fastText.

    Example:
        >>> labels_wanted(-1, 5), labels_wanted(9, 5), labels_wanted(2, 5)
        (5, 5, 2)
    """
    try:
        wanted = operator.index(k)
    except TypeError:
        wanted = 0
    if isinstance(k, bool) or (wanted < 1 and wanted != -1):
        raise UserError(f"k = {k!r}: give a number of labels from 1 up, or -1 for all")
    return labels if wanted == -1 else min(wanted, labels)


def best_labels(
    row: np.ndarray, labels: Sequence[Label], k: int, threshold: float | np.ndarray = 0.0
) -> Prediction:
    """The k most probable labels; equal ones in the order of the labels.

    Args:
        row: [C] probabilities.
        k: from 1 to C.
        threshold: the least probability, one or [C].
    """
    best = np.array([row.argmax()]) if k == 1 else np.argsort(-row, kind="stable")[:k]
    least = threshold[best] if isinstance(threshold, np.ndarray) else threshold
    best = best[row[best] >= least]
    return Prediction([labels[i] for i in best.tolist()], row[best].tolist())


def answer_columns(
    known: np.ndarray,
    rows: np.ndarray,
    labels: Sequence[Label],
    k: int = 1,
    thresholds: Thresholds | None = None,
) -> dict[str, np.ndarray]:
    """Columns ``label, probability, label_2, probability_2, …`` of N texts, as tables and servers show them.

    With thresholds a column ``labels`` has the list of those that reach theirs, the most probable first.

    Args:
        known: bool[N], has the text an answer? Where not, label is None and probability 0.
        rows: float32[n, C], probabilities of those that have.
        k: ranks, from 1 to C.
    """
    names = np.array([str(label) for label in labels], object)
    top = rows.argmax(axis=1)[:, None] if k == 1 else np.argsort(-rows, axis=1, kind="stable")[:, :k]
    columns: dict[str, np.ndarray] = {}
    for rank, best in enumerate(top.T if len(rows) else np.zeros((k, 0), int), 1):
        suffix = f"_{rank}" if rank > 1 else ""
        label, probability = np.full(len(known), None, object), np.zeros(len(known))
        label[known], probability[known] = names[best], rows[np.arange(len(rows)), best]
        columns |= {f"label{suffix}": label, f"probability{suffix}": probability}
    if thresholds is not None:
        least, said = thresholds.row(labels), np.empty(len(known), object)
        said[:] = [[] for _ in range(len(known))]
        for place, row in zip(np.flatnonzero(known), rows, strict=True):
            reached = np.flatnonzero(row >= least)
            said[place] = names[reached[np.argsort(-row[reached], kind="stable")]].tolist()
        columns["labels"] = said
    return columns


def count_unanswered(known: np.ndarray) -> int:
    """How many of the texts have no answer; said in one warning."""
    none = len(known) - int(np.count_nonzero(known))
    if none:
        log.warning(
            "%d of %d texts have no word or n-gram that the model knows: they get no label", none, len(known)
        )
    return none


def count_withheld(withheld: int, texts: int) -> None:
    """Say in one line how many answers a model was not certain enough of to give."""
    if withheld:
        log.info("%d of %d texts get no label: the model is not certain enough of one", withheld, texts)
