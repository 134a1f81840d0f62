"""Arguments for files, `.vec` text and the quantiser."""

from __future__ import annotations

import numpy as np

from tests.ftcore.native.fuzzing import Given
from tests.ftcore.native.makers import maker

_NUMBERS = (b"1", b"-0.5", b"1e5", b"nan", b"1.23456789012345678", b"x", b"+", b"1e-45", b"9e99")


# ------------------------------------------------------------------------------------------- formats
@maker
def format_rows(g: Given) -> list:
    n, first, dim = g.size(), g.size(3), g.size()
    blob, offsets = g.packed(first + n)
    room = int(offsets[-1] - offsets[first]) + n * (2 + 12 * dim)
    return [
        blob,
        offsets,
        first,
        g.floats(n, dim),
        np.empty(room, np.uint8),
        np.empty(n, np.int64),
        np.empty(n, np.uint8),
    ]


@maker
def parse_lines(g: Given) -> list:
    dim, lines = g.size(4), g.size(least=1)
    rows = [
        b" ".join([g.text(4).replace(b"\n", b""), *g.random.choices(_NUMBERS, k=dim)]) + b"\n"
        for _ in range(lines)
    ]
    starts = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    first = g.size(lines)
    last = g.size(lines, first)
    data = np.frombuffer(b"".join(rows), np.uint8).copy()
    return [data, starts, first, last, np.zeros((lines, 2), np.int64), np.empty((lines, dim), np.float32), np.zeros(last - first, np.uint8)]  # fmt: skip


@maker
def line_starts(g: Given) -> list:
    return [np.frombuffer(g.text(200), np.uint8)]


@maker
def scan_entries(g: Given) -> list:
    n, before = g.size(), g.size(5)
    nwords = g.size(n)
    parts = [
        g.text(6).replace(b"\0", b"") + b"\0" + g.size(99).to_bytes(8, "little") + bytes([i >= nwords])
        for i in range(n)
    ]
    data = np.frombuffer(bytes(before) + b"".join(parts) + g.text(5), np.uint8).copy()
    return [data, before, nwords, np.zeros(n + 1, np.int64), np.empty(n, np.int64), 10**15]


@maker
def gather_entries(g: Given) -> list:
    blob, offsets = g.packed(g.size())
    n, begin = len(offsets) - 1, g.size(5)
    return [np.zeros(begin + 10 * n + len(blob), np.uint8), begin, offsets, np.empty(len(blob), np.uint8)]


@maker
def pack_entries(g: Given) -> list:
    blob, offsets = g.packed(g.size())
    n = len(offsets) - 1
    return [blob, offsets, g.ints(0, 10**15, n), g.size(1), np.empty(len(blob) + 10 * n, np.uint8)]


# ------------------------------------------------------------------------------------------ quantiser
def _state(g: Given) -> np.ndarray:
    return g.ints(1, 2**31 - 1, 1, dtype=np.uint64)


@maker
def nearest(g: Given) -> list:
    n, d = g.size(), g.size(5, 1)
    return [g.floats(n, d), g.floats(256, d), np.empty(n, np.uint8), g.random.random() < 0.5]


@maker
def shuffle(g: Given) -> list:
    return [np.arange(g.size(300)), _state(g)]


@maker
def move_centroids(g: Given) -> list:
    n, d = g.size(400, 256), g.size(4, 1)
    return [
        g.floats(n, d),
        g.ints(0, g.size(255, 1), n, dtype=np.uint8),
        np.empty((256, d), np.float32),
        _state(g),
        1e-7,
    ]


@maker
def cut_rows(g: Given) -> list:
    rows, dim, n = g.size(least=1), g.size(), g.size()
    start = g.size(dim)
    return [g.floats(rows, dim), g.ints(0, rows, n), start, np.empty((n, g.size(dim - start)), np.float32)]


@maker
def decode_rows(g: Given) -> list:
    n, dim, dsub = g.size(), g.size(least=1), g.size(4, 1)
    codes = g.ints(0, 256, n, -(-dim // dsub), dtype=np.uint8)
    return [g.floats(256 * dim), codes, dsub, np.empty((n, dim), np.float32)]


@maker
def sum_codes(g: Given) -> list:
    n, pieces = g.size(), g.size(5)
    return [
        g.floats(pieces, 256),
        g.ints(0, 256, n, pieces, dtype=np.uint8),
        g.floats(n),
        np.empty(n, np.float32),
    ]


@maker
def row_norms(g: Given) -> list:
    n = g.size()
    return [g.floats(n, g.size()), np.empty(n, np.float32)]
