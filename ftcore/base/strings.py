"""Python strings as an Arrow column, without pandas, and which columns hold text.

``pa.array`` of a list imports pandas to see whether the list is a thing of its own: a second for a process that
answers one text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa


def strings(values: Iterable[str | None]) -> pa.Array:
    """The values as a column of type string.

    Raises:
        UnicodeEncodeError: A value holds a lone surrogate.

    Example:
        >>> strings(["a", None]).to_pylist()
        ['a', None]
    """
    builder = pa.lib.StringBuilder()
    builder.append_values(values)
    return builder.finish()


def booleans(values: np.ndarray) -> pa.Array:
    """Bool [n] as a column.

    Example:
        >>> booleans(np.array([True, False])).to_pylist()
        [True, False]
    """
    bits = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


class _NoPandas:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ImportError("no frame is made in this process")


def leave_pandas_out() -> None:
    """Let Arrow ask for pandas once and find none, in a process of ours that meets no frame: half a second less."""
    if "pandas" in sys.modules:
        return
    nothing = _NoPandas()
    sys.meta_path.insert(0, nothing)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(nothing)


def holds_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds strings or bytes, plain or by a dictionary, or no value at all.

    Example:
        >>> holds_text(pa.large_string()), holds_text(pa.list_(pa.string()))
        (True, False)
    """
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    string = pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
    return string or is_bytes(inner) or pa.types.is_null(inner)


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a type is one of bytes: of any length or a fixed one, in one buffer or in views."""
    return (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind)
    )  # fmt: skip


def string_buffers(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Bytes and offsets of a column of strings without nulls, for the kernels: uint8 [N], int64 [n + 1].

    The bytes are the column's own; those of row i stand from offset i to offset i + 1.

    Example:
        >>> data, offsets = string_buffers(strings(["ab", "", "c"]))
        >>> bytes(data), offsets.tolist()
        (b'abc', [0, 2, 2, 3])
    """
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    _, cuts, data = column.buffers()
    offsets = np.zeros(1, np.int64)
    if len(column):
        offsets = np.frombuffer(cuts, width)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    return np.frombuffer(data or b"", np.uint8), offsets


def string_column(data: np.ndarray, offsets: np.ndarray) -> pa.Array:
    """The column whose row i is UTF-8 ``data[offsets[i]:offsets[i + 1]]``; large where bytes are too many.

    Example:
        >>> string_column(np.frombuffer(b"abc", np.uint8), np.array([0, 2, 2, 3])).to_pylist()
        ['ab', '', 'c']
    """
    large = offsets[-1] >= 1 << 31
    cuts = offsets if large else offsets.astype(np.int32)
    kind = pa.large_string() if large else pa.string()
    return pa.Array.from_buffers(kind, len(offsets) - 1, [None, pa.py_buffer(cuts), pa.py_buffer(data)])
