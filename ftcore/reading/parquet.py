"""Parquet files, read by row groups in batches of bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from ftcore.config import Source
from ftcore.errors import UserError
from ftcore.reading.documents import BATCH_BYTES, BATCH_ROWS, BatchBuilder
from ftcore.reading.fields import add_rows, missing_column, wanted_columns
from ftcore.reading.streams import opened

_BLOCK = 1 << 20


def cut(path: str, size: int) -> list[tuple[int, int, int, str]]:
    """(first row group, stop, first row, digest) of parts of about `size` bytes.

    A file that is not Parquet, or not whole, is one part, which the reader rejects with its reason.

    Raises:
        UserError: the file vanished or cannot be read.
    """
    with opened(path):
        pass
    borders = _borders(path)
    if len(borders) < 3:  # none or one row group
        return [(0, -1, 1, digest(path, 0, -1))]
    meta = pq.read_metadata(path)
    cuts, start, first_row, row = [], 0, 1, 1
    for group in range(meta.num_row_groups):
        row += meta.row_group(group).num_rows
        last = group + 1 == meta.num_row_groups
        if last or borders[group + 1] - borders[start] >= size:
            stop = -1 if last else group + 1
            cuts.append((start, stop, first_row, digest(path, start, stop)))
            start, first_row = group + 1, row
    return cuts


def digest(path: str, start: int, stop: int) -> str:
    """xxh3_128 of the bytes of row groups ``start:stop`` (-1: to the end of the file, footer included)."""
    borders = _borders(path)
    if len(borders) < 2:
        begin, end = 0, os.path.getsize(path)
    else:
        begin = borders[start] if start < len(borders) else 0
        end = os.path.getsize(path) if stop < 0 else borders[min(stop, len(borders) - 1)]
    state = xxhash.xxh3_128()
    with opened(path) as file:
        file.seek(begin)
        while begin < end and (block := file.read(min(_BLOCK, end - begin))):
            state.update(block)
            begin += len(block)
    return state.hexdigest()


def _borders(path: str) -> list[int]:
    """Where each row group begins in the file, and the file's size; [] if it is not a Parquet file."""
    try:
        meta = pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return []
    starts = []
    for group in range(meta.num_row_groups):
        columns = [meta.row_group(group).column(i) for i in range(meta.num_columns)]
        offsets = [c.data_page_offset for c in columns]
        offsets += [c.dictionary_page_offset for c in columns if c.dictionary_page_offset]
        starts.append(min(offsets, default=0))
    if starts:
        starts[0] = 0
    return [*starts, os.path.getsize(path)]


def read_parquet(
    path: str | BinaryIO,
    start: int,
    stop: int,
    first_row: int,
    out: BatchBuilder,
    source: Source,
    place: str = "",
) -> Iterator[None]:
    """Documents of some row groups; the line of a document is its 1-based row.

    Args:
        place: what errors call a file that has no path.

    Raises:
        UserError: the file lacks a column that the configuration names.
    """
    row = first_row
    try:
        # no pre-buffering, which would hold whole row groups in memory
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 18)
        paths = [path_of(column, file.schema_arrow, place or str(path)) for column in wanted_columns(source)]
        columns = [".".join(keys) for keys in paths]
        for keys in paths[: len(source.text)]:
            check_text_type(type_of(file.schema_arrow, keys), ".".join(keys), place or path)
        groups = list(range(start, file.num_row_groups if stop < 0 else min(stop, file.num_row_groups)))
        for batch in file.iter_batches(
            batch_size=_rows_at_once(file, groups), row_groups=groups, columns=list(dict.fromkeys(columns))
        ):
            values = [values_of(column_of(batch, keys)) for keys in paths]
            yield from add_rows(out, row, values, source)
            row += len(batch)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        out.break_off(row, f"truncated or corrupt Parquet ({str(error).splitlines()[0][:120]})")
        yield


def path_of(column: str | int, schema: pa.Schema, place: str) -> list[str]:
    """A column as the names that lead to it: ``a.b`` is b inside the struct a."""
    names = schema.names
    if isinstance(column, int) and 0 <= column < len(names):
        return [names[column]]
    if column in names:
        return [str(column)]
    inner = [f"{field.name}.{name}" for field in schema for name in _inside(field.type)]
    if column not in inner:
        raise missing_column(place, column, [*names, *inner])
    return str(column).split(".")


def _inside(kind: pa.DataType) -> list[str]:
    """What is inside a struct, and inside the structs in it."""
    if not pa.types.is_struct(kind):
        return []
    return [
        name for field in kind for name in (field.name, *(f"{field.name}.{n}" for n in _inside(field.type)))
    ]


def type_of(schema: pa.Schema, keys: list[str]) -> pa.DataType:
    """The type of a column that `path_of` found."""
    kind = schema.field(schema.names.index(keys[0])).type
    for key in keys[1:]:
        kind = kind.field(key).type
    return kind


def column_of(batch: pa.RecordBatch, keys: list[str]) -> pa.Array:
    """The values of a column that `path_of` found."""
    column = batch.column(batch.schema.names.index(keys[0]))
    return pc.struct_field(column, keys[1:]) if keys[1:] else column


def _rows_at_once(file: pq.ParquetFile, groups: list[int]) -> int:
    """Rows of a batch that is about `BATCH_BYTES` long, by the average row of these groups."""
    metas = [file.metadata.row_group(group) for group in groups]
    rows = sum(meta.num_rows for meta in metas)
    size = sum(meta.total_byte_size for meta in metas)
    return max(1, min(BATCH_ROWS, BATCH_BYTES * rows // max(size, 1)))


def check_text_type(kind: pa.DataType, name: str, path: object) -> None:
    """Refuse a column whose type can hold no texts.

    Strings or bytes of any width can, also by a dictionary, and numbers, which are written out.

    Raises:
        UserError: any other type.
    """
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_nested(inner) or pa.types.is_boolean(inner):
        raise UserError(
            f"{path}: column {name!r} is {kind}, and no text can be made of that; name a column of strings"
        )


def values_of(column: pa.Array) -> list[Any]:
    """Python values; text stored as bytes is decoded where it is valid UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind, values = column.type, column.to_pylist()
    if (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind)
    ):  # fmt: skip
        values = [_decoded(value) for value in values]
    return values


def _decoded(value: bytes | None) -> str | bytes | None:
    try:
        return value.decode() if value is not None else None
    except UnicodeDecodeError:
        return value  # rejected by `fields.text_of`
