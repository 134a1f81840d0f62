"""Protected spans as patterns of `re`: what `ftcore/native/spans.cc` follows by hand."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ftcore.text.emoji import EMOJI, KEYCAP
from ftcore.text.protect import EMAIL, OTHER, RARE, URL

_L = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"  # Latin letters
_A = _L + "0-9"

_DOMAIN = r"(?:[A-Za-z0-9\-]{1,63}\.){1,8}(?i:com|org|net|edu|gov|cn|io|hk|tw|uk|jp|de|info|me|cc|tv)"
_SPECIAL = [
    rf"(?<![{_A}]){URL}",
    rf"(?<![{_A}._%+\-]){EMAIL}",
    rf"(?<![{_A}.\-]){_DOMAIN}(?![{_A}\-])(?:/[!#-;=?-~]*[A-Za-z0-9/_~=&#%\-])?",
    rf"(?<![{_A}])[A-Za-z]{{1,16}}\+\+(?:[0-9]{{2}}(?![{_A}])|(?![{_A}+]))",  # C++, C++17, Notepad++
    rf"(?<![{_A}])[A-Za-z]#(?![{_A}#])",  # C#, F#
    rf"(?<![{_A}.])\.(?i:net)(?![{_A}])",  # .NET
    rf"(?<![{_A}.])[{_L}][{_A}]{{1,30}}\.(?i:js|py|ai|net|io)(?![{_A}])",  # Node.js
    rf"(?<![{_A}.])(?:[A-Za-z]\.){{2,8}}(?![{_A}])",  # U.S.
    rf"(?<![{_A}])[0-9]{{1,4}}([-/])[0-9]{{1,2}}\1[0-9]{{1,4}}(?![{_A}\-/])",  # 2024-12-31
    rf"(?<![{_A}:])[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}})?(?![{_A}:])",  # 23:40
    rf"(?<![{_A}])[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9])(?:\.[0-9]+)?[%％]?",  # 1,000
    rf"(?<![{_A}])[0-9]+(?:(?:\.[0-9]+)+[%％]?|[%％])",  # 3.5, 3.5.1, 50%
    rf"(?<![{_A}])[{_L}][{_A}]{{0,30}}[0-9](?:\.[0-9]+)+(?![{_A}])",  # v1.2, Python3.11
]
# A word with inner joints or accents; plain runs of ASCII letters and digits are jieba's as well.
_JOINT = rf"(?<![{_A}])(?=[0-9'’&_\-]{{0,20}}[{_L}])[{_A}]+(?:['’&_\-][{_A}]+)+"
_ACCENTED = rf"(?<![{_A}])[A-Za-z0-9]*[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f][{_A}]*"

_NARROW = [*_SPECIAL, _JOINT, _ACCENTED]
SPANS = re.compile("|".join(_NARROW))
"""What is cut out of text with Han characters before jieba sees the rest."""

_PLAIN = rf"[{_L}]+(?![^\s,;!?\"()])"
TOKENS = re.compile("|".join([_PLAIN, *_SPECIAL, _JOINT, r"[^\W_]+", r"\S"]))
"""What text without Han characters consists of: words, the spans above, single marks."""

_OTHER = OTHER[1:-1]
_RARE = re.compile(RARE).search


@lru_cache(maxsize=1)
def _wide() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """`SPANS` and `TOKENS` for text with other scripts or emoji of several characters; they take twice the time.

    To `re`, letters are words' only characters. The marks that combine with them (vowel signs and points of
    Indic scripts, Thai, Arabic, Hebrew …) are of the word, and so are joiners inside of it (Persian).
    """
    marks = _marks()

    def word(letter: str) -> str:
        whole = f"{letter}+(?:[{marks}\u200c\u200d]+{letter}+)*[{marks}]*"
        return f"{whole}(?:['’&_\\-]{whole})*"

    beside_han = rf"(?<![{_A}])(?=[{_A}]*[{_OTHER}])" + word(
        rf"(?:(?=[{_OTHER}{_A}])(?!{KEYCAP}|\u2139)[^\W_])"
    )
    joint = f"{_JOINT}(?![{marks}])"
    return (
        re.compile("|".join([EMOJI, beside_han, *_NARROW])),
        re.compile(
            "|".join([_PLAIN, EMOJI, *_SPECIAL, joint, word(rf"(?:(?!{KEYCAP}|\u2139)[^\W_])"), r"\S"])
        ),
    )


def _marks() -> str:
    """Unicode's category M without variation selectors, as the inside of a character class."""
    found: list[list[int]] = []  # [first, last] of each run
    for code in (c for c in range(0x300, 0x1F000) if unicodedata.category(chr(c))[0] == "M"):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        elif not 0xFE00 <= code <= 0xFE0F:
            found.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in found)


def pieces(text: str, wide: bool = True) -> list[tuple[str, bool]]:
    """Cut a text at protected spans: (piece, is it a protected token).

    Args:
        wide: words of other scripts and emoji of several characters are spans as well.

    Example:
        >>> pieces("学C++要3.5年")
        [('学', False), ('C++', True), ('要', False), ('3.5', True), ('年', False)]
    """
    found, at = [], 0
    for match in (_wide()[0] if wide and not text.isascii() and _RARE(text) else SPANS).finditer(text):
        start, stop = match.span()
        if start > at:
            found.append((text[at:start], False))
        found.append((match.group(), True))
        at = stop
    if at < len(text):
        found.append((text[at:], False))
    return found


def tokens(text: str, wide: bool = True) -> list[str]:
    """Tokens of a text without Han characters; `wide` as in `pieces`.

    Example:
        >>> tokens("I don't use .NET 3.5, but state-of-the-art C++.")
        ['I', "don't", 'use', '.NET', '3.5', ',', 'but', 'state-of-the-art', 'C++', '.']
    """
    return [
        match.group()
        for match in (_wide()[1] if wide and not text.isascii() and _RARE(text) else TOKENS).finditer(text)
    ]
