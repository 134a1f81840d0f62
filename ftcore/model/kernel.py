"""One way to compile a loop: Numba, without the GIL, cached on disk where that is possible."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType

import numba
import xxhash
from numba.core.event import Event, Listener, install_listener

# what lets a sum of floats run in SIMD lanes; not nnan/ninf, which would compile tests for NaN away
REORDER = frozenset({"reassoc", "contract", "arcp", "nsz"})


def kernel(function: Callable | None = None, *, reorder: bool = False, inline: bool = False) -> Callable:
    """Compile ``function`` on first call (nopython, GIL released).

    The machine code is cached beside the source, so that a second process starts at once; where no
    cache directory is writable (a read-only container) it is compiled anew instead of failing. Kernels
    that call each other belong in one file: the cache does not see that another file has changed.

    Args:
        reorder: let float arithmetic be regrouped (sums in SIMD lanes, fused multiply-add). The result is
            still the same on every run of one machine; NaN and infinity keep their
            meaning, but ask ``abs(x) < 1e30``: ``np.isfinite(x)`` is x - x, which is regrouped to 0. Division
            by zero then follows IEEE too, instead of raising.
        inline: become part of every caller's machine code, whose constants then reach the loops.
    """
    if function is None:
        return partial(kernel, reorder=reorder, inline=inline)
    options = {"fastmath": set(REORDER), "error_model": "numpy"} if reorder else {}
    if inline:
        options["forceinline"] = True
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # "no locator available": nowhere to cache
        return numba.njit(nogil=True, **options)(function)


def source_stamp(*modules: ModuleType) -> int:
    """A number of these modules' sources, for a kernel whose machine code has some of theirs in it.

    The cache knows a kernel by its own file and by the constants that its closure captures. One that names
    this number is compiled anew when another file, whose kernels or intrinsics it calls, has changed.
    """
    return xxhash.xxh3_64_intdigest(b"".join(Path(module.__file__).read_bytes() for module in modules)) >> 2


class _Announce(Listener):
    def __init__(self, log: logging.Logger, what: str) -> None:
        self.log, self.what, self.told = log, what, False

    def on_start(self, event: Event) -> None:
        if not self.told:
            self.told = True
            self.log.warning("compiling %s, once on this machine: some seconds", self.what)

    def on_end(self, event: Event) -> None:
        pass


@contextmanager
def when_compiling(log: logging.Logger, what: str) -> Iterator[None]:
    """Log one line if Numba compiles something while this is open (a cached kernel is silent).

    Example: ``with when_compiling(log, "the cpu engine's kernels"): train(...)``
    """
    with install_listener("numba:compile", _Announce(log, what)):
        yield
