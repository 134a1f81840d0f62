"""Files as tables: every row in its place with all its columns, and its text. What prediction reads.

Ingestion's readers give documents and leave the rest; here nothing is left out, so that row n of what is
written is row n of what was read: blank lines of a text file, rows without a text, broken ones.

Example:
    >>> [len(rows) for rows in open_rows("docs.csv", ["text"]).read()]
    [2]
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from ftcore.config import Ingest, Source
from ftcore.errors import NoSuchColumn, UnreadableFile, UserError
from ftcore.reading.documents import BATCH_BYTES, BATCH_ROWS, BatchBuilder
from ftcore.reading.fields import Unusable, missing_column, text_of
from ftcore.reading.parquet import check_text_type, values_of
from ftcore.reading.readers import read_parts
from ftcore.reading.sources import SourceFile, cut_file, list_files

_ARROW = (pa.ArrowException, OverflowError, UnicodeEncodeError)


@dataclass(frozen=True)
class FileRows:
    """Some rows of a file.

    Attributes:
        texts: the text of each row, "" where there is none.
        damage: why a row cannot be read, else "".
        records: column -> value of each row; a row may lack columns. None where there is a `table`.
        table: the columns, of a Parquet file.
    """

    texts: list[str]
    damage: list[str]
    records: list[dict[str, Any]] | None = None
    table: pa.RecordBatch | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def as_records(self) -> list[dict[str, Any]]:
        """The rows as dicts."""
        if self.records is not None:
            return self.records
        assert self.table is not None
        return self.table.to_pylist()

    def as_table(self, schema: pa.Schema) -> pa.RecordBatch:
        """The rows as columns of these types; a value that is not of its column's type is written as JSON."""
        if self.table is not None:
            return self.table
        columns = [_column([r.get(f.name) for r in self.records or []], f.type) for f in schema]
        return pa.RecordBatch.from_arrays(columns, schema=schema)


class RowSource:
    """A file, or the files of a folder, as one table; made by `open_rows`.

    Attributes:
        schema: names and types of the columns.
    """

    schema: pa.Schema

    def read(self) -> Iterator[FileRows]:
        """The rows in bounded batches, in their order; can be called again."""
        raise NotImplementedError


def open_rows(
    path: str | Path,
    text: Sequence[str | int],
    *,
    header: bool = True,
    limit: int = 1_000_000,
    option: str = "--column",
) -> RowSource:
    """A file or folder as a table.

    Args:
        path: .txt (a row a line: source, line and the text), .csv, .tsv, .jsonl, .json or .parquet, packed or
            not; or a folder of files of one such format, as Spark writes them (names that begin with _ or . are
            passed over; ``key=value`` folders are columns).
        text: columns that the text is in, by name or number.
        header: csv and tsv begin with the names.
        limit: bytes of the longest text.
        option: what names the columns, for the error's remedy.

    Raises:
        UserError: a missing file, several formats in a folder, a column that is not there (with those that
            are) or holds no text, or files whose columns differ.
    """
    source = Source(path=str(Path(path).resolve()), text=list(text), header=header)
    ingest = Ingest(sources=[source], max_document_bytes=limit)
    try:
        files = [file for file in list_files(ingest, ".") if not _is_private(file.relative)]
    except UnreadableFile as error:
        raise error.reworded(f"{path}: {error.found}") from None
    formats = sorted({file.format for file in files})
    if len(formats) > 1:
        raise UserError(
            f"{path}: files of several formats ({', '.join(formats)}); name one of them, or a glob"
        )
    if {"zip", "tar"} & set(formats):
        raise UserError(f"{path}: rows keep their places in files, not in archives; unpack it first")
    if {"arrow", "warc", "mediawiki"} & set(formats):
        raise UserError(
            f"{path}: no table of a kind that rows are added to; write it as Parquet or JSON lines first"
        )
    if not files:
        raise UnreadableFile(f"{path}: no file to read, but for names that begin with _ or .")
    try:
        return _ParquetSource(files, source) if formats == ["parquet"] else _LineSource(files, ingest, option)
    except NoSuchColumn as error:
        raise _with_remedy(error, formats[0], header, option) from None


def text_columns(columns: str | Sequence[str] | None, header: bool) -> list[str | int]:
    """Columns by name (default `text`); without a header by number, of which an error names the option."""
    columns = [columns] if isinstance(columns, str) else columns or ["text"]
    if header:
        return list(columns)
    wrong = [column for column in columns if not column.isdecimal()]
    if wrong:
        raise UserError(
            f"--no-header: the columns have no names; give --column a number from 0, not {wrong[0]!r}"
        )
    return [int(column) for column in columns]


