"""Values of records (cells, JSON values, Parquet values) as text, labels and split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ftcore.config import Source
from ftcore.errors import NoSuchColumn
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.missing import is_missing, label_name, whole_name

SPLITS = ("train", "valid", "test")
NO_LABEL = "documents whose label is missing: they stay as text without a label"
NO_SPLIT = "documents whose split is missing: their hash decides"


class Unusable(Exception):
    """A record that cannot become a document; the message is the reason, `step` what refuses it."""

    def __init__(self, reason: str, step: str = "read") -> None:
        super().__init__(reason)
        self.step = step


def text_of(values: Sequence[Any]) -> str:
    """The text columns of a record, joined by a space; empty and missing ones are left out.

    Example:
        >>> text_of(["Title", None, " body "])
        'Title body'
    """
    if len(values) == 1 and type(values[0]) is str:  # nearly always
        return values[0].strip()
    parts = []
    for value in values:
        if is_missing(value):
            continue
        if isinstance(value, bool | list | dict | bytes):
            raise Unusable(f"text is {_kind(value)}, not a string")
        part = str(value).strip()
        if part:
            parts.append(part)
    return " ".join(parts)


def labels_of(value: Any, names: dict[str, str], separator: str = "") -> list[str]:
    """A label cell as a list of strings, renamed by `names`; empty for what is missing, "" and [].

    A string ``1.0`` goes by the name of 1 in `names`. Without a name it stays as it is: only all labels
    together tell whether they are whole numbers (`missing.unified_names`).

    Args:
        separator: what separates several labels in a string; "": nothing.

    Example:
        >>> labels_of([1, 1.0, 2.0, "b"], {"1": "pos"}), labels_of("a, b", {}, ",")
        (['pos', '2', 'b'], ['a', 'b'])
    """
    labels: dict[str, None] = {}  # keeps the order, drops repeats
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, list | dict | bytes):
            raise Unusable(f"label is {_kind(item)}, not a string or number")
        several = item.split(separator) if separator and isinstance(item, str) else [item]
        for label in filter(None, map(label_name, several)):
            known = label if label in names else whole_name(label)
            labels[names.get(known, label)] = None
    return list(labels)


def indicated(values: Sequence[Any], columns: Sequence[str | int], names: dict[str, str]) -> list[str]:
    """The columns whose indicator says yes (1, true), renamed by `names`; a missing one says no.

    Example:
        >>> indicated([1, "0", True, None], ["a", "b", "c", "d"], {"c": "C"})
        ['a', 'C']
    """
    found = []
    for value, column in zip(values, columns, strict=True):
        word = label_name(value).lower()
        word = whole_name(word) or word
        if word in ("1", "true"):
            found.append(names.get(str(column), str(column)))
        elif word not in ("0", "false", ""):
            raise Unusable(f"indicator column {column!r} holds {str(value)[:40]!r}, not 0 or 1")
    return found


def split_of(value: Any) -> str | None:
    """The value of a split column: train, valid or test; None if it is missing.

    Example:
        >>> split_of(" Train ")
        'train'
    """
    split = "" if is_missing(value) else str(value).strip().lower()
    if split and split not in SPLITS:
        raise Unusable("unknown split")
    return split or None


def wanted_columns(source: Source) -> list[str | int]:
    """Text, label and split columns that the configuration names, in this order."""
    wanted = [*source.text, *source.label_columns]
    if source.split_column is not None and source.split == "auto":
        wanted.append(source.split_column)
    return wanted


def add_record(out: BatchBuilder, line: int, values: Sequence[Any], source: Source) -> None:
    """Take the document of a record.

    Args:
        values: of `wanted_columns`, in their order.

    Raises:
        Unusable: it has no text, or a value is not of the kind that it must be.
    """
    n, m = len(source.text), len(source.text) + len(source.label_columns)
    text = text_of(values[:n])
    if not text:
        raise Unusable("empty", "filters")  # not damage: nothing to read
    labels = None
    if source.label_from == "indicators":
        labels = indicated(values[n:m], source.label_columns, source.label_names)
    elif m > n:
        given = [labels_of(value, source.label_names, source.label_separator) for value in values[n:m]]
        labels = list(dict.fromkeys(label for found in given for label in found))
    split = split_of(values[m]) if len(values) > m else None
    if out.add(line, text, labels, split):
        if labels == []:
            out.note(NO_LABEL)
        if split is None and len(values) > m:
            out.note(NO_SPLIT)


def add_rows(
    out: BatchBuilder, first: int, columns: Sequence[Sequence[Any]], source: Source
) -> Iterator[None]:
    """Take the documents of rows that stand in columns, or reject them one by one.

    Args:
        first: the number of the first row.
        columns: values of `wanted_columns`, in their order.
    """
    for row, record in enumerate(zip(*columns, strict=True), first):
        try:
            add_record(out, row, record, source)
        except Unusable as error:
            out.reject(row, str(error), str(record[0])[:400], error.step)
        yield


def missing_column(place: str, column: str | int, columns: Sequence[str | int]) -> NoSuchColumn:
    """The error for a column that is not there, with the columns that are."""
    shown = ", ".join(str(name)[:40] for name in columns[:30]) + (" …" if len(columns) > 30 else "")
    if isinstance(column, int):
        found = f"{place}: no column number {column}; there are {len(columns)}, numbered from 0: {shown}"
        remedy = "Set text, label or split_column of the source to one of them"
    else:
        found = f"{place}: no column {column!r}; the columns are: {shown}"
        remedy = (
            "Set text, label or split_column of the source to one of them (or to numbers, with header: false)"
        )
    error = NoSuchColumn(f"{found}. {remedy}")
    error.found = found
    return error


def _kind(value: Any) -> str:
    names = {bool: "a truth value", list: "a list", dict: "an object", bytes: "bytes"}
    return names.get(type(value), type(value).__name__)
