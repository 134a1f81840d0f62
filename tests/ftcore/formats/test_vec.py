"""`.vec` files: as the original writes them, and read whatever wrote them."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.errors import UserError
from ftcore.formats.binary import read_binary
from ftcore.formats.digits import format_rows, parse_lines, parse_value, print_value
from ftcore.formats.vec import read_vec, write_vec
from tests.reference.peer import run_binary

FLOATS = st.integers(0, 2**32 - 1).map(lambda bits: np.uint32(bits).view(np.float32))
EDGES = [0.0, -0.0, 1.0, -1.5, 99999.5, 99999.4, 100000.0, 9.99995, 0.0001, 9.9999e-5, 9.99995e-5, 1e-8, 9.9e-9, 1e-45,
         3.4e38, float("inf"), -float("inf"), float("nan"), 0.5, 0.25, 12345.5, 12346.5, 1.00005, 0.000123455]  # fmt: skip


def write(path: Path, text: bytes) -> Path:
    path.write_bytes(text)
    return path


# ------------------------------------------------------------------------------------------------ print
def printed(values: np.ndarray) -> list[bytes]:
    line = format_rows(np.zeros(0, np.uint8), np.zeros(2, np.int64), 0, np.asarray(values, np.float32)[None])
    return line.split()


def by_python(values: np.ndarray) -> list[bytes]:
    """printf rounds the exact value to even, and so does Python."""
    return [b"%.5g" % x if x == x else print_value(x) for x in np.asarray(values, np.float32).tolist()]


@settings(deadline=None)  # the first call compiles
@given(st.lists(FLOATS, max_size=30))
def test_any_float_is_printed_as_printf_does(values: list[np.float32]):
    assert printed(values) == by_python(values)


def test_usual_values_and_edges():
    rng = np.random.default_rng(0)
    near = np.float32(EDGES)
    values = [
        near,
        np.nextafter(near, np.float32(0)),
        np.nextafter(near, np.float32(np.inf)),
        rng.normal(size=20000),
    ]
    values += [rng.normal(size=5000) * 10.0 ** rng.integers(-10, 8, 5000)]
    ties = (np.arange(20000, 30000) + 0.5) / 2.0 ** rng.integers(0, 9, 10000)  # often just between two
    for some in [*values, ties]:
        assert printed(some) == by_python(some)


def test_a_negative_nan_has_its_sign_as_in_cpp():
    assert printed([-np.float32(np.nan)]) == [b"-nan"] or printed([np.float32(np.nan)]) == [b"nan"]
    assert printed(np.array([0xFFC00000, 0x7FC00000], np.uint32).view(np.float32)) == [b"-nan", b"nan"]


# ------------------------------------------------------------------------------------------------- read
def parsed(text: bytes) -> np.float32:
    data = np.frombuffer(bytearray(b"w " + text + b"\n"), np.uint8)
    out, words = np.zeros((1, 1), np.float32), np.zeros((1, 2), np.int64)
    assert parse_lines(data, np.array([0, len(data)]), 0, 1, words, out) == -1
    return out[0, 0]


def nearest(text: str) -> np.float32:
    """By definition: no float32 is nearer; of two equally near ones the even."""
    exact = Fraction(text)
    guess = np.float32(float(text))
    around = {np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))}
    key = {x: (abs(Fraction(float(x)) - exact), int(x.view(np.uint32)) % 2) for x in around if np.isfinite(x)}
    return min(key, key=key.get)


@settings(deadline=None)
@given(FLOATS.filter(np.isfinite), st.integers(5, 12))
def test_printed_floats_are_read_back(value: np.float32, digits: int):
    text = f"%.{digits}g" % value
    try:
        assert parsed(text.encode()) == nearest(text)
    except AssertionError:
        with pytest.raises(ValueError):  # rounded up beyond the largest float32
            parse_value(text.encode())
    if digits >= 9:
        assert np.isinf(nearest(text)) or parsed(text.encode()).view(np.uint32) == value.view(np.uint32)


def test_the_middle_between_two_float32_is_decided_by_the_digits_behind_it():
    middle = Fraction(float(np.float32(1.1))) + Fraction(1, 2**24)  # its float64 says nothing
    text = f"{float(middle):.50f}".rstrip("0")
    assert Fraction(text) == middle
    above, below = text + "0000000001", text[:-1] + str(int(text[-1]) - 1) + "9" * 20
    for number in (text, above, below):
        assert parsed(number.encode()) == nearest(number), number
    assert parsed(above.encode()) != parsed(below.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"+1.5", 1.5), (b"-.5", -0.5), (b"5.", 5), (b"1E+2", 100), (b"-1e-05", -1e-5), (b"1e-50", 0), (b"inf", np.inf),
     (b"0.00000000000000000000000000000000000000000001401298464324817", 2.0**-149 * 10), (b"3.4028234e38", 3.4028234e38)],
)  # fmt: skip
def test_ways_to_write_a_number(text: bytes, value: float):
    assert parsed(text) == np.float32(value)
    assert np.isnan(parsed(b"nan")) and np.isnan(parsed(b"-nan"))


# ------------------------------------------------------------------------------------------------ files
def test_a_small_file_and_back(tmp_path: Path):
    words = [b"the", "中文".encode(), b"\xff\xfe", b"new york"]
    vectors = np.float32([[0.1, -2], [1e-5, 3], [0, 12345.678], [1 / 3, 1]])
    write_vec(tmp_path / "m.vec", words, vectors)
    expected = "4 2\nthe 0.1 -2 \n中文 1e-05 3 \n".encode() + b"\xff\xfe 0 12346 \nnew york 0.33333 1 \n"
    assert (tmp_path / "m.vec").read_bytes() == expected
    found, back = read_vec(tmp_path / "m.vec")
    assert found == words and back.dtype == np.float32
    assert np.array_equal(back, np.float32([[0.1, -2], [1e-5, 3], [0, 12346], [0.33333, 1]]))


def test_blocks_give_the_same_file(tmp_path: Path):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(3000, 50)).astype(np.float32)
    vectors[[5, 2999], 7] = np.inf  # a line that is left to Python
    words = [b"w%d" % i for i in range(3000)]
    write_vec(tmp_path / "whole.vec", words, vectors)
    blocks = (vectors[a : a + 700] for a in range(0, 3000, 700))
    write_vec(tmp_path / "blocks.vec", words, blocks, threads=3)
    assert (tmp_path / "whole.vec").read_bytes() == (tmp_path / "blocks.vec").read_bytes()
    for threads in (1, 3):
        found, back = read_vec(tmp_path / "whole.vec", threads=threads)
        assert found == words
        assert printed(back.ravel()) == printed(vectors.ravel())


def test_as_the_original_writes_it(tmp_path: Path):
    """Without n-grams a word's vector is its row, so the bits of the values are the same too."""
    rng = np.random.default_rng(0)
    lines = [" ".join(f"w{i}" for i in rng.integers(0, 300, 20)) + " 中文 b\udcff" for _ in range(200)]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n", "utf-8", "surrogateescape")
    options = ["-maxn", "0", "-minCount", "1", "-dim", "20", "-thread", "12", "-epoch", "2"]
    run_binary(
        ["skipgram", "-input", tmp_path / "in.txt", "-output", tmp_path / "m", *options], into=tmp_path
    )
    classic = read_binary(tmp_path / "m.bin")
    write_vec(tmp_path / "ours.vec", classic.dictionary.words, classic.input)
    assert (tmp_path / "ours.vec").read_bytes() == (tmp_path / "m.vec").read_bytes()


