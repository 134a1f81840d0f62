"""What the methods of `_FastText` ask of their arguments, with the original's errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

from ftcore.errors import UserError


def is_one(text: Any) -> bool:
    """Whether this is one text rather than several (a list, tuple, array or series of them)."""
    if isinstance(text, str):
        return True
    if isinstance(text, bytes) or not isinstance(text, Iterable):
        raise TypeError(f"give a str or a list of str, not {text!r}")
    return False


def checked_line(text: Any, what: str = "predict") -> str:
    """A single line, or the original's error."""
    if not isinstance(text, str):
        raise TypeError(f"{what} takes a str or a list of str, not {text!r}")
    if "\n" in text:
        raise UserError(f"{what} processes one line at a time (remove '\\n')")
    return text


def is_given(value: Any) -> bool:
    """Whether an input was given; arrays have no truth of their own."""
    return not (value is None or (isinstance(value, str) and value == ""))


def whole(name: str, value: Any) -> int:
    try:
        return value.__index__()
    except AttributeError:
        raise TypeError(f"{name} must be an int, not {value!r}") from None


def number(name: str, value: Any) -> float:
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number, not {value!r}")
    return float(value)


@contextmanager
def writing(path: str | PathLike, what: str) -> Iterator[None]:
    """The original's error where a file cannot be written; no folder is made for it."""
    try:
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise NotADirectoryError(errno.ENOENT, f"there is no folder {folder}")
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be opened for {what}! ({error.strerror or error})") from None
