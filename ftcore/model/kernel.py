"""One way to compile a loop: Numba, without the GIL, cached on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable

import numba


def kernel(function: Callable) -> Callable:
    """Compile ``function`` on first call (nopython, GIL released).

    The machine code is cached beside the source, so that a second process starts at once; where no
    cache directory is writable (a read-only container) it is compiled anew instead of failing.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # "no locator available": nowhere to cache
        return numba.njit(nogil=True)(function)
