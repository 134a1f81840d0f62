"""The steps from normalised text to tokens, one after the other: what `ftcore.native.TokenCutter` does at once.

`jieba_cut` is ``lcut(text, HMM=hmm)`` of a `jieba.Tokenizer` with the user's words.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection

from ftcore.config import Text
from ftcore.text.emoji import is_emoji
from ftcore.text.language import HAN
from ftcore.text.marks import is_mark
from tests.reference import spans

LABEL, EOS = "__label__", "</s>"
_HAS_HAN = spans.re.compile(HAN).search


def cut_chunk(chunk: str, options: Text, version: int, jieba_cut: Callable[[str], list[str]]) -> list[str]:
    """Tokens of what stands between white space."""
    if not options.segment.protect:
        return jieba_cut(chunk)
    if not _HAS_HAN(chunk):
        return [straight(token) for token in spans.tokens(chunk, version > 1)]
    tokens: list[str] = []
    for piece, protected in spans.pieces(chunk, version > 1):
        tokens += [straight(piece)] if protected else jieba_cut(piece)
    return tokens


def straight(token: str) -> str:
    """don’t and don't are one word."""
    return token.replace("’", "'") if len(token) > 1 else token


def cleaned(token: str, options: Text, version: int) -> str:
    """A token as it goes on, "" where it is dropped."""
    marks = options.segment.marks
    if not (is_mark(token, marks) if version > 1 else was_mark(token)):
        lower = options.normalize.lowercase and version > 1
        return escape(token.replace("İ", "i").lower() if lower else token)
    if options.segment.punctuation == "remove":
        return ""
    if options.segment.punctuation == "split":
        return token if is_emoji(token) else " ".join(token)
    return escape(token)


def was_mark(token: str) -> bool:
    """Whether a token was punctuation by version 1."""
    if token.isalnum():
        return False
    return not any(unicodedata.category(char)[0] in "LN" or char >= "\U0001f000" for char in token)


def escape(token: str) -> str:
    """Keep a token of the text apart from fastText's own."""
    if token.startswith(LABEL) or token == EOS:
        return chr(ord(token[0]) + 0xFEE0) + token[1:]
    return token


def line(
    text: str, options: Text, stop: Collection[str], version: int, jieba_cut: Callable[[str], list[str]]
) -> tuple[str, Counter[str]]:
    """Space-joined tokens of a normalised text, and what was left out."""
    tokens = [
        token for chunk in text.split() for token in cut_chunk(chunk, options, version, jieba_cut)
    ]  # jieba's tokens of no chunk are white space
    kept = [token for token in (cleaned(token, options, version) for token in tokens) if token]
    left = [
        token
        for token in kept
        if token not in stop and (options.normalize.lowercase or token.lower() not in stop)
    ]
    counts = {"punctuation": len(tokens) - len(kept), "stopwords": len(kept) - len(left)}
    return " ".join(left), Counter({name: n for name, n in counts.items() if n})
