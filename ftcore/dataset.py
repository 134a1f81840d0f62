"""Labelled texts as users give them: (text, label) pairs, labels strings or ints, one or several a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ftcore import given
from ftcore.errors import MissingLabels, UserError
from ftcore.model.model import Label
from ftcore.reading.missing import is_missing


class TextDataset(torch.utils.data.Dataset):
    """Texts with a label each (a string, an int, or a list of them where loss is ova).

    Example:
        >>> TextDataset(["好", "bad"], [1, 0])[0]
        ('好', 1)
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[Label | list[Label]]) -> None:
        for name, values in (("texts", texts), ("labels", labels)):
            if not hasattr(values, "__len__"):
                raise TypeError(f"{name} must be a list, not {given.shown(values)}")
        if len(texts) != len(labels):
            raise UserError(f"{len(texts)} texts and {len(labels)} labels; give each text its label")
        self.texts, self.labels = _by_place(texts), _by_place(labels)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, item: int) -> tuple[str, Label | list[Label]]:
        return self.texts[item], self.labels[item]


def _by_place(values: Any) -> Sequence:
    """A pandas column looks numbers up in its index, which on a filtered or sorted frame are other rows."""
    return values.tolist() if hasattr(values, "iloc") else values


def plain_label(value: Any) -> Label:
    """A label as JSON keeps it: str or int. A whole float is a whole number: pandas makes columns with gaps so."""
    value = value.item() if isinstance(value, Tensor | np.generic) else value
    if is_missing(value):
        raise UserError(f"label {value!r} is missing; leave texts without a label out")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int):
        raise UserError(f"label {value!r} is a {type(value).__name__}; labels are strings or ints")
    return int(value) if isinstance(value, bool) else value


def label_rows(labels: Iterable) -> list[list[Label]]:
    """A list of labels for each text, from labels or lists of labels."""
    rows = []
    for number, row in enumerate(labels):
        try:
            rows.append([plain_label(v) for v in (row if isinstance(row, list | tuple | set) else [row])])
        except UserError as error:
            raise error.reworded(f"text {number}: {error}") from None
    return rows


def label_values(labels: Iterable[Label]) -> dict[str, Label]:
    """The dictionary's name of a label -> its value."""
    values: dict[str, Label] = {}
    for label in labels:
        if values.setdefault(str(label), label) != label:
            raise UserError(
                f"labels {label!r} and {values[str(label)]!r} differ only in type; use one of them"
            )
    return values


def require_two(values: dict[str, Label]) -> None:
    """`UserError` unless there are two labels or more."""
    if len(values) < 2:
        raise MissingLabels(
            f"a new classifier needs at least two labels, there is {list(values.values())}; check the label "
            "column, or fit a model that is already trained"
        )


def pairs_of(dataset: Any) -> tuple[list[str], list[list[Label]]]:
    """Texts and the labels of each, from (text, label) pairs."""
    pairs = [dataset[i] for i in range(len(dataset))] if hasattr(dataset, "__getitem__") else list(dataset)
    for number, pair in enumerate(pairs):
        if isinstance(pair, str | bytes) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise TypeError(f"pair {number} is {given.shown(pair)}; give (text, label) for each text")
    return given.texts(text for text, _ in pairs), label_rows(label for _, label in pairs)
