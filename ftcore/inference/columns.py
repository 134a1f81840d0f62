"""Rows of an Arrow column as one text for the kernels (see `ftcore.inference.text`), copied once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftcore import native


def holds_text(kind: pa.DataType) -> bool:
    """Whether `text_of_column` reads a column of this type.

    It reads strings and bytes, plain or by a dictionary, and lists of them.
    """
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return _is_string(kind) or _is_bytes(kind)


def text_of_column(column: pa.Array) -> np.ndarray:
    """One text of a column's rows: strings, bytes, or lists of strings, which are joined; a null is empty."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = column.cast(pa.large_list(_plain(column.type.value_type)))
        column = pc.binary_join(column, pa.scalar(" ", column.type.value_type))
    if column.type != _plain(column.type):
        column = column.cast(_plain(column.type))
    return _joined(
        pc.fill_null(column, b"" if _is_bytes(column.type) else "") if column.null_count else column
    )


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type with offsets and bytes in one buffer each that holds the same."""
    if kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        return kind
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.large_binary() if _is_bytes(inner) else pa.large_string()


def _is_string(kind: pa.DataType) -> bool:
    if pa.types.is_null(kind):  # a column without any value
        return True
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind)
    )  # fmt: skip


def _joined(rows: pa.Array) -> np.ndarray:
    large = pa.types.is_large_string(rows.type) or pa.types.is_large_binary(rows.type)
    width = np.int64 if large else np.int32
    _, cuts, data = rows.buffers()
    offsets = np.zeros(1, np.int64)
    if len(rows):
        offsets = np.frombuffer(cuts, width)[rows.offset : rows.offset + len(rows) + 1].astype(np.int64)
    out = np.empty(offsets[-1] - offsets[0] + len(rows) + native.PAD, np.uint8)
    native.join_rows(np.frombuffer(data or b"", np.uint8), offsets, out)
    return out
