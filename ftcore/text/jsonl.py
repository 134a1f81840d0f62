"""JSON lines: one object (or array) per line, parsed one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ftcore.config import Source
from ftcore.text.documents import BatchBuilder
from ftcore.text.fields import Unusable, add_record, missing_column, wanted_columns
from ftcore.text.records import TextLine


def read_jsonl(lines: Iterator[TextLine], out: BatchBuilder, source: Source, place: str) -> Iterator[None]:
    """Documents of a JSON-lines file.

    Args:
        place: the file's name for errors; "" where this is not the start of the file.

    Raises:
        UserError: the file's first record lacks a column that the configuration names. Later
            records without it are rejected one by one.
    """
    wanted = wanted_columns(source)
    unproven = bool(place)  # no record has been seen yet
    for number, text, damage in lines:
        if damage:
            out.reject(number, damage, text)
        elif text and not text.isspace():
            try:
                record = json.loads(text)
                if not isinstance(record, dict | list):
                    raise Unusable("not a JSON object")
                out.beside(record)
                values = [_value(record, column) for column in wanted]
                unproven = False
                add_record(out, number, values, source)
            except Unusable as error:
                out.reject(number, str(error), text, error.step)
            except KeyError as error:
                if unproven:
                    columns = list(record) if isinstance(record, dict) else list(range(len(record)))
                    raise missing_column(f"{place}, line {number}", error.args[0], columns) from None
                out.reject(number, f"no column {error.args[0]!r}", text)
            except (ValueError, RecursionError):  # RecursionError: absurdly nested
                out.reject(number, "broken JSON", text)
        yield


def _value(record: Any, column: str | int) -> Any:
    try:
        return record[column]
    except (IndexError, KeyError, TypeError):
        raise KeyError(column) from None
