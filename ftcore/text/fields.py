"""Values of records (cells, JSON values, Parquet values) as text, labels and split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftcore.config import Source
from ftcore.errors import UserError

SPLITS = ("train", "valid", "test")


class Unusable(Exception):
    """A record that cannot become a document; the message is the reason."""


def text_of(values: Sequence[Any]) -> str:
    """The text columns of a record, joined by a space; empty ones are left out.

    >>> text_of(["Title", None, " body "])
    'Title body'
    """
    parts = []
    for value in values:
        if value is None:
            continue
        if isinstance(value, bool | list | dict | bytes):
            raise Unusable(f"text is {_kind(value)}, not a string")
        part = str(value).strip()
        if part:
            parts.append(part)
    return " ".join(parts)


def labels_of(value: Any, names: dict[str, str]) -> list[str]:
    """A label cell as a list of strings, renamed by `names`; empty for None, "" and [].

    >>> labels_of([1, 1.0, "b"], {"1": "pos"})
    ['pos', 'b']
    """
    labels: dict[str, None] = {}  # keeps the order, drops repeats
    for item in value if isinstance(value, list | tuple) else [value]:
        if item is None or item != item:  # NaN is how pandas writes a missing label
            continue
        if isinstance(item, list | dict | bytes):
            raise Unusable(f"label is {_kind(item)}, not a string or number")
        if isinstance(item, float) and item.is_integer():
            item = int(item)  # an integer column with gaps becomes one of floats in pandas
        label = str(item).lower() if isinstance(item, bool) else str(item).strip()
        if label:
            labels[names.get(label, label)] = None
    return list(labels)


def split_of(value: Any) -> str:
    """The value of a split column: train, valid or test.

    >>> split_of(" Train ")
    'train'
    """
    split = str(value).strip().lower()
    if split not in SPLITS:
        raise Unusable("unknown split")
    return split


def wanted_columns(source: Source) -> list[str | int]:
    """Text, label and split columns that the configuration names, in this order."""
    return [
        *source.text,
        *([source.label] if source.label is not None else []),
        *([source.split_column] if source.split_column is not None and source.split == "auto" else []),
    ]


def document_of(values: Sequence[Any], source: Source) -> tuple[str, list[str], str | None]:
    """Text, labels and split (None: the source's) of the values of `wanted_columns`."""
    n = len(source.text)
    labels = labels_of(values[n], source.label_names) if source.label is not None else []
    by_column = source.split_column is not None and source.split == "auto"
    split = split_of(values[-1]) if by_column else None
    return text_of(values[:n]), labels, split


def missing_column(place: str, column: str | int, columns: Sequence[str]) -> UserError:
    """The error for a column that is not there, with the columns that are."""
    shown = ", ".join(str(name)[:40] for name in columns[:30]) + (" …" if len(columns) > 30 else "")
    if isinstance(column, int):
        return UserError(
            f"{place}: no column number {column}; there are {len(columns)}, numbered from 0: {shown}. "
            "Set text, label or split_column of the source to one of them"
        )
    return UserError(
        f"{place}: no column {column!r}; the columns are: {shown}. "
        "Set text, label or split_column of the source to one of them (or to numbers, with header: false)"
    )


def _kind(value: Any) -> str:
    names = {bool: "a truth value", list: "a list", dict: "an object", bytes: "bytes"}
    return names.get(type(value), type(value).__name__)