def _with_remedy(error: NoSuchColumn, format: str, header: bool, option: str) -> NoSuchColumn:
    remedy = f"choose one with {option}"
    if format in ("csv", "tsv") and option == "--column":
        more = ", or with --no-header and a number from 0 if the first row is no header"
        remedy += more if header else " and a number from 0"
    return error.reworded(f"{error.found}; {remedy}")


def _is_private(relative: str) -> bool:
    return any(part[:1] in "_." and "=" not in part for part in PurePosixPath(relative).parts)


def _folder_columns(relative: str) -> dict[str, str | None]:
    """Columns that the folders of a partitioned data set are named for: ``lang=zh/part-0.parquet``."""
    pairs = [part.partition("=") for part in PurePosixPath(relative).parts[:-1] if "=" in part]
    return {
        unquote(key): None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value)
        for key, _, value in pairs
    }


# ------------------------------------------------------------------------------------------ lines
class _LineSource(RowSource):
    """Files that the readers of ingestion read record by record."""

    def __init__(self, files: list[SourceFile], ingest: Ingest, option: str) -> None:
        self._option = option
        self._ingest, self._format, self._name = ingest, files[0].format, files[0].name
        self._parts = [part for file in files for part in cut_file(file, ingest)]
        self._names: list[str] = []
        next(self.read(), None)  # a column that is not there is told before any work

    @cached_property
    def schema(self) -> pa.Schema:
        """A file without a header is looked through: a later record may bring a column, or another type."""
        source = self._ingest.sources[0]
        if self._format == "lines":
            return pa.schema(
                [("source", pa.string()), ("line", pa.int64()), (str(source.text[0]), pa.string())]
            )
        if self._format in ("csv", "tsv") and source.header:
            names = dict.fromkeys([*self._names, *_folder_columns(self._parts[0].relative)])
            return pa.schema([(name, pa.string()) for name in names])
        found = pa.schema([])
        for rows in self.read():
            found = _united(found, rows.records or [])
        return found

    def read(self) -> Iterator[FileRows]:
        builder = RowBuilder(self._format, self._name, self._ingest)
        try:
            for rows in read_parts(self._parts, self._ingest, out=builder):
                self._names = builder.names
                yield rows  # type: ignore[misc]
        except NoSuchColumn as error:
            raise _with_remedy(error, self._format, self._ingest.sources[0].header, self._option) from None


class RowBuilder(BatchBuilder):
    """Takes what the readers tell of each record and gives it out as `FileRows`.

    Attributes:
        names: of the columns, where a csv or tsv file has a header.
    """

    def __init__(self, format: str, name: str, ingest: Ingest) -> None:
        super().__init__(source="", language="", split="", limit=ingest.max_document_bytes)
        self._format, self._prefix, self._text = format, f"{name}:", str(ingest.sources[0].text[0])
        self.names: list[str] = []
        self._first = ""
        self._held: dict[str, Any] = {}

    def _clear(self) -> None:
        super()._clear()
        self._rows = FileRows([], [], [])

    @property
    def _file(self) -> str:
        return self.source.removeprefix(self._prefix)

    def header(self, names: Sequence[str]) -> None:
        """Names that occur twice get a number; those of all files of a folder must be the same."""
        unique: list[str] = []
        for wanted in names:
            name, number = wanted, 1
            while name in unique:
                number += 1
                name = f"{wanted}_{number}"
            unique.append(name)
        if self.names and unique != self.names:
            raise UserError(
                f"{self._file}: its columns are {', '.join(unique)[:200]}, those of {self._first} are "
                f"{', '.join(self.names)[:200]}; score such files one by one"
            )
        self.names, self._first = unique, self._file

    def beside(self, record: dict | Sequence) -> None:
        """Cells without names go by their numbers."""
        if isinstance(record, dict):
            self._held = dict(record)
        elif self._format == "lines":
            self._held = {self._text: record[0]}
        elif len(record) == 1 < len(self.names):
            self._held = {}  # a line that could not be cut into cells
        else:
            names = self.names or map(str, range(len(record)))
            self._held = dict(zip(names, record, strict=False))

    def add(self, line: int, text: str, labels: list[str] | None = None, split: str | None = None) -> bool:
        """A row with a text."""
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            return self.reject(line, "lone surrogate")
        return self._take(line, text, "longer than max_document_bytes" if size > self.limit else "")

    def reject(self, line: int, reason: str, raw: str | bytes = b"", step: str = "read") -> bool:
        """A row that is broken; or, where it is a filter that refuses it, one without a text."""
        return self._take(line, "", "" if step == "filters" else reason)

    def blank(self, line: int) -> None:
        """A line without a text is a row, too."""
        self._held = {self._text: ""}
        self._take(line, "", "")

    def _take(self, line: int, text: str, damage: str) -> bool:
        record = self._held | _folder_columns(self._file)
        if self._format == "lines":
            record = {"source": self.source, "line": line, self._text: record.get(self._text)}
        self._held = {}
        self._rows.texts.append("" if damage else text)
        self._rows.damage.append(damage)
        assert self._rows.records is not None
        self._rows.records.append(record)
        self._bytes += len(text) + 8
        return True

    @property
    def full(self) -> bool:
        """True when it is time to `take`."""
        return len(self._rows) >= BATCH_ROWS or self._bytes >= BATCH_BYTES

    def take(self) -> Iterator[FileRows]:  # type: ignore[override]
        """Yield the rows once if there are any, and start over."""
        rows = self._rows
        if len(rows):
            self._clear()
            yield rows


