"""Values as users hand them in, checked at the door: the wrong kind is named with its place, in one line."""

from __future__ import annotations

import codecs
import math
import os
from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from ftcore.errors import InvalidOptions, UserError

if TYPE_CHECKING:
    from pydantic import BaseModel

Options = TypeVar("Options", bound="BaseModel")


def options(kind: type[Options], values: dict[str, Any]) -> Options:
    """Options by keyword. Errors: `UserError` naming each that is wrong, and what is allowed."""
    from pydantic import ValidationError

    from ftcore.options import explain

    try:
        return kind(**values)
    except ValidationError as error:
        raise InvalidOptions("; ".join(explain(one, kind) for one in error.errors())) from None


def shown(value: Any) -> str:
    """A value in a message, cut where it is long.

    Example:
        >>> shown("a" * 99)[-4:]
        'a...'
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def whole(name: str, value: Any) -> int:
    """A whole number (numpy's too). Errors: TypeError naming the argument."""
    try:
        return value.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"{name} must be an int, not {shown(value)}") from None


def number(name: str, value: Any) -> float:
    """A number that is one. Errors: TypeError naming the argument, `UserError` for nan."""
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number, not {shown(value)}")
    try:
        found = float(value)
    except (TypeError, ValueError):  # an array of several
        raise TypeError(f"{name} must be a number, not {shown(value)}") from None
    if math.isnan(found):
        raise InvalidOptions(f"{name} is nan; give a number")
    return found


def count(name: str, value: Any, least: int = 1, also: str = "") -> int:
    """A whole number from ``least`` up. Errors: TypeError, or `UserError` naming the argument."""
    found = whole(name, value)
    if found < least:
        raise InvalidOptions(f"{name} = {found}: give a whole number from {least} up{also}")
    return found


def seed(name: str, value: Any) -> int:
    """A seed: a whole number of 63 bits, as a model keeps it. Errors: as `count`."""
    found = count(name, value, 0)
    if found >= 1 << 63:
        raise InvalidOptions(f"{name} = {found}: give a whole number below 2**63")
    return found


def word(value: Any, name: str = "word") -> str:
    """One string. Errors: TypeError naming the argument."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {shown(value)}")
    return value


def texts(values: Any, name: str = "texts", start: int = 0) -> list[str]:
    """Strings from a list, array, series or other iterable; ``start`` is the first one's number in messages.

    Raises:
        TypeError: one string, for what cannot be gone through, and for an item that is none, by number.

    Example:
        >>> texts(("a", "b"))
        ['a', 'b']
    """
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of str, not {shown(values)}")
    found = list(values)
    if not set(map(type, found)) <= {str}:
        for place, text in enumerate(found, start):
            if not isinstance(text, str):
                raise TypeError(
                    f"text {place} is {shown(text)}, a {type(text).__name__} and no str; leave it out or give ''"
                )
    return found


def path(value: Any, name: str = "path") -> str | PathLike:
    """The name of a file or folder. Errors: TypeError naming the argument, `UserError` for an empty one."""
    if not isinstance(value, str | PathLike):
        raise TypeError(f"{name} must be a str or a path, not {shown(value)}")
    plain = os.fspath(value)
    plain = plain if isinstance(plain, str) else os.fsdecode(plain)
    if plain in ("", ".") or "\0" in plain:
        raise UserError(f"{name} {plain!r} is no name of a file or folder; give one")
    return value


def one_of(name: str, value: Any, choices: Iterable[str]) -> str:
    """One of some words. Errors: `UserError` naming the argument and the choices."""
    known = tuple(choices)
    if not (isinstance(value, str) and value in known):
        raise InvalidOptions(f"{name} = {shown(value)}: choose {', '.join(known)}")
    return value


def on_unicode_error(value: Any) -> str:
    """A way of Python's to decode what is no UTF-8. Errors: `UserError` naming the argument."""
    try:
        codecs.lookup_error(value)
    except (LookupError, TypeError):
        raise InvalidOptions(f"on_unicode_error = {shown(value)}: choose strict, replace or ignore") from None
    return value
