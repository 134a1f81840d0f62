"""From raw characters to comparable ones, column by column.

Order: HTML, NFC and full-width letters and digits, traditional to simplified, lower case, what is masked, URLs and
e-mail addresses, white space. Full NFKC is avoided on purpose: it turns Chinese punctuation into
ASCII, and jieba then cuts other words.

`normalize` looks through the bytes once, in the native core, and only the texts that need it go through a costly step;
`by_patterns` says the same in regular expressions over columns: the rules, slower, and what `reference` asks.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftcore import native
from ftcore.base.strings import booleans, string_buffers, string_column, strings
from ftcore.config import Normalize
from ftcore.reading import markup
from ftcore.text.language import HAN
from ftcore.text.masks import mask
from ftcore.text.protect import EMAIL, URL

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
INVISIBLE_1 = r"[\x{ad}\x{200b}\x{2060}\x{feff}]"  # in version 1
INVISIBLE = r"[\x{ad}\x{200b}\x{2060}\x{feff}\x{e0100}-\x{e01ef}]"  # with variations of Han characters


def normalize(
    texts: pa.Array | Sequence[str], options: Normalize, counts: Counter[str] | None = None
) -> pa.Array:
    r"""Normalise a column of texts; the result has the same length.

    Args:
        texts: a string array or a list of strings (lone surrogates become ``?``).
        counts: what was taken out is added here: ``html`` (documents with markup), ``urls``, ``emails``, and finds of
            each kind that is masked.

    Example:
        >>> normalize(["<p>Ｈｅｌｌｏ，<br/>World&amp;\u3000Ａ１"], Normalize()).to_pylist()
        ['hello， world& a1']
    """
    counts = Counter() if counts is None else counts
    column = texts if isinstance(texts, pa.Array) else _column(texts)
    kinds = native.text_kinds(*string_buffers(column))
    if options.html:
        changed = np.zeros(len(column), np.bool_)
        column, kinds = _where(column, kinds, native.TAG, markup.without_tags, changed)
        column, kinds = _where(column, kinds, native.REFERENCE, markup.without_entities, changed)
        if changed.any():
            counts["html"] += int(changed.sum())
    column, kinds = _where(column, kinds, native.COMPOSED, _composed)
    patterns = bool(options.mask) or "remove" in (options.urls, options.emails)  # they see each space
    column = string_column(*native.clean_texts(*string_buffers(column), options.width, not patterns))
    if options.simplify:
        column, _ = _where(column, kinds, native.CHINESE, _simplified)
    if options.lowercase:
        column = fold(column)
    return _without_finds(column, options, counts) if patterns else column


def by_patterns(
    texts: pa.Array | Sequence[str],
    options: Normalize,
    counts: Counter[str] | None = None,
    *,
    without_html: Callable[[pa.Array], pa.Array] | None = None,
    invisible: str = INVISIBLE,
) -> pa.Array:
    """`normalize` in regular expressions, Arrow's and Python's.

    Args:
        texts: see `normalize`.
        counts: see `normalize`.
        without_html: earlier rules, see `ftcore.text.earlier`.
        invisible: earlier rules, see `ftcore.text.earlier`.
    """
    counts = Counter() if counts is None else counts
    column = texts if isinstance(texts, pa.Array) else _column(texts)
    if options.html:
        strip = without_html or _without_html
        column = _mapped(column, markup.MARKUP, lambda marked: _changed(marked, strip(marked), counts))
    column = _mapped(column, _NOT_SURELY_NFC, _composed)
    # early: a zero byte would end the text for OpenCC, which is a C library
    column = pc.replace_substring_regex(column, invisible, "")
    column = pc.replace_substring_regex(column, _SPACES, " ")
    if options.width:
        column = _mapped(column, _WIDE, _each(lambda text: text.translate(_NARROW)))
    if options.simplify:
        column = _mapped(column, HAN, _each(_simplifier()))
    if options.lowercase:
        column = fold(column)
    return _without_finds(column, options, counts)


def _without_finds(column: pa.Array, options: Normalize, counts: Counter[str]) -> pa.Array:
    if options.mask:
        column = mask(column, options.mask, counts)
    if options.urls == "remove":
        column = _removed(column, URL, "urls", counts)
    if options.emails == "remove":
        column = _removed(column, EMAIL, "emails", counts)
    column = pc.replace_substring_regex(column, "  +", " ")
    return pc.utf8_trim(column, " ")


def fold(texts: pa.Array) -> pa.Array:
    """A column in lower case."""
    return pc.utf8_lower(texts)


def spelled(words: Sequence[str], options: Normalize) -> list[str]:
    """Words of a dictionary as they are spelled in text that was normalised for jieba; their case stays.

    Example:
        >>> spelled(["Ｔ恤衫", "東京大學"], Normalize(simplify=True))
        ['T恤衫', '东京大学']
    """
    kept = {"html": False, "urls": "keep", "emails": "keep", "mask": [], "lowercase": False}
    return normalize(list(words), options.model_copy(update=kept)).to_pylist()


def _column(texts: Sequence[str]) -> pa.Array:
    try:
        return strings(texts)
    except UnicodeEncodeError:
        return strings([text.encode("utf-8", "replace").decode() for text in texts])


def _where(
    column: pa.Array,
    kinds: np.ndarray,
    kind: int,
    function: Callable[[pa.Array], pa.Array],
    changed: np.ndarray | None = None,
) -> tuple[pa.Array, np.ndarray]:
    """Apply a costly function to the texts of a kind only; the column, and the kinds as they are then.

    What it changed becomes true in `changed`.
    """
    rows = kinds & kind != 0
    if not rows.any():
        return column, kinds
    mask = booleans(rows)
    some = column.filter(mask)
    made = function(some)
    if changed is not None:
        changed[rows] |= np.array(pc.not_equal(some, made).to_pylist(), np.bool_)  # to_numpy imports pandas
    kinds = kinds.copy()
    kinds[rows] = native.text_kinds(*string_buffers(made))
    return pc.replace_with_mask(column, mask, made), kinds


def _simplified(column: pa.Array) -> pa.Array:
    # all at once: a call costs as much as a title; there are no line breaks any more, and none is part of a word
    return strings(_simplifier()("\n".join(column.to_pylist())).split("\n"))


def _composed(column: pa.Array) -> pa.Array:
    # not pc.utf8_normalize: Arrow's "NFC" decomposes (pyarrow 25: é comes out as e and a combining accent)
    return strings([unicodedata.normalize("NFC", text) for text in column.to_pylist()])


def _mapped(column: pa.Array, pattern: str, function: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Apply a costly function to the texts that match a pattern only."""
    mask = pc.match_substring_regex(column, pattern)
    if not pc.any(mask).as_py():
        return column
    return pc.replace_with_mask(column, mask, function(column.filter(mask)))


def _each(function: Callable[[str], str]) -> Callable[[pa.Array], pa.Array]:
    return lambda column: strings([function(text) for text in column.to_pylist()])


def _without_html(column: pa.Array) -> pa.Array:
    return markup.without_entities(markup.without_tags(column))


def _changed(before: pa.Array, after: pa.Array, counts: Counter[str]) -> pa.Array:
    changed = pc.sum(pc.not_equal(before, after)).as_py()
    if changed:
        counts["html"] += changed
    return after


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
