"""What counts as punctuation: by Unicode's categories, with emoji apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from ftcore.config import Segment
from ftcore.text.emoji import is_emoji

_DEFAULT = tuple(Segment().marks)


def is_mark(token: str, marks: Collection[str] = _DEFAULT) -> bool:
    """True if a token has neither letters nor digits nor signs that are not counted as marks.

    An emoji counts as ``So`` whatever its category. Lines and blocks to draw with, and signs for missing
    characters, are of ``So`` too, but mean nothing: they are marks always, and so is what cannot be seen.

    Args:
        marks: categories of punctuation (``P`` or ``Pd`` …) and symbols (``S`` or ``Sc`` …) that are marks.

    Example:
        >>> is_mark("……"), is_mark("c++"), is_mark("😀"), is_mark("€"), is_mark("€", ["P"])
        (True, False, False, True, False)
    """
    if token.isalnum():
        return False
    if is_emoji(token):
        return "So" in marks or "S" in marks
    return not any(_speaks(char, marks) for char in token)


def _speaks(char: str, marks: Collection[str]) -> bool:
    category = "So" if is_emoji(char) else unicodedata.category(char)
    if category[0] in "LN":
        return True
    drawn = "\u2500" <= char <= "\u259f" or char in "\u2800\ufffc\ufffd"
    return category[0] in "PS" and not drawn and category not in marks and category[0] not in marks
