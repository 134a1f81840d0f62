"""Noise: texts as people mistype, mishear and misread them. Pure functions of a text, a share and a seed.

Example:
    >>> noisy("the film was wonderful", "swap", 0.1, seed=1) != "the film was wonderful"
    True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from xxhash import xxh3_64_intdigest

from ftcore.errors import InvalidOptions
from ftcore.text.noise_tables import LOOKS, SOUNDS, homophones, neighbours, partners

Draw = np.random.Generator


def is_han(character: str) -> bool:
    """Whether a character is Chinese."""
    return "\u4e00" <= character <= "\u9fff"


def _swap(text: str, at: int, _rng: Draw) -> str:
    """The character and the next one change places."""
    if at + 1 < len(text) and not text[at + 1].isspace():
        return text[at + 1] + text[at]
    return text[at]


def _drop(_text: str, _at: int, _rng: Draw) -> str:
    return ""


def _double(text: str, at: int, _rng: Draw) -> str:
    return text[at] * 2


def _key(text: str, at: int, rng: Draw) -> str:
    near = _keys()[text[at].lower()]
    found = near[rng.integers(len(near))]
    return found.upper() if text[at].isupper() else found


def _partner(table: Callable[[], dict[str, str]]) -> Callable[[str, int, Draw], str]:
    def change(text: str, at: int, rng: Draw) -> str:
        others = table()[text[at]]
        return others[rng.integers(len(others))]

    return change


@cache
def _keys() -> dict[str, str]:
    return neighbours()


@cache
def _sounds() -> dict[str, str]:
    return partners(SOUNDS)


@cache
def _homophones() -> dict[str, str]:
    return partners(homophones())


@cache
def _looks() -> dict[str, str]:
    return partners(LOOKS)


def _letter(character: str) -> bool:
    return character.isalpha()


def _case(text: str, at: int, _rng: Draw) -> str:
    return text[at].swapcase()


def _width(text: str, at: int, _rng: Draw) -> str:
    return chr(ord(text[at]) + 0xFEE0)


# name -> (which characters it can change, what becomes of one); a change may take in the character behind it
_BY_CHARACTER: dict[str, tuple[Callable[[str], bool], Callable[[str, int, Draw], str]]] = {
    "swap": (_letter, _swap),
    "drop": (_letter, _drop),
    "double": (_letter, _double),
    "key": (lambda c: c.lower() in _keys(), _key),
    "sound": (lambda c: c in _sounds(), _partner(_sounds)),
    "homophone": (lambda c: c in _homophones(), _partner(_homophones)),
    "look": (lambda c: c in _looks(), _partner(_looks)),
    "case": (lambda c: c.swapcase() != c and c.isascii(), _case),
    "width": (lambda c: "!" <= c <= "~", _width),
}
_TYPING = ("swap", "drop", "double", "key")
_WRITING = ("swap", "drop", "double", "sound", "look")
KINDS = ("characters", *_BY_CHARACTER, "words")
ENGLISH = ("characters", "swap", "drop", "double", "key", "case", "words")
CHINESE = ("characters", "swap", "drop", "double", "sound", "look", "width", "words")


def noisy(text: str, kind: str, share: float, seed: int = 0) -> str:
    """A text with noise; the same for the same text, kind, share and seed.

    Args:
        kind: of `KINDS`. swap, drop, double: letters and Chinese characters; key: the letter beside it on the keyboard;
            sound, look: Chinese characters that sound or look alike (small tables); homophone: any common one of the same
            sound (``pip install 'ftcore[pinyin]'``); case; width: full-width forms;
            words: words that stand between spaces go (characters where there are no spaces); characters: what people
            do, a mixture of the first four for letters, of the first three with sound and look for Chinese.
        share: of the characters (words) of the text that are changed, on average. A kind that can change few of
            them (sound, say) changes as many as it can.

    Raises:
        UserError: another kind or share, homophones without pypinyin.

    Example:
        >>> noisy("在这里", "sound", 1.0, seed=3) != "在这里", noisy("abc", "width", 1.0)
        (True, 'ａｂｃ')
    """
    if kind not in KINDS:
        raise InvalidOptions(f"noise {kind!r}: choose one of {', '.join(KINDS)}")
    if not 0 <= share <= 1:
        raise InvalidOptions(f"share {share}: give a number from 0 to 1")
    rng = np.random.default_rng([seed, xxh3_64_intdigest(f"{kind} {text}".encode("utf-8", "replace"))])
    if kind == "words":
        return _without_words(text, share, rng)
    if kind == "characters":
        return _mixed(text, share, rng)
    able, change = _BY_CHARACTER[kind]
    places = [at for at, character in enumerate(text) if able(character)]
    visible = sum(not character.isspace() for character in text)
    chance = min(1.0, share * visible / len(places)) if places else 0.0
    hit = [at for at, drawn in zip(places, rng.random(len(places)), strict=True) if drawn < chance]
    return _changed(text, {at: change for at in hit}, rng)


def noisy_all(texts: Sequence[str], kind: str, share: float, seed: int = 0) -> list[str]:
    """`noisy` of each text."""
    return [noisy(text, kind, share, seed) for text in texts]


def _mixed(text: str, share: float, rng: Draw) -> str:
    hits = np.flatnonzero(rng.random(len(text)) < share).tolist()
    changes = {}
    for at in hits:
        character = text[at]
        if not character.isalpha():
            continue
        kinds = [
            name for name in (_WRITING if is_han(character) else _TYPING) if _BY_CHARACTER[name][0](character)
        ]
        changes[at] = _BY_CHARACTER[kinds[rng.integers(len(kinds))]][1]
    return _changed(text, changes, rng)


def _changed(text: str, changes: dict[int, Callable[[str, int, Draw], str]], rng: Draw) -> str:
    made, at = [], 0
    while at < len(text):
        change = changes.get(at)
        if change is None:
            made.append(text[at])
        else:
            made.append(change(text, at, rng))
            if change is _swap and len(made[-1]) == 2:
                at += 1
        at += 1
    return "".join(made)


def _without_words(text: str, share: float, rng: Draw) -> str:
    words = text.split(" ")
    if len(words) == 1:  # Chinese: a character is nearest to a word
        return "".join(c for c, drawn in zip(text, rng.random(len(text)), strict=True) if drawn >= share)
    return " ".join(word for word, drawn in zip(words, rng.random(len(words)), strict=True) if drawn >= share)


def uncut(tokens: str) -> str:
    """Tokens as a text again: no spaces between Chinese ones.

    Example:
        >>> uncut("我 用 c++ 写 程序 every day")
        '我用 c++ 写程序 every day'
    """
    words = tokens.split(" ")
    made = words[:1]
    for before, word in zip(words, words[1:], strict=False):
        glued = bool(before) and bool(word) and is_han(before[-1]) and is_han(word[0])
        made.append(word if glued else f" {word}")
    return "".join(made)
