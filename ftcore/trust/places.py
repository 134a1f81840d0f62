"""Where the tokens of a text stand in it: a token is normalised, and the text is what a reader knows."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

Place = tuple[int, int]  # the first character and the one behind the last
_FAR = 2000  # characters that markup, a URL or stopwords may take between two tokens


def places(text: str, tokens: Sequence[str], spelled: Callable[[str], str] = str.lower) -> list[Place | None]:
    """The place of each token in a text, in order; None for one that stands nowhere (a mask, an entity).

    Args:
        text: as it was written.
        tokens: what a tokenizer made of it.
        spelled: what normalisation makes of one character, as far as a token may differ from the text by it.

    Example:
        >>> places("Ｇｏｏｄ, <b>good</b> 電影", ["good", "good", "電影"])
        [(0, 4), (9, 13), (18, 20)]
    """
    folded, origin = _folded(text, spelled)
    found: list[Place | None] = []
    at = 0
    for token in tokens:
        start = folded.find(token, at, at + _FAR + len(token))
        if start < 0 or not token:
            found.append(None)
            continue
        at = start + len(token)
        found.append((origin[start], origin[at - 1] + 1))
    return found


def _folded(text: str, spelled: Callable[[str], str]) -> tuple[str, list[int]]:
    """The text character by character as tokens spell it, and where each character of that comes from."""
    known: dict[str, str] = {}
    made: list[str] = []
    origin: list[int] = []
    for place, character in enumerate(text):
        if character not in known:
            known[character] = spelled(_narrow(character))
        made.append(known[character])
        origin += [place] * len(known[character])
    return "".join(made), origin


def _narrow(character: str) -> str:
    """Full-width letters and digits as plain ones; all else is left as it is."""
    if "\uff01" <= character <= "\uff5e":
        plain = unicodedata.normalize("NFKC", character)
        return plain if plain.isalnum() else character
    return character