def test_what_other_programs_write(tmp_path: Path):
    path = write(tmp_path / "m.vec", b"2 2\r\na\t0.5 1\r\n. . . 2   3 \r\n\r\n\n")
    words, vectors = read_vec(path)
    assert words == [b"a", b". . ."] and vectors.tolist() == [[0.5, 1], [2, 3]]
    assert read_vec(write(path, b"1 1\nw 2"))[1].tolist() == [[2]]
    words, vectors = read_vec(write(path, b"0 5\n"))
    assert words == [] and vectors.shape == (0, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "line 1 is b''"),
        (b"the 0.1 0.2\n", "line 1 is b'the 0.1 0.2"),
        (b"-1 2\n", "line 1 is b'-1 2"),
        (b"1 0\nw\n", "line 1 says 0 columns"),
        (b"9999999999 300\nw 1\n", "line 1 says 9999999999 rows of 300 columns"),
        (b"1 999999999999\nw 1\n", "too few"),
        (b"2 1\nw 1\n", "line 1 says 2 rows, but 1 lines follow"),
        (b"1 1\nw 1\nv 2\n", "line 1 says 1 rows, but 2 lines follow"),
        (b"2 2\nw 1 2\nv 2\n", "line 3 has 2 fields, not a word and 2 numbers"),
        (b"1 2\n1 2\n", "line 2 has 2 fields"),
        (b"1 2\nw 1 2 3\n", "line 2 has 3 numbers, not 2 as line 1 says"),
        (b"2 2\nv 1 2\nw 1 x2\n", "line 3 has b'x2' in the place of a number"),
        (b"1 1\nw 1e\n", "line 2 has b'1e' in the place"),
        (b"1 1\nw 1_0\n", "line 2 has b'1_0' in the place"),
        (b"1 1\nw 1e99\n", "line 2 has b'1e99' in the place"),
        (b"1 1\nw 0x10\n", "line 2 has b'0x10' in the place"),
        (b"2 1\nv 1\n\nw 1\n", "2 rows, but 3 lines follow"),
    ],
)
def test_bad_files_are_explained(text: bytes, message: str, tmp_path: Path):
    path = write(tmp_path / "m.vec", text)
    with pytest.raises(UserError) as caught:
        read_vec(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_a_header_cannot_ask_for_memory(tmp_path: Path):
    path = write(tmp_path / "m.vec", b"1000000 1000\n" + b"w 1\n" * 1_000_000)
    tracemalloc.start()
    with pytest.raises(UserError, match="too few"):
        read_vec(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_what_cannot_be_written(tmp_path: Path):
    one = np.zeros((1, 2), np.float32)
    for words, vectors, message in (
        ([b"a\nb"], one, "newline"),
        ([b"a", b"b"], one, "2 words but 1"),
        ([b"a"], np.zeros((2, 2), np.float32), "1 words but more"),
        ([b"a", b"b"], [one, np.zeros((1, 3), np.float32)], "shape"),
    ):
        with pytest.raises(UserError, match=message):
            write_vec(tmp_path / "m.vec", words, vectors)
    assert not list(tmp_path.iterdir())
