"""A model as bytes: round trips, and damage of any kind is an error that says so."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.errors import UserError
from ftcore.formats.container import MAGIC, pack_arrays, unpack_arrays

ARRAYS = {
    "a.b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "empty": np.zeros((0, 4), np.uint8),
    "ids": np.arange(10, dtype=np.int64)[::2],
}
WHOLE = pack_arrays(ARRAYS, {"labels": ["中", 1]})


def test_round_trip():
    arrays, header = unpack_arrays(WHOLE)
    assert {k: (v.dtype, v.tolist()) for k, v in arrays.items()} == {
        k: (v.dtype, v.tolist()) for k, v in ARRAYS.items()
    }
    assert header["labels"] == ["中", 1]
    assert pack_arrays(dict(reversed(ARRAYS.items())), {"labels": ["中", 1]}) == WHOLE
    for array in arrays.values():
        array += 1  # the arrays are the reader's own


@given(cut=st.integers(0, len(WHOLE) - 1))
@settings(max_examples=200, deadline=None)
def test_every_truncation_is_noticed(cut):
    with pytest.raises(UserError, match="ship or save the model again"):
        unpack_arrays(WHOLE[:cut])


@given(at=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
@settings(max_examples=300, deadline=None)
def test_every_flipped_bit_is_noticed_or_harmless(at, bit):
    data = bytearray(WHOLE)
    data[at] ^= 1 << bit
    try:
        arrays, header = unpack_arrays(bytes(data))
    except UserError:
        return
    # only the caller's own part of the header is not under a checksum
    assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert header["weights"] == unpack_arrays(WHOLE)[1]["weights"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no model of ftcore's"),
        (b"\x80\x04\x95rest of a pickle", "no model of ftcore's"),
        (MAGIC + struct.pack("<q", 1 << 60) + b"{}", "end within the header"),
        (MAGIC + struct.pack("<q", -5) + b"{}", "end within the header"),
        (MAGIC + struct.pack("<q", 2) + b"{}", "damaged"),
    ],
)
def test_foreign_bytes(data, message):
    with pytest.raises(UserError, match=message):
        unpack_arrays(data)


def test_a_newer_version_asks_for_an_upgrade():
    start = len(MAGIC) + 8
    stop = start + struct.unpack("<q", WHOLE[len(MAGIC) : start])[0]
    header = json.dumps({**json.loads(WHOLE[start:stop]), "version": 99}).encode()
    with pytest.raises(UserError, match="version 99 is newer.*upgrade ftcore"):
        unpack_arrays(MAGIC + struct.pack("<q", len(header)) + header + WHOLE[stop:])
