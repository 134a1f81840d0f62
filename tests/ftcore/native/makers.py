"""Where makers of arguments enter themselves (see `fuzz_table`)."""

from __future__ import annotations

from collections.abc import Callable

from tests.ftcore.native.fuzzing import Given

MAKERS: dict[str, Callable[[Given], list]] = {}


def maker(function: Callable[[Given], list]) -> Callable[[Given], list]:
    """Enters a function's maker under its name, ``Class__method`` for a method."""
    name = function.__name__.replace("__", ".", 1)
    assert name not in MAKERS, name
    MAKERS[name] = function
    return function
