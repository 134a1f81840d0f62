"""From raw characters to comparable ones, column by column on Arrow's kernels.

Order: HTML, NFC and full-width letters and digits, traditional to simplified, lower case, URLs and
e-mail addresses, white space. Full NFKC is avoided on purpose: it turns Chinese punctuation into
ASCII, and jieba then cuts other words.
"""

from __future__ import annotations

import html
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from ftcore.config import Normalize
from ftcore.text.language import HAN
from ftcore.text.protect import EMAIL, URL

_BLOCKS = (
    "address|article|aside|blockquote|body|br|button|caption|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form"
    "|h[1-6]|head|header|hr|html|iframe|img|input|label|legend|li|link|main|menu|meta|nav|object|ol|option|p|param|pre"
    "|section|select|summary|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul|video"
)
_INLINE = "a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|rt|ruby|s|samp|small|span|strike|strong|sub|sup|tt|u|var"
_REST = r"""(?:\s(?:[^<>"']|"[^"]*"|'[^']*')*|\s[^<>]*)?/?>"""  # attributes, of which a value may hold a >
# Only names of HTML elements, so that `vector<int>` and `a <b` stay. RE2's time is linear whatever the text.
_HIDDEN = r"(?is)<!--.*?-->|<(?:script|style)\b[^>]*>.*?</(?:script|style)\s*>|<!doctype[^>]*>"
_BLOCK_TAG = rf"(?i)</?(?:{_BLOCKS}){_REST}"
_INLINE_TAG = rf"(?i)</?(?:{_INLINE}){_REST}"
_MARKUP = r"<[!/A-Za-z]|&[#A-Za-z]"
_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"

_WIDE = r"[\x{FF10}-\x{FF19}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}]"
_NARROW = {
    code: code - 0xFEE0
    for a, b in ((0xFF10, 0xFF19), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))
    for code in range(a, b + 1)
}
# outside of what is its own NFC in any company: ASCII, Latin-1, Chinese and its punctuation, full-width forms
_NOT_SURELY_NFC = r"[^\x00-\x{ff}\x{2010}-\x{2027}\x{3000}-\x{3029}\x{4e00}-\x{9fff}\x{ff00}-\x{ffef}]"
# all that str.split and fastText take for white space, control characters, and invisible marks
_SPACES = r"[\x00-\x1f\x7f-\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]|  +"
_INVISIBLE = r"[\x{ad}\x{200b}\x{2060}\x{feff}]"


def normalize(
    texts: pa.Array | Sequence[str], options: Normalize, counts: Counter[str] | None = None
) -> pa.Array:
    """Normalise a column of texts; the result has the same length.

    Args:
        texts: a string array or a list of strings (lone surrogates become ``?``).
        counts: what was taken out is added here: ``html`` (documents with markup), ``urls``, ``emails``.

    >>> normalize(["<p>Ｈｅｌｌｏ，<br/>World&amp;\\u3000Ａ１"], Normalize()).to_pylist()
    ['hello， world& a1']
    """
    counts = Counter() if counts is None else counts
    column = texts if isinstance(texts, pa.Array) else _column(texts)
    if options.html:
        column = _mapped(column, _MARKUP, lambda marked: _without_html(marked, counts))
    # not pc.utf8_normalize: Arrow's "NFC" decomposes (pyarrow 25: é comes out as e and a combining accent)
    column = _mapped(column, _NOT_SURELY_NFC, _each(lambda text: unicodedata.normalize("NFC", text)))
    # early: a zero byte would end the text for OpenCC, which is a C library
    column = pc.replace_substring_regex(column, _INVISIBLE, "")
    column = pc.replace_substring_regex(column, _SPACES, " ")
    if options.width:
        column = _mapped(column, _WIDE, _each(lambda text: text.translate(_NARROW)))
    if options.simplify:
        column = _mapped(column, HAN, _each(_simplifier()))
    if options.lowercase:
        column = pc.utf8_lower(column)
    if options.urls == "remove":
        column = _removed(column, URL, "urls", counts)
    if options.emails == "remove":
        column = _removed(column, EMAIL, "emails", counts)
    column = pc.replace_substring_regex(column, "  +", " ")
    return pc.utf8_trim(column, " ")


def _column(texts: Sequence[str]) -> pa.Array:
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.string())


def _mapped(column: pa.Array, pattern: str, function: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Apply a costly function to the texts that match a pattern only."""
    mask = pc.match_substring_regex(column, pattern)
    if not pc.any(mask).as_py():
        return column
    return pc.replace_with_mask(column, mask, function(column.filter(mask)))


def _each(function: Callable[[str], str]) -> Callable[[pa.Array], pa.Array]:
    return lambda column: pa.array([function(text) for text in column.to_pylist()], pa.string())


def _without_html(column: pa.Array, counts: Counter[str]) -> pa.Array:
    plain = pc.replace_substring_regex(column, _HIDDEN, " ")
    plain = pc.replace_substring_regex(plain, _BLOCK_TAG, " ")
    plain = pc.replace_substring_regex(plain, _INLINE_TAG, "")
    # html.unescape never yields a surrogate: numbers of none become U+FFFD
    plain = _mapped(plain, _ENTITY, _each(html.unescape))
    changed = pc.sum(pc.not_equal(plain, column)).as_py()
    if changed:
        counts["html"] += changed
    return plain


def _removed(column: pa.Array, pattern: str, name: str, counts: Counter[str]) -> pa.Array:
    found = pc.sum(pc.count_substring_regex(column, pattern)).as_py() or 0
    if not found:
        return column
    counts[name] += found
    return pc.replace_substring_regex(column, pattern, " ")


@lru_cache(maxsize=1)
def _simplifier() -> Callable[[str], str]:
    import opencc  # lazily: few configurations need it

    return opencc.OpenCC("t2s").convert
