"""Damage to files, drawn from a seed: what a disk, a network or an enemy might do to a model."""

from __future__ import annotations

import copy
import json
import math
import random
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

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


# ------------------------------------------------------------- of a model as arrays and a JSON header
_JSON = (None, True, False, 0, 1, -1, 2, 10**6, (1 << 31) - 1, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 64, 10**400, 0.5, -0.0,
         math.nan, math.inf, 1e308, "", "a", "0", "中", "\ud800", "\0", "x" * 5000, [], [None], [0], [[]], [["a"]], {},
         {"a": 1}, "softmax", "ova", "hs", "ns", "cbow", "skipgram", "supervised", "pruned", "all")  # fmt: skip
_DTYPES = ("u1", "i1", "i2", "<i4", "<i8", "<u4", "<u8", "<f2", "<f4", "<f8", "?", ">i8")


def mutate_json(tree: Any, rng: random.Random) -> Any:
    """A copy with one value at any depth replaced, taken out, added or put elsewhere."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if not places:
        return rng.choice(_JSON)
    parent, key = rng.choice(places)
    way = rng.randrange(6)
    if way == 0:
        del parent[key]
    elif way == 1:
        other, other_key = rng.choice(places)
        parent[key] = copy.deepcopy(other[other_key])
    elif way == 2 and isinstance(parent, list):
        parent.insert(key, rng.choice((*_JSON, parent[key])))
    elif way == 3 and isinstance(parent[key], int | float):
        parent[key] = rng.choice(
            (-parent[key], parent[key] + 1, parent[key] - 1, parent[key] * 1000, str(parent[key]))
        )
    else:
        parent[key] = rng.choice(_JSON)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def mutate_arrays(arrays: dict[str, np.ndarray], rng: random.Random) -> dict[str, np.ndarray]:
    """A copy with one array's elements, dtype or shape changed, or the array gone or another's."""
    made = dict(arrays)
    name = rng.choice(sorted(made))
    made[name] = _ARRAYS[rng.randrange(len(_ARRAYS))](made[name].copy(), rng)
    if rng.random() < 0.05:
        del made[name]
    elif rng.random() < 0.05:
        made[name] = made[rng.choice(sorted(made))]
    if name.endswith("options") and rng.random() < 0.7:
        text = json.dumps(mutate_json(json.loads(arrays[name].tobytes()), rng)).encode()
        made[name] = np.frombuffer(text, np.uint8)
    return made


def _element(array: np.ndarray, rng: random.Random) -> np.ndarray:
    flat = array.reshape(-1)
    for _ in range(rng.choice((1, 1, 1, 3)) if len(flat) else 0):
        value = rng.choice((*_ABSURD, rng.randrange(100), -1 - rng.randrange(100)))
        at = rng.choice((0, len(flat) - 1, rng.randrange(len(flat))))
        if array.dtype.kind == "f":
            flat[at] = rng.choice(
                (math.nan, math.inf, -math.inf, 0.0, 3e38 if array.dtype != "f2" else 6e4, -1.0)
            )
        else:
            flat[at] = np.array(value, object).astype(np.int64).astype(array.dtype)
    return array


def _recast(array: np.ndarray, rng: random.Random) -> np.ndarray:
    with np.errstate(all="ignore"):
        return array.astype(rng.choice(_DTYPES))


def _reshape(array: np.ndarray, rng: random.Random) -> np.ndarray:
    ways = (
        lambda a: a[None], lambda a: a[..., None], lambda a: a.reshape(-1), lambda a: a.T, lambda a: a[:-1], lambda a: a[1:],
        lambda a: a[:0], lambda a: np.concatenate([a, a]), lambda a: a[::-1], lambda a: a.reshape(-1)[:1].reshape(()),
        lambda a: a[..., :1], lambda a: np.concatenate([a, a[-1:]]),
    )  # fmt: skip
    try:
        return np.ascontiguousarray(rng.choice(ways)(array))
    except (ValueError, IndexError):
        return array[:0] if array.ndim else array


def _shuffle(array: np.ndarray, rng: random.Random) -> np.ndarray:
    order = list(range(len(array)))
    rng.shuffle(order)
    return array[order]


_ARRAYS = (_element, _element, _element, _element, _recast, _reshape, _reshape, _shuffle)
