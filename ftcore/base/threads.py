"""Work on threads, in order and with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

R = TypeVar("R")


def ahead(function: Callable[..., R], arguments: Iterable[tuple], threads: int) -> Iterator[R]:
    """``function(*a)`` for each of ``arguments``, in their order; at most two calls a thread are open.

    Example:
        >>> list(ahead(pow, [(2, 3), (5, 2)], threads=2))
        [8, 25]
    """
    if threads == 1:
        for given in arguments:
            yield function(*given)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for given in arguments:
                waiting.append(pool.submit(function, *given))
                if len(waiting) == 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # who asks goes away, or a call failed: what has not begun need not
            for future in waiting:
                future.cancel()
