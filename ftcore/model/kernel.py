"""One way to compile a loop: Numba, without the GIL, cached on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numba

# what lets a sum of floats run in SIMD lanes; not nnan/ninf, which would compile tests for NaN away
REORDER = frozenset({"reassoc", "contract", "arcp", "nsz"})


def kernel(function: Callable | None = None, *, reorder: bool = False) -> Callable:
    """Compile ``function`` on first call (nopython, GIL released).

    The machine code is cached beside the source, so that a second process starts at once; where no
    cache directory is writable (a read-only container) it is compiled anew instead of failing. Kernels
    that call each other belong in one file: the cache does not see that another file has changed.

    Args:
        reorder: let float arithmetic be regrouped (sums in SIMD lanes, fused multiply-add). The result is
            still the same on every run of one machine; NaN and infinity keep their meaning. Division
            by zero then follows IEEE too, instead of raising.
    """
    if function is None:
        return partial(kernel, reorder=reorder)
    options = {"fastmath": set(REORDER), "error_model": "numpy"} if reorder else {}
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # "no locator available": nowhere to cache
        return numba.njit(nogil=True, **options)(function)
