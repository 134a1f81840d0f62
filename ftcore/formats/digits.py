"""Floats as text, many at a time: exactly what C++ streams print and read, without calling them.

Nearly all are printed and parsed by the native core (`ftcore/native/words/digits.h`); what lies outside of the range
where that is exact is left to Python.
"""

from __future__ import annotations

import numpy as np

from ftcore import native


# ----------------------------------------------------------------------------------------------- print
def format_rows(blob: np.ndarray, offsets: np.ndarray, first: int, vectors: np.ndarray) -> bytes:
    r"""Lines of a `.vec`: word, space, values of 5 significant digits each followed by a space.

    Args:
        blob: uint8[N], words one behind the other.
        offsets: int64[n + 1], where they begin; rows belong to the words from ``first`` on.
        vectors: float32[n, D], contiguous.

    Example:
        >>> format_rows(np.frombuffer(b"ab", np.uint8), np.array([0, 2]), 0, np.float32([[0.5, 1e-5]]))
        b'ab 0.5 1e-05 \n'
    """
    n, dim = vectors.shape
    out = np.empty(int(offsets[first + n] - offsets[first]) + n * (2 + native.LONGEST_VALUE * dim), np.uint8)
    ends = np.empty(n, np.int64)
    hard = np.empty(n, np.uint8)
    native.format_rows(blob, offsets, first, vectors, out, ends, hard)
    if not hard.any():
        return out[: ends[-1] if n else 0].tobytes()
    lines, start = [], 0
    for i, end in enumerate(ends.tolist()):
        if hard[i]:
            word = blob[offsets[first + i] : offsets[first + i + 1]].tobytes()
            lines.append(word + b" " + b"".join(print_value(x) + b" " for x in vectors[i].tolist()) + b"\n")
        else:
            lines.append(out[start:end].tobytes())
        start = end
    return b"".join(lines)


def print_value(value: float, digits: int = 5) -> bytes:
    """A value as a C++ stream prints it with ``setprecision(digits)``.

    Example:
        >>> print_value(-0.00012345678), print_value(float("nan"))
        (b'-0.00012346', b'nan')
    """
    if value != value:
        return b"-nan" if np.signbit(value) else b"nan"
    return b"%.*g" % (digits, value)


# ------------------------------------------------------------------------------------------------ read
def parse_lines(
    data: np.ndarray, starts: np.ndarray, first: int, last: int, words: np.ndarray, out: np.ndarray
) -> int:
    """Numbers at the ends of lines: -1, or the first line that does not hold as many as it should.

    Args:
        data: uint8, the text.
        starts: int64[n + 1], where lines begin.
        first: line to begin with.
        last: line to end before.
        words: int64[n, 2], filled: begin and end of what stands before the numbers.
        out: float32[n, D], filled.
    """
    hard = np.zeros(last - first, np.uint8)
    wrong = native.parse_lines(data, starts, first, last, words, out, hard)
    for i in (first + np.flatnonzero(hard)).tolist():
        if 0 <= wrong <= i:
            break
        text = data[words[i, 1] : starts[i + 1]].tobytes().split()
        try:
            out[i] = [parse_value(token) for token in text]
        except ValueError:
            return i
    return wrong


def parse_value(text: bytes) -> np.float32:
    """The float32 nearest to a decimal number, rounded once.

    Raises:
        ValueError: anything else than a number, or one too large for a float32.

    Example:
        >>> float(parse_value(b"-1.5e-2")), parse_value(b"inf")
        (-0.014999999664723873, np.float32(inf))
    """
    if b"_" in text:  # which Python allows in a number
        raise ValueError(text)
    value = float(text)
    with np.errstate(over="ignore", under="ignore"):
        near = np.float32(value)
    if not np.isfinite(value):
        return near
    if np.isinf(near):
        raise ValueError(text)
    from fractions import Fraction  # which brings decimal numbers: 5 ms, for what hardly any file holds

    exact = Fraction(text.decode("ascii"))
    with np.errstate(over="ignore"):
        around = (np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf)))
    found = min(
        (abs(Fraction(float(x)) - exact), int(x.view(np.int32)) & 1, k)
        for k, x in enumerate(around)
        if np.isfinite(x)
    )
    return around[found[2]]
