"""A model as one piece of bytes: what a process sends another, and what `copy`, joblib and Spark ship.

The two files of `ftcore.formats.checkpoint` behind one another: 8 bytes of `MAGIC`, the length of the
header (int64, little-endian), the header (JSON), then the arrays (safetensors). Reading it runs no code,
and the header's size and SHA-256 of the arrays are checked before they are used.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from ftcore.base.files import canonical_json
from ftcore.errors import UnreadableFile
from ftcore.formats.checkpoint import FORMAT, NO_ARRAYS, VERSION, check_header
from ftcore.formats.opening import MAGIC
from ftcore.given import shown

_LENGTH = struct.Struct("<q")
_START = len(MAGIC) + _LENGTH.size
_NAME = "these bytes"
_REMEDY = "ship or save the model again"


def pack_arrays(arrays: dict[str, np.ndarray], header: dict[str, Any]) -> bytes:
    """One model as bytes; `unpack_arrays` is the inverse. Equal models give equal bytes.

    Args:
        arrays: any safetensors type.
        header: JSON values; the keys format, version and weights are ours.

    Example:
        >>> arrays, header = unpack_arrays(pack_arrays({"a": np.arange(3)}, {"seed": 7}))
        >>> arrays["a"].tolist(), header["seed"]
        ([0, 1, 2], 7)
    """
    weights = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    about = {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    text = canonical_json({**header, "format": FORMAT, "version": VERSION, "weights": about})
    return b"".join([MAGIC, _LENGTH.pack(len(text)), text, weights])


def unpack_arrays(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """(arrays, header) of `pack_arrays`.

    Raises:
        UserError: bytes that are no model, cut off, damaged or of a newer version.
    """
    if not isinstance(data, bytes):
        raise TypeError(f"give the bytes of a saved model, not {shown(data)}")
    if data[: len(MAGIC)] != MAGIC or len(data) < _START:
        raise UnreadableFile(
            f"{_NAME}: no model of ftcore's, which would not begin with {bytes(data[:8])!r}; {_REMEDY}"
        )
    stop = _START + _LENGTH.unpack_from(data, len(MAGIC))[0]
    if not _START <= stop <= len(data):
        raise UnreadableFile(f"{_NAME}: {len(data)} bytes, which end within the header; {_REMEDY}")
    header = check_header(data[_START:stop], _NAME, _REMEDY)
    weights = data[stop:]
    size, expected = len(weights), header["weights"]["bytes"]
    if size != expected:
        raise UnreadableFile(f"{_NAME}: {size} bytes of arrays where {expected} were written; {_REMEDY}")
    if hashlib.sha256(weights).hexdigest() != header["weights"]["sha256"]:
        raise UnreadableFile(f"{_NAME}: the arrays' SHA-256 is not the header's, they are damaged; {_REMEDY}")
    try:
        return load(weights), header
    except NO_ARRAYS as error:
        raise UnreadableFile(f"{_NAME}: not safetensors of numpy's types ({error}); {_REMEDY}") from None
