"""What the methods of `_FastText` ask of their arguments, with the original's errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

from ftcore.dictionary.tokens import encode
from ftcore.errors import UserError
from ftcore.given import number as number  # `_FastText` asks for both here
from ftcore.given import path as checked_path
from ftcore.given import shown, word
from ftcore.given import whole as whole


def is_one(text: Any) -> bool:
    """Whether this is one text rather than several (a list, tuple, array or series of them)."""
    if isinstance(text, str):
        return True
    if isinstance(text, bytes) or not isinstance(text, Iterable):
        raise TypeError(f"give a str or a list of str, not {shown(text)}")
    return False


def checked_line(text: Any, what: str = "predict", place: int | None = None) -> str:
    """A single line, or the original's error; ``place`` is its number among several."""
    at = "" if place is None else f"text {place}: "
    if not isinstance(text, str):
        raise TypeError(f"{at}{what} takes a str or a list of str, not {shown(text)}")
    if "\n" in text:
        raise UserError(f"{at}{what} processes one line at a time (remove '\\n')")
    return text


def checked_lines(texts: Iterable, what: str = "predict") -> list[str]:
    """Several of them."""
    return [checked_line(text, what, place) for place, text in enumerate(texts)]


def checked_word(value: Any, name: str = "word") -> bytes:
    """A word's bytes."""
    return encode(word(value, name))


def is_given(value: Any) -> bool:
    """Whether an input was given; arrays have no truth of their own."""
    return not (value is None or (isinstance(value, str) and value == ""))


@contextmanager
def writing(path: str | PathLike, what: str) -> Iterator[None]:
    """The original's error where a file cannot be written; no folder is made for it."""
    path = checked_path(path)
    try:
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise NotADirectoryError(errno.ENOENT, f"there is no folder {folder}")
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be opened for {what}! ({error.strerror or error})") from None
