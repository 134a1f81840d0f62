"""Spans that are one token whatever jieba thinks: URLs, C++, .NET, 3.5, don't, state-of-the-art.

Patterns are linear: every repetition that could start anywhere is bounded or anchored.
"""

from __future__ import annotations

import re

_L = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"  # Latin letters
_A = _L + "0-9"

# URL and EMAIL are valid in Python's re and in RE2, which normalisation uses.
URL = r"(?i:(?:https?|ftp)://|www\.)[!#-;=?-~]*[A-Za-z0-9/_~=&#%\-]"
EMAIL = r"[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63})*\.[A-Za-z]{2,24}"

_DOMAIN = r"(?:[A-Za-z0-9\-]{1,63}\.){1,8}(?:com|org|net|edu|gov|cn|io|hk|tw|uk|jp|de|info|me|cc|tv)"
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

SPANS = re.compile("|".join([*_SPECIAL, _JOINT, _ACCENTED]))
"""What is cut out of text with Han characters before jieba sees the rest."""

TOKENS = re.compile("|".join([rf"[{_L}]+(?![^\s,;!?\"()])", *_SPECIAL, _JOINT, r"[^\W_]+", r"\S"]))
"""What text without Han characters consists of: words, the spans above, single marks."""


def pieces(text: str) -> list[tuple[str, bool]]:
    """Cut a text at protected spans: (piece, is it a protected token).

    >>> pieces("学C++要3.5年")
    [('学', False), ('C++', True), ('要', False), ('3.5', True), ('年', False)]
    """
    found, at = [], 0
    for match in SPANS.finditer(text):
        start, stop = match.span()
        if start > at:
            found.append((text[at:start], False))
        found.append((match.group(), True))
        at = stop
    if at < len(text):
        found.append((text[at:], False))
    return found


def tokens(text: str) -> list[str]:
    """Tokens of a text without Han characters.

    >>> tokens("I don't use .NET 3.5, but state-of-the-art C++.")
    ['I', "don't", 'use', '.NET', '3.5', ',', 'but', 'state-of-the-art', 'C++', '.']
    """
    return [match.group() for match in TOKENS.finditer(text)]
