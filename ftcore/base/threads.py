"""Work on threads, in order; they see the caller's context variables, such as the run that their log belongs to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

A = TypeVar("A")
R = TypeVar("R")


def ahead(function: Callable[..., R], arguments: Iterable[tuple], threads: int) -> Iterator[R]:
    """``function(*a)`` for each of ``arguments``, in their order; at most two calls a thread are open.

    Memory is bounded by these, whatever the number of arguments.

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
                waiting.append(pool.submit(copy_context().run, function, *given))
                if len(waiting) == 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # who asks goes away, or a call failed: what has not begun need not
            for future in waiting:
                future.cancel()


def at_once(function: Callable[[A], R], arguments: Iterable[A], threads: int) -> list[R]:
    """``function(a)`` for each of ``arguments``, in their order; no call waits for an earlier one's answer to be taken.

    Example:
        >>> at_once(len, ["a", "bc"], threads=2)
        [1, 2]
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(copy_context().run, function, given) for given in arguments]
        return [call.result() for call in calls]
