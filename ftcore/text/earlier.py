"""Rules of version 1, for models that were trained with them: they go on answering as they did.

Where version 2 differs: text was in lower case before jieba saw it, which then missed its words with
capitals, and the user's; symbols below U+1F000 were punctuation; emoji of several characters and words with
marks (Indic scripts, Thai …) were cut; any `<` before the name of an element began a tag.
"""

from __future__ import annotations

import html
import unicodedata
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ftcore.config import Normalize
from ftcore.text import normalize as now

_BLOCKS = (
    "address|article|aside|blockquote|body|br|button|caption|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form"
    "|h[1-6]|head|header|hr|html|iframe|img|input|label|legend|li|link|main|menu|meta|nav|object|ol|option|p|param|pre"
    "|section|select|summary|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul|video"
)
_INLINE = "a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|rt|ruby|s|samp|small|span|strike|strong|sub|sup|tt|u|var"
_REST = r"""(?:\s(?:[^<>"']|"[^"]*"|'[^']*')*|\s[^<>]*)?/?>"""
_HIDDEN = r"(?is)<!--.*?-->|<(?:script|style)\b[^>]*>.*?</(?:script|style)\s*>|<!doctype[^>]*>"
_BLOCK_TAG = rf"(?i)</?(?:{_BLOCKS}){_REST}"
_INLINE_TAG = rf"(?i)</?(?:{_INLINE}){_REST}"
_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"


def normalize(
    texts: pa.Array | Sequence[str], options: Normalize, counts: Counter[str] | None = None
) -> pa.Array:
    """`ftcore.text.normalize.by_patterns` as it was."""
    return now.by_patterns(texts, options, counts, without_html=_without_html, invisible=now.INVISIBLE_1)


def _without_html(column: pa.Array) -> pa.Array:
    plain = pc.replace_substring_regex(column, _HIDDEN, " ")
    plain = pc.replace_substring_regex(plain, _BLOCK_TAG, " ")
    plain = pc.replace_substring_regex(plain, _INLINE_TAG, "")
    referring = pc.match_substring_regex(plain, _ENTITY).to_pylist()
    pairs = zip(plain.to_pylist(), referring, strict=True)
    return pa.array([html.unescape(text) if yes else text for text, yes in pairs], pa.string())


def is_mark(token: str) -> bool:
    """Whether a token was punctuation: it has no letter, no digit and nothing from U+1F000 up.

    Example:
        >>> is_mark("☆"), is_mark("😀")
        (True, False)
    """
    if token.isalnum():
        return False
    return not any(unicodedata.category(char)[0] in "LN" or char >= "\U0001f000" for char in token)
