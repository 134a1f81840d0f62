"""Columns of Arrow and Parquet as text for the kernels; apart from `lines`, which needs no Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftcore import native
from ftcore.base.strings import holds_text, is_bytes
from ftcore.dictionary.tokens import Block
from ftcore.errors import NoSuchColumn, UnreadableFile, UserError

_ROWS = 1 << 14  # rows of a Parquet file read at a time


def parquet_blocks(path: Path, tokens: str, labels: str, prefix: str) -> Iterator[Block]:
    """Blocks of a Parquet file: the text of each row behind its labels. Errors: as `Lines`."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableFile(f"{path}: not a Parquet file ({error})") from None
    with file:
        names = file.schema_arrow.names
        if tokens not in names:
            raise NoSuchColumn(f"{path}: no column {tokens!r}; it has {', '.join(names)}")
        columns = [tokens, labels] if labels in names else [tokens]
        for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
            yield partial(_rows, str(path), batch, tokens, labels, prefix)


def _rows(path: str, batch: pa.RecordBatch, tokens: str, labels: str, prefix: str) -> np.ndarray:
    """Rows as text, labels first."""
    text = pc.fill_null(_strings(path, batch.column(tokens), tokens), "")
    _refuse(pc.match_substring(text, "\n"), text, f"{path}: a newline in column {tokens!r}")
    if labels in batch.schema.names:
        named = _prefixed(path, batch.column(labels), labels, prefix)
        text = pc.binary_join_element_wise(named, text, pa.scalar(" ", pa.large_string()))
    return column_text(text)


def _strings(path: str, column: pa.Array, name: str) -> pa.Array:
    """A column of strings or of bytes that are UTF-8, plain or by a dictionary, as large_string."""
    if not holds_text(column.type):
        raise UserError(f"{path}: column {name!r} holds {column.type}, not text; name another column")
    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise UnreadableFile(
            f"{path}: column {name!r} holds bytes that are no UTF-8 ({error}); decode them"
        ) from None


def _prefixed(path: str, column: pa.Array, name: str, prefix: str) -> pa.Array:
    """The labels of each row, prefixed and joined by spaces: large_string."""
    if is_list(column.type):
        flat, parents = pc.list_flatten(column), pc.list_parent_indices(column).to_numpy()
    else:
        flat, parents = column, np.arange(len(column))
    if pa.types.is_floating(flat.type):  # NaN is how pandas writes a missing label
        flat = pc.if_else(pc.is_nan(flat), pa.scalar(None, flat.type), flat)
    flat, parents = (
        flat.drop_null().cast(pa.large_string()),
        parents[flat.is_valid().to_numpy(zero_copy_only=False)],
    )
    _refuse(
        pc.match_substring_regex(flat, "[ \n\r\t\v\f\\x00]"), flat, f"{path}: a separator in column {name!r}"
    )
    begin, nothing = (pa.scalar(part, pa.large_string()) for part in (prefix, ""))
    flat = pc.if_else(pc.starts_with(flat, prefix), flat, pc.binary_join_element_wise(begin, flat, nothing))
    cuts = np.append(0, np.cumsum(np.bincount(parents, minlength=len(column))))
    return pc.binary_join(pa.LargeListArray.from_arrays(cuts, flat), pa.scalar(" ", pa.large_string()))


def _refuse(wrong: pa.Array, values: pa.Array, what: str) -> None:
    if pc.any(wrong).as_py():
        example = values.filter(wrong)[0].as_py()
        raise UserError(f"{what}: {example[:60]!r}; replace it (by a space in text, by _ in a label)")


def binary(column: pa.Array) -> pa.Array:
    """A column of strings or bytes as large_binary: the same bytes, nothing is decoded."""
    return column.cast(pa.large_binary())


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is a list of any length."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def column_text(column: pa.Array) -> np.ndarray:
    """One text (see ftcore/native/words/text.h) of a column's rows, copied once.

    Rows are strings, bytes, or lists of them, which are joined by spaces; a null is empty. A newline in one is a
    separator like others.
    """
    if is_list(column.type):
        column = column.cast(pa.large_list(_plain(column.type.value_type)))
        column = pc.binary_join(column, pa.scalar(" ", column.type.value_type))
    if column.type != (plain := _plain(column.type)):
        column = column.cast(plain)
    if column.null_count:
        column = pc.fill_null(column, b"" if is_bytes(plain) else "")
    width = np.int64 if plain in (pa.large_string(), pa.large_binary()) else np.int32
    _, cuts, data = column.buffers()
    offsets = np.zeros(1, np.int64)
    if len(column):
        offsets = np.frombuffer(cuts, width)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    out = np.empty(offsets[-1] - offsets[0] + len(column) + native.PAD, np.uint8)
    native.join_rows(np.frombuffer(data or b"", np.uint8), offsets, out)
    return out


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type with offsets and bytes in one buffer each that holds the same."""
    if kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        return kind
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.large_binary() if is_bytes(inner) else pa.large_string()
