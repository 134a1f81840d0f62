"""Texts for the kernels: the same bytes from Python strings and Arrow columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.base.strings import holds_text
from ftcore.dictionary.columns import column_text
from ftcore.dictionary.tokens import text_of_lines
from ftcore.errors import UserError
from ftcore.native import PAD

ANY = st.text(st.characters(exclude_categories=[]), max_size=30)  # lone surrogates too


def plain(lines) -> bytes:
    """Slowly."""
    rows = [x if isinstance(x, bytes) else x.encode("utf-8", "surrogatepass") for x in lines]
    return b"".join(x.replace(b"\n", b" ") + b"\n" for x in rows) + bytes(PAD)


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY | st.binary(max_size=30), max_size=9))
def test_lines(lines):
    assert text_of_lines(lines).tobytes() == plain(lines)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.text(max_size=30), max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_columns(lines, start, stop):
    expected = plain([x or "" for x in lines[start:stop]])
    for kind in (pa.string(), pa.large_string()):
        assert column_text(pa.array(lines, kind)[start:stop]).tobytes() == expected
        assert column_text(pa.array(lines, kind).cast(pa.binary())[start:stop]).tobytes() == expected
        assert column_text(pa.array(lines, kind).dictionary_encode()[start:stop]).tobytes() == expected
    raw = [x if x is None else x.encode() for x in lines]
    for column in (
        pa.array(lines, pa.string_view()),
        pa.array(raw, pa.binary_view()),
        pa.array(raw).dictionary_encode(),
    ):
        assert holds_text(column.type) and column_text(column[start:stop]).tobytes() == expected
    rows = [None if x is None else x.split(" ") for x in lines]
    for kind in (pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.string_view())):
        assert column_text(pa.array(rows, kind)[start:stop]).tobytes() == expected


@pytest.mark.parametrize("size", [1, 6])  # few or many
@pytest.mark.parametrize(("wrong", "message"), [(1, "int"), (None, "None"), (["a"], "list")])
def test_what_is_no_line_is_named(size, wrong, message):
    with pytest.raises(UserError, match=message):
        text_of_lines(["a"] * size + [wrong])


def test_a_tuple_and_an_array_are_lines_too():
    for lines in (("a", "b"), np.array(["a", "b"]), np.array(["a"] * 7 + ["b"], object)):
        assert text_of_lines(lines).tobytes() == plain(list(lines))


@pytest.mark.parametrize(
    "kind",
    [
        pa.int64(),
        pa.bool_(),
        pa.struct([("text", pa.string())]),
        pa.list_(pa.int64()),
        pa.list_(pa.list_(pa.string())),
    ],
    ids=str,
)
def test_columns_that_hold_no_text(kind):
    assert not holds_text(kind)
