"""From normalised text to tokens step by step: the ``reference`` engine, which `native.TokenCutter` is the faster copy of."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ftcore.config import Text
from ftcore.text import earlier
from ftcore.text.emoji import is_emoji
from ftcore.text.marks import is_mark

LABEL, EOS = "__label__", "</s>"  # what fastText takes for a label and for the end of a line


def line(
    text: str, options: Text, stop: Collection[str], version: int, cut_chunk: Callable[[str], list[str]]
) -> tuple[str, int, int]:
    """Space-joined tokens of a normalised text, and how many marks and how many stopwords were left out.

    Args:
        text: normalised.
        options: of the tokenizer.
        stop: stopwords, in lower case.
        version: of the rules.
        cut_chunk: tokens of what stands between white space, `Segmenter.cut_chunk`.

    Example:
        >>> from ftcore.text.segment import Segmenter
        >>> line("Yes, 我们!", Text(), {"yes"}, 2, Segmenter(Text().segment).cut_chunk)
        ('我们', 2, 1)
    """
    tokens = [token for chunk in text.split() for token in cut_chunk(chunk)]
    kept = [token for token in (cleaned(token, options, version) for token in tokens) if token]
    any_case = not options.normalize.lowercase  # words in lower case must match The and THE
    left = [token for token in kept if not (token in stop or (any_case and token.lower() in stop))]
    return " ".join(left), len(tokens) - len(kept), len(kept) - len(left)


def cleaned(token: str, options: Text, version: int) -> str:
    """A token as it goes on, "" where it is dropped."""
    marks, punctuation = options.segment.marks, options.segment.punctuation
    if not (is_mark(token, marks) if version > 1 else earlier.is_mark(token)):
        lower = options.normalize.lowercase and version > 1
        # İ becomes i, since its own lower case has two characters and would make another word
        return escape(token.replace("İ", "i").lower() if lower else token)
    if punctuation == "remove":
        return ""
    if punctuation == "split":
        return token if is_emoji(token) else " ".join(token)
    return escape(token)


def escape(token: str) -> str:
    """Keep a token of the text apart from fastText's own.

    Example:
        >>> escape("__label__x"), escape("</s>"), escape("label")
        ('＿_label__x', '＜/s>', 'label')
    """
    if token.startswith(LABEL) or token == EOS:
        return chr(ord(token[0]) + 0xFEE0) + token[1:]
    return token
