"""Rows with a model's answers beside them, as csv, JSON lines or Parquet by the name of the file.

Example:
    >>> free_names(["label", "probability"], ["text", "label"])
    {'label': 'predicted_label', 'probability': 'probability'}
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ftcore.errors import UserError
from ftcore.reading.rows import FileRows

SUFFIXES = (".csv", ".jsonl", ".parquet")
SEPARATOR = "|"  # between several labels in a cell of csv


def check_output(path: str | Path) -> str:
    """The suffix that says how to write. Errors: `UserError` for another one."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"output {path}: give a name ending in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    return suffix


def check_place(source: str, output: str) -> None:
    """Refuse an output that would be read, now or the next time."""
    here, there = Path(source).resolve(), Path(output).resolve()
    if there == here or (here.is_dir() and here in there.parents):
        place = (
            "is the input" if there == here else "lies in the input's folder and would be read the next time"
        )
        raise UserError(f"output {output} {place}; give it another place")


def free_names(wanted: Iterable[str], taken: Sequence[str]) -> dict[str, str]:
    """Names for new columns that no column has: ``predicted_label`` where there is a ``label``."""
    names: dict[str, str] = {}
    for name in wanted:
        free = name if name not in taken else f"predicted_{name}"
        number = 1
        while free in taken or free in names.values():
            number += 1
            free = f"predicted_{name}_{number}"
        names[name] = free
    return names


class ScoredWriter:
    """Writes rows and their answers; as a context it is closed, whatever happens.

    Args:
        file: open for bytes.
        suffix: of `SUFFIXES`.
        columns: the input's, with their types.
        answers: the new columns, with their types; no name may be among `columns`.
        metadata: of a Parquet file.
    """

    def __init__(
        self,
        file: IO[bytes],
        suffix: str,
        columns: pa.Schema,
        answers: pa.Schema,
        metadata: Mapping[str, str],
    ) -> None:
        self.columns, self.answers, self.suffix = columns, answers, suffix
        self._file = file
        if suffix == ".parquet":
            schema = pa.schema([*columns, *answers], {**(columns.metadata or {}), **metadata})
            self._parquet = pq.ParquetWriter(file, schema, compression="zstd")
        elif suffix == ".csv":
            self._text([[*columns.names, *answers.names]])

    def write(self, rows: FileRows, answers: Sequence[Sequence[Any]]) -> None:
        """Some rows; each of the new columns has a value for each."""
        if self.suffix == ".parquet":
            table = rows.as_table(self.columns)
            new = [pa.array(list(c), f.type) for c, f in zip(answers, self.answers, strict=True)]
            self._parquet.write_batch(
                pa.RecordBatch.from_arrays([*table.columns, *new], schema=self._parquet.schema)
            )
            return
        records, names = rows.as_records(), self.columns.names
        if self.suffix == ".csv":
            told = ([_joined(cell) for cell in column] for column in answers)
            cells = ([_cell(record.get(name)) for name in names] for record in records)
            self._text([*old, *beside] for old, beside in zip(cells, zip(*told, strict=True), strict=True))
            return
        for record, beside in zip(records, zip(*answers, strict=True), strict=True):
            whole = {**record, **dict(zip(self.answers.names, beside, strict=True))}
            self._file.write(_json(whole).encode("utf-8", "replace") + b"\n")

    def __enter__(self) -> ScoredWriter:
        return self

    def __exit__(self, *raised: object) -> None:
        """Write what is left; the file itself stays open."""
        if self.suffix == ".parquet":
            self._parquet.close()

    def _text(self, rows: Iterable[Sequence[Any]]) -> None:
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows(rows)
        self._file.write(out.getvalue().encode("utf-8", "replace"))


def _joined(value: Any) -> Any:
    return SEPARATOR.join(value) if isinstance(value, list) else _cell(value)


def _cell(value: Any) -> Any:
    """A value as a cell of csv: lists and objects as JSON, a missing one empty."""
    if isinstance(value, str | int | float | None) and not isinstance(value, bool):
        return value
    if isinstance(value, bool | list | dict):
        return _json(value)
    plain = _plain(value)
    return plain if isinstance(plain, str) else _json(plain)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value of Parquet's as JSON has it: times and decimals as text, bytes as text or base64, no NaN."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return value if isinstance(value, str | int | float | bool | None) else str(value)
