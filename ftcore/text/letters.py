"""What the native core knows of characters: this Python's classes and lower case, and the ranges of this package."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import numpy as np

from ftcore import native
from ftcore.text.emoji import PICTURE, is_emoji
from ftcore.text.language import HAN
from ftcore.text.protect import OTHER, RARE

_KINDS = (
    *("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"),
    *("Sm", "Sc", "Sk", "So", "Mn", "Mc", "Me", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"),
)
_KIND = {kind: number for number, kind in enumerate(_KINDS)}
_DRAWN = len(_KINDS)  # signs that mean nothing: lines and blocks to draw with, for what is missing
_DRAWINGS = {*map(chr, range(0x2500, 0x25A0)), "\u2800", "\ufffc", "\ufffd"}
# bits of `Letter` (ftcore/native/cutting/letters.h)
WORD, SPACE, _HAN, _OTHER, _RARE, _EMOJI, _PICTURE, _MARK, _SPOKEN, _CASED, _IGNORABLE = (
    1 << bit for bit in range(5, 16)
)
_CLASSES = [
    (re.compile(pattern), bit)
    for pattern, bit in ((HAN, _HAN), (OTHER, _OTHER), (RARE, _RARE), (PICTURE, _PICTURE))
]


@lru_cache(maxsize=1)
def letters() -> native.Letters:
    """The table of this process: filled as characters are met."""
    return native.Letters(page)


def speaking(marks: frozenset[str]) -> int:
    """Bits of the kinds of characters that make a token more than punctuation.

    Args:
        marks: the categories that are punctuation, `config.Segment.marks`.
    """
    kinds = (kind for kind in _KINDS if kind[0] in "LNPS" and not {kind, kind[0]} & marks)
    return sum(1 << _KIND[kind] for kind in kinds)


def page(number: int) -> np.ndarray:
    """Flags and lower case of the 256 characters from 256 · number on: uint32 [256, 2].

    Example:
        >>> chr(page(0)[ord("A"), 1])
        'a'
    """
    text = "".join(map(chr, range(number << 8, number + 1 << 8)))
    rows = np.zeros((256, 2), np.uint32)
    rows[:, 1] = np.arange(number << 8, number + 1 << 8)
    categories = [*map(unicodedata.category, text)]
    if {*categories} == {"Lo"} and text.isalnum():  # most pages: of Han characters and Hangul
        flags = [_KIND["Lo"] | _SPOKEN | WORD] * 256
    else:
        flags = [*map(_flags, text, categories)]
        rows[:, 1] = [ord(char.lower()[0]) for char in text]  # the native core knows İ, whose own has two
    for pattern, bit in _CLASSES:
        for match in pattern.finditer(text):
            flags[match.start()] |= bit
    rows[:, 0] = flags
    return rows


def _flags(char: str, category: str) -> int:
    """Flags of a character, but for `_CLASSES`."""
    if is_emoji(char):
        flags = _KIND["So"] | _EMOJI
    elif char in _DRAWINGS and category[0] in "PS":
        flags = _DRAWN
    else:
        flags = _KIND[category]
    if category[0] in "LN":
        flags |= _SPOKEN
    elif category[0] == "M" and "\u0300" <= char < "\U0001f000" and not "\ufe00" <= char <= "\ufe0f":
        flags |= _MARK
    if char.isalnum():
        flags |= WORD
    elif char.isspace():
        flags |= SPACE
    if f"{char}Σ".lower()[-1] == "ς":  # behind a cased letter a sigma ends the word
        flags |= _CASED
    elif f"A{char}Σ".lower()[-1] == "ς":
        flags |= _IGNORABLE
    return flags
