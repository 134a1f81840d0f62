"""Floats as text, many at a time: exactly what C++ streams print and read, without calling them.

A float32 has 24 bits, and 5**k fits into 29 for k up to 12, so their product is exact in a float64:
multiplied by the right power of ten a value becomes its first five digits plus an exact rest, and
rounding it to even is what ``printf("%.5g")`` does. What lies outside of that range is left to Python.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ftcore.model.kernel import kernel

LONGEST = 12  # characters of a printed value and its space: -1.2346e-05
_POWERS = np.array([float(10**k) for k in range(23)])  # all exact
_LIMITS = np.array([float(f"1e{k}") for k in range(-8, 6)])  # no float32 lies between one and its neighbours


# ----------------------------------------------------------------------------------------------- print
def format_rows(blob: np.ndarray, offsets: np.ndarray, first: int, vectors: np.ndarray) -> bytes:
    """Lines of a `.vec`: word, space, values of 5 significant digits each followed by a space.

    Args:
        blob, offsets: packed words; rows belong to the words from ``first`` on.
        vectors: float32[n, D], contiguous.

    >>> format_rows(np.frombuffer(b"ab", np.uint8), np.array([0, 2]), 0, np.float32([[0.5, 1e-5]]))
    b'ab 0.5 1e-05 \\n'
    """
    n, dim = vectors.shape
    out = np.empty(int(offsets[first + n] - offsets[first]) + n * (2 + LONGEST * dim), np.uint8)
    ends = np.empty(n, np.int64)
    hard = np.empty(n, np.uint8)
    _format_rows(blob, offsets, first, vectors, _POWERS, _LIMITS, out, ends, hard)
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

    >>> print_value(-0.00012345678), print_value(float("nan"))
    (b'-0.00012346', b'nan')
    """
    if value != value:
        return b"-nan" if np.signbit(value) else b"nan"
    return b"%.*g" % (digits, value)


@kernel
def _format_rows(blob, offsets, first, vectors, powers, limits, out, ends, hard):
    at = 0
    for i in range(vectors.shape[0]):
        start = at
        for j in range(offsets[first + i], offsets[first + i + 1]):
            out[at] = blob[j]
            at += 1
        out[at] = 32
        at += 1
        hard[i] = 0
        for j in range(vectors.shape[1]):
            at = _print(vectors[i, j], powers, limits, out, at)
            if at < 0:
                hard[i] = 1
                at = start
                break
            out[at] = 32
            at += 1
        if not hard[i]:
            out[at] = 10
            at += 1
        ends[i] = at


@kernel
def _print(value, powers, limits, out, at):
    """The place behind ``%.5g`` of the value, -1 where it is NaN, infinite, tiny or 1e5 and more."""
    x = np.float64(value)
    if x < 0 or (x == 0 and np.signbit(value)):
        out[at] = 45
        at += 1
        x = -x
    if x == 0:
        out[at] = 48
        return at + 1
    if not (limits[0] <= x < limits[13]):
        return -1
    binary = (np.float64(x).view(np.int64) >> 52) - 1023
    exponent = (binary * 1233) >> 12  # log10(2) = 1233 / 4096: right, or one too small
    if x >= limits[exponent + 9]:
        exponent += 1
    digits = np.int64(np.rint(x * powers[4 - exponent]))
    if digits == 100000:
        digits = 10000
        exponent += 1
        if exponent == 5:
            return -1
    shown = 5  # without the zeros at the end
    while digits % 10 == 0:
        digits //= 10
        shown -= 1
    if exponent >= -4:
        return _print_fixed(digits, shown, exponent, out, at)
    at += shown + (shown > 1)
    place = at
    for k in range(shown):
        if k == shown - 1 and shown > 1:
            place -= 1
            out[place] = 46
        place -= 1
        out[place] = 48 + digits % 10
        digits //= 10
    out[at] = 101
    out[at + 1] = 45
    out[at + 2] = 48
    out[at + 3] = 48 - exponent
    return at + 4


@kernel
def _print_fixed(digits, shown, exponent, out, at):
    if exponent < 0:
        out[at] = 48
        out[at + 1] = 46
        at += 2
        for _ in range(-exponent - 1):
            out[at] = 48
            at += 1
        point = -1
    else:
        point = exponent + 1
        while shown < point:
            digits *= 10
            shown += 1
        if shown == point:
            point = -1
    end = at + shown + (point > 0)
    place = end
    for k in range(shown):
        if shown - k == point:
            place -= 1
            out[place] = 46
        place -= 1
        out[place] = 48 + digits % 10
        digits //= 10
    return end


