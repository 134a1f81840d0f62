"""JSON records: one a line, parsed one by one, or laid out as they may be (`json_values`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from ftcore.config import Source
from ftcore.errors import UserError
from ftcore.reading import json_values
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.fields import Unusable, add_record, missing_column, wanted_columns
from ftcore.reading.records import TextLine
from ftcore.reading.streams import Reencoded


def read_jsonl(lines: Iterator[TextLine], out: BatchBuilder, source: Source, place: str) -> Iterator[None]:
    """Documents of a JSON-lines file.

    Args:
        place: the file's name for errors; "" where this is not the start of the file.

    Raises:
        UserError: the file's first record lacks a column that the configuration names. Later
            records without it are rejected one by one.
    """
    records = _Records(out, source, place)
    for number, text, damage in lines:
        if damage:
            out.reject(number, damage, text)
        elif text and not text.isspace():
            try:
                records.add(number, json.loads(text), text, f"line {number}")
            except (ValueError, RecursionError) as error:  # RecursionError: absurdly nested
                if isinstance(error, UserError):
                    raise
                out.reject(number, "broken JSON", text)
        yield


def read_json(
    stream: BinaryIO | Reencoded, codec: str, limit: int, out: BatchBuilder, source: Source, place: str
) -> Iterator[None]:
    """Documents of a JSON file however it is laid out, see `json_values`.

    The line of a document is where its record begins; on the file's first line, and in an object of
    columns, it is the record's number.

    Raises:
        UserError: the first record lacks a column that the configuration names; an object that is the
            whole file and holds no records.
    """
    records = _Records(out, source, place)
    values = json_values.Values(stream, codec, limit)
    for number, (line, depth, text, damage) in enumerate(values, 1):
        line = number if line == 1 else line
        if damage:
            out.reject(line, damage, text)
            yield
            continue
        try:
            value = json_values.loaded(text, codec)
        except ValueError as error:
            out.reject(line, str(error), text)
            yield
            continue
        inner = None
        if number == 1 and depth == 0 and isinstance(value, dict):
            inner = json_values.records_of(value, wanted_columns(source), place)
        if inner is None:
            records.add(line, value, text, f"record {number}")
            yield
            continue
        for row, record in enumerate(inner, 1):
            records.add(row, record, str(record)[:400], f"record {row}")
            yield
    if values.broken:
        out.break_off(values.line, values.broken)
        yield


class _Records:
    """Takes records one by one; the first must have the columns that are wanted."""

    def __init__(self, out: BatchBuilder, source: Source, place: str) -> None:
        self._out, self._source, self._place = out, source, place
        self._wanted = wanted_columns(source)
        self._unproven = bool(place)  # no record has been seen yet

    def add(self, number: int, record: Any, text: str, where: str) -> None:
        """Take a record or reject it; `text` is quoted, `where` stands in errors."""
        try:
            if not isinstance(record, dict | list):
                raise Unusable("not a JSON object")
            self._out.beside(record)
            values = [_value(record, column) for column in self._wanted]
            self._unproven = False
            add_record(self._out, number, values, self._source)
        except Unusable as error:
            self._out.reject(number, str(error), text, error.step)
        except KeyError as error:
            if self._unproven:
                columns: Sequence[str | int] = (
                    _names(record) if isinstance(record, dict) else range(len(record))
                )
                raise missing_column(f"{self._place}, {where}", error.args[0], columns) from None
            self._out.reject(number, f"no column {error.args[0]!r}", text)


def _value(record: Any, column: str | int) -> Any:
    """A record's value by its key, or by keys with points between them: ``a.b`` is b inside a."""
    try:
        return record[column]
    except (IndexError, KeyError, TypeError):
        if not isinstance(column, str) or "." not in column or not isinstance(record, dict):
            raise KeyError(column) from None
    for end in range(column.count("."), 0, -1):
        key = ".".join(column.split(".")[:end])
        if key in record:
            inner = record[key]
            return None if inner is None else _inside(inner, column[len(key) + 1 :], column)
    raise KeyError(column)


def _inside(inner: Any, rest: str, column: str) -> Any:
    if not isinstance(inner, dict):
        raise KeyError(column)
    try:
        return _value(inner, rest)
    except KeyError:
        raise KeyError(column) from None


def _names(record: dict[str, Any]) -> list[str]:
    """A record's keys, and those inside its objects."""
    inner = [f"{key}.{name}" for key, value in record.items() if isinstance(value, dict) for name in value]
    return [*record, *inner]
