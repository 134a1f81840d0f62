"""Calls of the native module with arguments that nobody should give: no crash, no hang, no byte beside an array.

Call number i of a seed is always the same one. A run is a subprocess, which leaves the number of its call in a file
before it makes it; where it dies, its parent makes the arguments again and tells them.

    python tests/ftcore/native/fuzzing.py --seed 0 --calls 20000 [--exact]
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 30  # of CPU that one call may take, under sanitizers too
CHUNK = 20_000  # calls of a subprocess
REFUSED = (TypeError, ValueError, OverflowError, MemoryError)
_PAD = 64  # bytes around an array that must stay as they are
_CANARY = 0xA5
_NO_MEMORY = ("AddressSanitizer: out-of-memory", "AddressSanitizer: requested allocation size")
_SPECIAL = ("__call__", "__contains__", "__getitem__", "__iter__", "__len__")
_MEMORY = 4 << 30  # bytes beyond which an allocation is refused instead of granted
_HUGE = (0, 1, -1, 2, 3, 7, 255, 256, 1 << 15, (1 << 31) - 1, 1 << 31, -(1 << 31), (1 << 32) + 1, 1 << 40)
_HUGE += ((1 << 62) + 1, (1 << 63) - 1, 1 << 63, -(1 << 63), (1 << 64) - 1, 1 << 200)
_FLOATS = (0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e-45, 1e30, 3e38, 1e308, -1e308)
_DTYPES = ("?", "i1", "u1", "i2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "S3", "U2", "O", "M8[s]")
_TEXTS: tuple[Any, ...] = (
    "",
    "a",
    "a b\n",
    "\0",
    "a\0b",
    "\ud800",
    "\udcff x",
    "里" * 50,
    "x" * 70_000,
    "\U0001f600",
    "__label__",
)


class Given:
    """Where a maker of arguments draws from: a source of small, consistent values."""

    def __init__(self, module: ModuleType, makers: dict[str, Callable], seed: int, call: int) -> None:
        self.random = random.Random(seed * 1_000_003 + call)
        self.rng = np.random.default_rng(self.random.getrandbits(64))
        self.module, self.makers = module, makers

    def size(self, most: int = 12, least: int = 0) -> int:
        return self.random.randint(least, most)

    def floats(self, *shape: int, dtype: type = np.float32) -> np.ndarray:
        """Normal values, at times with something odd among them."""
        out = self.rng.normal(size=shape).astype(dtype)
        if out.size and self.random.random() < 0.2:
            with np.errstate(over="ignore"):
                out.reshape(-1)[self.random.randrange(out.size)] = self.random.choice(_FLOATS)
        return out

    def ints(self, low: int, high: int, *shape: int, dtype: type = np.int64) -> np.ndarray:
        return self.rng.integers(low, max(high, low + 1), shape).astype(dtype)

    def offsets(self, parts: int, size: int) -> np.ndarray:
        """int64[parts + 1] from 0 to size, rising."""
        cuts = np.sort(self.rng.integers(0, size + 1, max(parts - 1, 0)))
        return np.concatenate(([0], cuts, [size] if parts else [])).astype(np.int64)

    def text(self, most: int = 60) -> bytes:
        """Words, spaces and line ends; a third of the time any bytes."""
        kinds = [
            b"ab cd\n",
            b" \t\n\v\f\r\0ab_",
            bytes(range(256)),
            "ä里😀 </s> __label__a".encode(),
            b"0123456789.-+eE \n",
        ]
        kind = self.random.choice(kinds)
        return bytes(self.random.choices(kind, k=self.size(most)))

    def string(self) -> str:
        text = self.text().decode("utf-8", self.random.choice(("replace", "surrogateescape", "ignore")))
        return text if self.random.random() < 0.8 else self.random.choice(_TEXTS[:6])

    def packed(self, words: int, pad: int = 0, most: int = 6) -> tuple[np.ndarray, np.ndarray]:
        """(blob uint8[N + pad], offsets int64[words + 1])."""
        parts = [self.text(most) for _ in range(words)]
        offsets = np.cumsum([0, *map(len, parts)]).astype(np.int64)
        return np.frombuffer(b"".join(parts) + bytes(pad), np.uint8).copy(), offsets

    def made(self, name: str) -> Any:
        """An object of a bound class, of arguments that fit."""
        return getattr(self.module, name)(*self.makers[name](self))


class Guards:
    """Arrays with bytes around them that a call must leave alone, or, exactly allocated, a sanitizer watches."""

    def __init__(self, exact: bool) -> None:
        self.exact, self.kept = exact, []

    def place(self, value: Any, shift: int = 0) -> Any:
        if not isinstance(value, np.ndarray) or value.dtype.hasobject:
            return value
        flat = np.ascontiguousarray(value)
        before = 0 if self.exact else _PAD
        block = np.full(before + shift + flat.nbytes + before, _CANARY, np.uint8)
        stop = before + shift + flat.nbytes
        inside = block[before + shift : stop]
        inside[:] = flat.reshape(-1).view(np.uint8) if flat.size else 0
        placed = np.ndarray(value.shape, value.dtype, inside.data if flat.nbytes else block[:0].data)
        placed.flags.writeable = value.flags.writeable
        self.kept.append(
            (block, before + shift, stop, placed, None if placed.flags.writeable else placed.tobytes())
        )
        return placed

    def broken(self) -> str | None:
        for block, start, stop, placed, content in self.kept:
            if (block[:start] != _CANARY).any() or (block[stop:] != _CANARY).any():
                return f"bytes beside an array {placed.dtype}{list(placed.shape)} were written"
            if content is not None and placed.tobytes() != content:
                return f"a read-only array {placed.dtype}{list(placed.shape)} was written"
        return None


# ------------------------------------------------------------------------------------------- mutations
def _absurd(a: np.ndarray, g: Given) -> Any:
    """A value out of every range; floats that are none."""
    if a.dtype.kind == "f":
        return np.array(g.random.choice(_FLOATS), np.float64)
    if a.dtype.kind == "b":
        return True
    info = np.iinfo(a.dtype)
    near = (info.min, info.max, 0, -1, 1, len(a) if a.ndim else 0, a.size + 1, info.max - 1, info.min + 1)
    return np.array(g.random.choice([x for x in near if info.min <= x <= info.max]), a.dtype)


def _values(a: np.ndarray, g: Given) -> Any:
    """One, two or most of the values absurd."""
    out = a.copy().reshape(-1)
    for _ in range(g.random.choice((1, 1, 2, min(a.size, 4096)))):  # a lexicon's dump has a million
        out[g.random.randrange(a.size)] = _absurd(a, g)
    return out.reshape(a.shape)


def _read_only(a: np.ndarray, g: Given) -> Any:
    out = a.copy()
    out.flags.writeable = False
    return out


def _noise(a: np.ndarray, g: Given) -> Any:
    if a.dtype.kind == "b":
        return ~a
    return np.frombuffer(g.random.randbytes(a.nbytes), np.uint8).view(a.dtype).reshape(a.shape).copy()


def _dtype(a: np.ndarray, g: Given) -> Any:
    dtype = np.dtype(g.random.choice(_DTYPES))
    return np.zeros(a.shape, dtype) if dtype.kind in "MSU" else a.astype(dtype)


def _many(g: Given) -> int:
    return g.random.choice((1 << 31, 1 << 40))


_DAMAGES: tuple[Callable[[np.ndarray, Given], Any], ...] = (
    *[_values] * 20,
    *[_noise] * 5,
    lambda a, g: np.sort(a, axis=None)[::-1].reshape(a.shape).copy(),
    _dtype,
    _dtype,
    _read_only,
    _read_only,
    lambda a, g: a.astype(a.dtype.newbyteorder()),
    # rank
    lambda a, g: a[None],
    lambda a, g: a.reshape(-1),
    lambda a, g: a[..., None],
    lambda a, g: a.reshape(-1)[:1].reshape(()),
    # layout
    lambda a, g: np.asfortranarray(a),
    lambda a, g: a.T,
    lambda a, g: np.repeat(a, 2, 0)[::2],
    lambda a, g: np.repeat(a, 2, -1)[..., ::2],
    lambda a, g: a[::-1],
    lambda a, g: np.broadcast_to(a.reshape(-1)[:1], (_many(g),)),
    # size
    lambda a, g: a[:0],
    lambda a, g: a[..., :0],
    lambda a, g: np.empty((0,) * a.ndim, a.dtype),
    lambda a, g: a[:-1],
    lambda a, g: a[..., :-1],
    lambda a, g: np.concatenate([a, a[-1:]]),
    lambda a, g: np.repeat(a, 2, a.ndim - 1),
    lambda a, g: np.repeat(a, 3, 0),
    lambda a, g: np.empty((_many(g), 0), a.dtype),
    lambda a, g: np.empty((0, _many(g)), a.dtype),
    # other kinds of things
    lambda a, g: a.tolist(),
    lambda a, g: a.tobytes(),
    lambda a, g: memoryview(a),
    lambda a, g: np.ma.array(a),
)


def _mutated_array(a: np.ndarray, g: Given, guards: Guards) -> Any:
    if a.nbytes > 1 << 24 or max(a.shape, default=0) > 1 << 24:  # damaged already
        return a
    if g.random.random() < 0.04:
        return guards.place(a, g.random.randrange(1, 8))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return g.random.choice(_DAMAGES)(a, g)
        except (ValueError, IndexError, TypeError, OverflowError):  # an empty array has no value to change
            return a


def _anything(g: Given) -> Any:
    r = g.random
    things = (
        None,
        True,
        1.5,
        "text",
        b"bytes",
        [],
        (),
        {},
        object(),
        np.float32(1),
        np.int64(3),
        1 << 70,
        int,
    )
    return r.choice((*things, [None], ["a"], np.zeros(3)))


def _mutated(value: Any, g: Given, guards: Guards) -> Any:
    r = g.random
    if r.random() < 0.08:
        return _anything(g)
    if isinstance(value, np.ndarray):
        return _mutated_array(value, g, guards)
    if isinstance(value, bool):
        return r.choice((not value, int(value), 2, None, "True"))
    if isinstance(value, int):
        return r.choice((*_HUGE, value + 1, value - 1, -value, float(value), np.int64(7)))
    if isinstance(value, float):
        return r.choice((*_FLOATS, 1, 1 << 200, np.float32(value), "1.0"))
    if isinstance(value, str):
        return r.choice((*_TEXTS, value + "\0", value * 3, g.string(), value.encode("utf-8", "replace")))
    if isinstance(value, bytes):
        return r.choice(
            (
                b"",
                b"\0",
                value + b"\0",
                value * 3,
                g.text(),
                bytearray(value),
                memoryview(value),
                value.decode("latin-1"),
            )
        )
    if isinstance(value, (list, tuple)):
        out = list(value)
        for _ in range(r.choice((1, 1, 3))):
            place = r.randrange(len(out) + 1)
            if place == len(out) or r.random() < 0.3:
                out.insert(place, _anything(g) if not value or r.random() < 0.5 else r.choice(value))
            else:
                out[place] = _mutated(out[place], g, guards) if r.random() < 0.8 else _anything(g)
        return r.choice((out, out, tuple(out), out[:-1], out * 3))
    if type(value).__module__.endswith("_native"):
        return r.choice((None, type(value), type(value).__new__(type(value)), _anything(g)))
    return _anything(g)


# ------------------------------------------------------------------------------------------------ calls
def targets(module: ModuleType) -> list[str]:
    """Names of all that can be called: functions, classes (their constructors), ``Class.method``."""
    found = []
    for name, value in sorted(vars(module).items()):
        if name.startswith("_") or isinstance(value, (int, float, str, tuple)):
            continue
        found.append(name)
        if isinstance(value, type):
            parts = (part for part in vars(value) if part in _SPECIAL or not part.startswith("_"))
            found += [f"{name}.{part}" for part in sorted(parts)]
    return found


def prepare(
    module: ModuleType,
    makers: dict[str, Callable],
    seed: int,
    call: int,
    guards: Guards,
    only: str | None = None,
) -> tuple[str, Callable, list]:
    """(name, what is called, arguments) of call number ``call``; of function ``only`` with arguments that fit."""
    g = Given(module, makers, seed, call)
    name = only or g.random.choice(sorted(makers))
    head, _, part = name.partition(".")
    args = list(makers[name](g))
    if not only:
        for _ in range(g.random.choice((0, 1, 1, 1, 2, 2, 3, 5)) if args else 0):
            at = g.random.randrange(len(args))
            # at times one array in two places
            args[at] = g.random.choice(args) if g.random.random() < 0.05 else _mutated(args[at], g, guards)
        if g.random.random() < 0.01:
            args = args[:-1] if g.random.random() < 0.5 else [*args, _anything(g)]
    known = {id(placed) for *_, placed, _ in guards.kept}
    args = [x if id(x) in known or not _plain(x) else guards.place(x) for x in args]
    if not part:
        return name, getattr(module, name), args
    owner = g.made(head)
    if isinstance(vars(getattr(module, head)).get(part), property) or not callable(getattr(owner, part)):
        return name, lambda: getattr(owner, part), []
    return name, getattr(owner, part), args


def _plain(value: Any) -> bool:
    return type(value) is np.ndarray and value.flags.c_contiguous and value.nbytes < 1 << 24


def describe(name: str, args: list) -> str:
    def told(x: Any) -> str:
        if isinstance(x, np.ndarray):
            flags = "" if x.flags.c_contiguous else " strided"
            flags += "" if x.flags.aligned else " unaligned"
            flags += "" if x.flags.writeable else " read-only"
            values = (
                np.array2string(x.reshape(-1)[:24], threshold=30, max_line_width=200)
                if x.size < 1 << 20
                else "..."
            )
            return f"{x.dtype}{list(x.shape)}{flags} {values}"
        return repr(x)[:200]

    return f"{name}(\n" + "".join(f"  {told(x)}\n" for x in args) + ")"


def run(module: ModuleType, makers: dict[str, Callable], seed: int, first: int, calls: int, exact: bool, note: Callable[[int], None]) -> tuple[dict[str, int], str | None]:  # fmt: skip
    """Calls ``first`` to ``first + calls - 1``: (how often each ended how, the first that ended wrong)."""
    ends: dict[str, int] = {}
    for call in range(first, first + calls):
        guards = Guards(exact)
        name, function, args = prepare(module, makers, seed, call, guards)
        told = None
        note(call)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            function(*args)
            end = "answered"
        except REFUSED as error:
            end = type(error).__name__
        except Exception as error:
            end, told = "other", f"{type(error).__name__}: {error}"
        signal.setitimer(signal.ITIMER_PROF, 0)
        wrong = told or guards.broken()
        if wrong:
            return ends, f"call {call} of seed {seed}: {wrong}\n{describe(name, args)}"
        ends[f"{name} {end}"] = ends.get(f"{name} {end}", 0) + 1
    return ends, None


# ------------------------------------------------------------------------------------------- processes
def check(
    seed: int,
    calls: int,
    *,
    exact: bool = False,
    most: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> str | None:
    """Make these calls in subprocesses: None, or what went wrong, with the calls that did (``most`` of them)."""
    wrong: list[str] = []
    first = 0
    while first < calls and len(wrong) < most:
        count = min(CHUNK, calls - first)
        with tempfile.NamedTemporaryFile() as place:
            place.write(bytes(8))
            place.flush()
            code, output = _child(seed, first, count, place.name, exact)
            call = int.from_bytes(Path(place.name).read_bytes()[:8], "little")
        if code == 0:
            first += count
            progress(f"{first} of {calls} calls")
            continue
        first = call + 1
        if any(refusal in output for refusal in _NO_MEMORY):  # a MemoryError, but for the sanitizer
            continue
        told = output
        if code != 1 or "of seed" not in output:
            what = f"took over {SECONDS} s of CPU" if code == -signal.SIGPROF else f"ended with {code}"
            told = f"call {call} of seed {seed} {what}\n{_again(seed, call)}\n{output}"
        function = told.splitlines()[1:2]
        if not any(known.splitlines()[1:2] == function for known in wrong):  # of each function one
            wrong.append(told)
    return "\n".join(wrong) or None


def _child(seed: int, first: int, count: int, place: str, exact: bool) -> tuple[int, str]:
    """How a subprocess with these calls ended, and what it printed."""
    command = [sys.executable, "-X", "faulthandler", __file__, "--seed", str(seed), "--first", str(first)]
    command += ["--calls", str(count), "--place", place, *(["--exact"] if exact else [])]
    given = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=given, timeout=300 + count / 20
        )
    except subprocess.TimeoutExpired as stuck:
        return -1, f"no end after {stuck.timeout:.0f} s"
    lines = [line for line in done.stderr.splitlines() if "Python/" not in line]
    return done.returncode, done.stdout[-3000:] + "\n".join(lines)[:6000]


def _again(seed: int, call: int) -> str:
    module, makers = _loaded()
    try:
        name, _, args = prepare(module, makers, seed, call, Guards(True))
    except Exception as error:  # making arguments makes objects, and these may be what broke
        return f"(its arguments cannot be made: {type(error).__name__}: {error})"
    return describe(name, args)


def _loaded() -> tuple[ModuleType, dict[str, Callable]]:
    import ftcore.native  # finds the module  # noqa: F401
    from tests.ftcore.native.fuzz_table import MAKERS

    return sys.modules["ftcore._native"], MAKERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("--seed", 0), ("--first", 0), ("--calls", 2000)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--exact", action="store_true", help="no bytes around arrays: a sanitizer watches")
    parser.add_argument("--most", type=int, default=1, help="wrong calls to look for")
    parser.add_argument("--place", help="file for the number of the call (a child's)")
    args = parser.parse_args()
    if args.place is None:
        told = partial(print, flush=True)
        wrong = check(args.seed, args.calls, exact=args.exact, most=args.most, progress=told)
        sys.exit(wrong)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    module, makers = _loaded()
    if not args.exact:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.RLIM_INFINITY))
    with open(args.place, "r+b") as file, mmap.mmap(file.fileno(), 8) as place:

        def note(call: int) -> None:
            place[:8] = call.to_bytes(8, "little")

        ends, wrong = run(module, makers, args.seed, args.first, args.calls, args.exact, note)
    if wrong:
        sys.exit(wrong)
    for key in sorted(ends):
        print(key, ends[key])


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    main()
