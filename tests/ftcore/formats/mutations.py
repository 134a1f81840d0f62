"""Damage to files, drawn from a seed: what a disk, a network or an enemy might do to a model."""

from __future__ import annotations

import random
import struct

_ABSURD = (0, 1, -1, 2, 255, 256, 1 << 15, (1 << 31) - 1, -(1 << 31), 1 << 40, (1 << 63) - 1, -(1 << 63))
_WORDS = (
    b"nan",
    b"-inf",
    b"1e999",
    b"\xff\xfe",
    b" ",
    b"\n",
    b"\0",
    b"99999999999",
    b"-1",
    b"0x1p3",
    b"1_0",
    b"\r\n",
)


def mutate(data: bytes, rng: random.Random, head: int) -> bytes:
    """The bytes with one to four damages, most of them in the first ``head`` (headers and vocabulary)."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _DAMAGES[rng.randrange(len(_DAMAGES))](out, rng, head)
    return bytes(out)


def _place(out: bytearray, rng: random.Random, head: int) -> int:
    """Any place, three times in four one near the beginning."""
    end = len(out) if rng.random() < 0.25 else min(head, len(out))
    return rng.randrange(end) if end else 0


def _flip(out: bytearray, rng: random.Random, head: int) -> None:
    for _ in range(rng.choice((1, 1, 8))):
        if out:
            out[_place(out, rng, head)] ^= 1 << rng.randrange(8)


def _set_byte(out: bytearray, rng: random.Random, head: int) -> None:
    if out:
        out[_place(out, rng, head)] = rng.choice((0, 1, 2, 10, 32, 127, 128, 255))


def _cut(out: bytearray, rng: random.Random, head: int) -> None:
    del out[_place(out, rng, head) :]


def _set_integer(out: bytearray, rng: random.Random, head: int) -> None:
    layout, size, bits = rng.choice((("<i", 4, 32), ("<q", 8, 64)))
    value = rng.choice((*_ABSURD, rng.getrandbits(bits)))
    value = (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    place = _place(out, rng, head)
    if rng.random() < 0.7:  # where integers are
        place -= place % 4
    if place + size <= len(out):
        struct.pack_into(layout, out, place, value)


def _set_double(out: bytearray, rng: random.Random, head: int) -> None:
    place = _place(out, rng, head)
    if place + 8 <= len(out):
        struct.pack_into("<d", out, place, rng.choice((float("nan"), float("inf"), -1.0, 1e300)))


def _insert(out: bytearray, rng: random.Random, head: int) -> None:
    place = _place(out, rng, head)
    piece = rng.choice((rng.randbytes(rng.randrange(1, 40)), bytes(rng.randrange(1, 40)), rng.choice(_WORDS)))
    out[place:place] = piece


def _delete(out: bytearray, rng: random.Random, head: int) -> None:
    place = _place(out, rng, head)
    del out[place : place + rng.randrange(1, 40)]


def _splice(out: bytearray, rng: random.Random, head: int) -> None:
    source, place, size = _place(out, rng, head), _place(out, rng, head), rng.randrange(1, 200)
    out[place : place + size] = out[source : source + size]


def _no_zeros(out: bytearray, rng: random.Random, head: int) -> None:
    """Strings that do not end."""
    place = _place(out, rng, head)
    out[place:] = bytes(out[place:]).replace(b"\0", b"x")


_DAMAGES = (_flip, _flip, _set_byte, _cut, _set_integer, _set_integer, _set_integer, _set_double, _insert, _delete,
            _splice, _no_zeros)  # fmt: skip