# ------------------------------------------------------------------------------------------------ read
def parse_lines(
    data: np.ndarray, starts: np.ndarray, first: int, last: int, words: np.ndarray, out: np.ndarray
) -> int:
    """Numbers at the ends of lines: -1, or the first line that does not hold as many as it should.

    Args:
        data: uint8, the text. starts: int64[n + 1], where lines begin.
        first, last: lines to read.
        words: int64[n, 2], filled: begin and end of what stands before the numbers.
        out: float32[n, D], filled.
    """
    hard = np.zeros(last - first, np.uint8)
    wrong = _parse_lines(data, starts, first, last, _POWERS, words, out, hard)
    for i in (first + np.flatnonzero(hard)).tolist():
        if 0 <= wrong <= i:
            break
        text = data[words[i, 1] : starts[i + 1]].tobytes().split()
        try:
            out[i] = [parse_value(token) for token in text]
        except ValueError:
            return i
    return int(wrong)


def parse_value(text: bytes) -> np.float32:
    """The float32 nearest to a decimal number, rounded once.

    >>> float(parse_value(b"-1.5e-2")), parse_value(b"inf")
    (-0.014999999664723873, np.float32(inf))

    Errors: ValueError for anything else than a number, or one too large for a float32.
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
    exact = Fraction(text.decode("ascii"))
    with np.errstate(over="ignore"):
        around = (np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf)))
    found = min(
        (abs(Fraction(float(x)) - exact), int(x.view(np.int32)) & 1, k)
        for k, x in enumerate(around)
        if np.isfinite(x)
    )
    return around[found[2]]


@kernel
def _is_space(byte):
    return byte == 32 or byte == 9 or byte == 13 or byte == 11 or byte == 12


@kernel
def _parse_lines(data, starts, first, last, powers, words, out, hard):
    dim = out.shape[1]
    for i in range(first, last):
        at = starts[i + 1]
        while at > starts[i] and (data[at - 1] == 10 or _is_space(data[at - 1])):
            at -= 1
        for j in range(dim - 1, -1, -1):  # from the end, since a word may hold spaces
            end = at
            while at > starts[i] and not _is_space(data[at - 1]):
                at -= 1
            if at == starts[i] or at == end:
                return i
            status, value = _parse(data, at, end, powers)
            if status != 0:
                hard[i - first] = 1
            out[i, j] = value
            while at > starts[i] and _is_space(data[at - 1]):
                at -= 1
        begin = starts[i]
        while begin < at and _is_space(data[begin]):
            begin += 1
        if begin == at:
            return i
        words[i, 0], words[i, 1] = begin, at
    return -1


@kernel
def _parse(data, at, end, powers):
    """(0, the float32) of a plain decimal number; (1, 0) where Python should look at it."""
    negative = data[at] == 45
    if data[at] == 45 or data[at] == 43:
        at += 1
    mantissa = np.int64(0)
    seen = 0
    scale = 0
    point = False
    while at < end:
        byte = data[at]
        if 48 <= byte <= 57:
            if mantissa >= 900719925474098:  # another digit might pass 2**53
                return 1, np.float32(0)
            mantissa = mantissa * 10 + (byte - 48)
            seen += 1
            scale += point
        elif byte == 46 and not point:
            point = True
        else:
            break
        at += 1
    if seen == 0:
        return 1, np.float32(0)
    if at < end:
        if data[at] != 101 and data[at] != 69:
            return 1, np.float32(0)
        at += 1
        down = at < end and data[at] == 45
        if at < end and (data[at] == 45 or data[at] == 43):
            at += 1
        if at == end or end - at > 3:
            return 1, np.float32(0)
        power = 0
        while at < end:
            if not 48 <= data[at] <= 57:
                return 1, np.float32(0)
            power = power * 10 + (data[at] - 48)
            at += 1
        scale += power if down else -power
    if not -22 <= scale <= 22:
        return 1, np.float32(0)
    wide = np.float64(mantissa)
    wide = wide / powers[scale] if scale >= 0 else wide * powers[-scale]  # rounded once
    # rounded twice: wrong only if the first rounding fell on the middle between two float32
    middle = np.float64(wide).view(np.int64) & 0x1FFFFFFF == 0x10000000
    if mantissa != 0 and (wide < 1e-37 or wide > 3e38 or middle):
        return 1, np.float32(0)
    return 0, np.float32(-wide if negative else wide)