def _united(schema: pa.Schema, records: list[dict[str, Any]]) -> pa.Schema:
    """The schema with what these records bring: a column of values that do not go together is text."""
    fields = {field.name: field.type for field in schema}
    for name in dict.fromkeys(name for record in records for name in record):
        known = fields.get(name, pa.null())
        try:
            kind = pa.array([record.get(name) for record in records]).type
            pair = [pa.schema([(name, known)]), pa.schema([(name, kind)])]
            fields[name] = pa.unify_schemas(pair, promote_options="permissive").field(0).type
        except (*_ARROW, TypeError):
            fields[name] = pa.string()
    return pa.schema(
        [(name, pa.string() if pa.types.is_null(kind) else kind) for name, kind in fields.items()]
    )


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (*_ARROW, TypeError):
        texts = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
        whole = [t if t is None else t.encode("utf-8", "replace").decode() for t in texts]  # lone surrogates
        return pa.array(whole, pa.string())


# ---------------------------------------------------------------------------------------- Parquet
class _ParquetSource(RowSource):
    """Parquet files, whose columns keep their types."""

    def __init__(self, files: list[SourceFile], source: Source) -> None:
        self._files, self._text = files, source.text
        schemas = []
        for file in files:
            try:
                own = pq.read_schema(file.path)
            except (pa.ArrowException, OSError) as error:
                raise UnreadableFile(
                    f"{file.path}: not a Parquet file ({str(error).splitlines()[0]})"
                ) from None
            for name in _folder_columns(file.relative):
                if name not in own.names:
                    own = own.append(pa.field(name, pa.string()))
            schemas.append(own)
        try:
            self.schema = pa.unify_schemas(schemas).with_metadata(schemas[0].metadata)
        except (pa.ArrowException, TypeError) as error:
            raise UserError(
                f"{Path(files[0].path).parent}: the files' columns differ ({error}); score them one by one"
            ) from None
        self._names = [_text_column(column, self.schema, files[0].path) for column in source.text]

    def read(self) -> Iterator[FileRows]:
        for file in self._files:
            beside = _folder_columns(file.relative)
            try:
                with pq.ParquetFile(file.path, pre_buffer=False, buffer_size=1 << 18) as parquet:
                    for batch in parquet.iter_batches(BATCH_ROWS):
                        yield self._rows(batch, beside)
            except (pa.ArrowException, OSError) as error:
                raise UnreadableFile(
                    f"{file.path}: truncated or corrupt ({str(error).splitlines()[0]}); get the file again"
                ) from None

    def _rows(self, batch: pa.RecordBatch, beside: dict[str, str | None]) -> FileRows:
        texts, damage = [], []
        for row in zip(*(values_of(batch.column(name)) for name in self._names), strict=True):
            try:
                texts.append(text_of(row))
                damage.append("")
            except Unusable as error:
                texts.append("")
                damage.append(str(error))
        columns = [
            batch.column(f.name).cast(f.type) if f.name in batch.schema.names
            else pa.array([beside.get(f.name)] * len(batch), f.type)
            for f in self.schema
        ]  # fmt: skip
        return FileRows(texts, damage, table=pa.RecordBatch.from_arrays(columns, schema=self.schema))


def _text_column(column: str | int, schema: pa.Schema, place: str) -> str:
    names = schema.names
    if isinstance(column, int) and 0 <= column < len(names):
        column = names[column]
    if column not in names:
        raise missing_column(place, column, names)
    check_text_type(schema.field(column).type, str(column), place)
    return str(column)
