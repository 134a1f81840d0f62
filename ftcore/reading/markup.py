"""HTML out of a text, and nothing else: what only looks like a tag stays.

A tag is `<`, the name of an element of HTML, attributes as people write them, `>`, where besides

* the element is empty (`<br>`, `<img src=…>`), closes itself (`<b/>`), or may be left open (`<p>`, `<li>`), or
* it has an attribute with a value, or
* its end tag follows; an end tag is one in any case.

So `if a<b and c>d`, `vector<int>`, `<input>` in a usage message and `a <b> c` stay as they are. An attribute is
one of HTML's own, or has a value in quotation marks, or a hyphen in its name.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from ftcore.base.strings import string_buffers, strings

_BLOCKS = (
    "address|article|aside|audio|blockquote|body|br|button|canvas|caption|center|col|colgroup|dd|details|dialog|dir|div"
    "|dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|img|input"
    "|label|legend|li|link|main|map|menu|meta|nav|noframes|noscript|object|ol|optgroup|option|p|param|picture|pre|script"
    "|section|select|source|style|summary|svg|table|tbody|td|template|textarea|tfoot|th|thead|title|tr|track|ul|video"
)
_INLINE = (
    "a|abbr|acronym|area|b|base|bdi|bdo|big|circle|cite|code|data|defs|del|dfn|em|font|g|i|ins|kbd|mark|nobr|o:p|path"
    "|polygon|q|rb|rect|rp|rt|ruby|s|samp|small|span|strike|strong|sub|sup|time|tt|u|use|var|wbr"
)
_FREE = re.compile(
    "br|hr|wbr|p|li|dt|dd|tr|td|th|thead|tbody|tfoot|div|strong|blockquote|h[1-6]|ul|ol|dl"
)  # need nothing
_IS_INLINE = re.compile(_INLINE)
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'<>`]+)"""
_ATTRIBUTE = rf"""[^\s"'<>/=]+(?:\s*=\s*{_VALUE})?"""
_ATTRIBUTES = rf"(?:[\s/]+(?:{_ATTRIBUTE}[\s/]*)*)?"
# For RE2, whose time is linear whatever the text: all that may be a tag, which Python then looks at one by one
_TAG = rf"(?i)</(?:{_BLOCKS}|{_INLINE})\s*/?>|<(?:{_BLOCKS}|{_INLINE}){_ATTRIBUTES}>"
_HIDDEN = "|".join(
    [
        r"(?is)<!--.*?-->",
        rf"<script{_ATTRIBUTES}>.*?</script\s*>",
        rf"<style{_ATTRIBUTES}>.*?</style\s*>",
        r"<!doctype\s[^<>]*>",
        r"<\?xml\s[^<>]*\?>",
    ]
)
MARKUP = r"<[!?/A-Za-z]|&[#A-Za-z]"
"""Finds (in RE2) what may hold markup at all."""

_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
# with its semicolon, or one of those that people leave it out of and that is no parameter of a URL (?a=1&lt=2)
_REFERENCE = re.compile(_ENTITY + r"|&(?:nbsp|amp|lt|gt|quot)(?![A-Za-z0-9=;])")
_MAY_REFER = r"&(?:#[0-9xX]|[A-Za-z])"
_ROUNDS = 4  # &amp;amp;lt; was encoded three times

_MEMO_CHARS = 200
_NAME = re.compile(r"</?([a-z0-9:]+)", re.IGNORECASE)
_GIVEN = re.compile(rf"""([^\s"'<>/=]+)(?:\s*=\s*({_VALUE}))?""")
_PLAUSIBLE = re.compile(r"[A-Za-z_:@*#(\[][A-Za-z0-9_:@*#.()\[\]-]*")
_KNOWN = re.compile(
    "on[a-z]+|accept|action|align|alink|alt|background|behavior|bgcolor|border|bordercolor|cellpadding|cellspacing"
    "|charset|cite|class|classid|clear|codebase|color|cols|colspan|content|coords|data|datetime|dir|enctype|face|for"
    "|frame|frameborder|headers|height|href|hreflang|hspace|http-equiv|id|lang|language|link|loading|longdesc"
    "|marginheight|marginwidth|maxlength|media|method|name|noshade|nowrap|placeholder|property|rel|rev|role|rows"
    "|rowspan|rules|scope|scrolling|shape|size|span|src|srcset|start|style|summary|tabindex|target|text|title|type"
    "|usemap|valign|value|vlink|vspace|width|xmlns",
    re.IGNORECASE,
)
_SWITCH = re.compile(
    "allowfullscreen|async|autofocus|autoplay|checked|compact|controls|defer|disabled|hidden|ismap|itemscope|loop"
    "|multiple|muted|nohref|noresize|noshade|novalidate|nowrap|open|readonly|required|reversed|selected",
    re.IGNORECASE,
)


def without_tags(texts: pa.Array) -> pa.Array:
    """A column of texts without tags, comments, scripts and styles; block elements leave a space.

    Example:
        >>> without_tags(pa.array(["<p>Good<br />film</p>", "if a<b and c>d", "<b>W</b>orld"])).to_pylist()
        [' Good film ', 'if a<b and c>d', 'World']
    """
    data, _ = string_buffers(texts)
    if ((data == 1) | (data == 2)).any():  # controls become spaces anyway
        texts = pc.replace_substring_regex(texts, "[\x01\x02]", " ")
    plain = pc.replace_substring_regex(texts, _HIDDEN, " ")
    marked = pc.replace_substring_regex(plain, _TAG, "\x01\\0\x02")
    return strings([_taken(text) if "\x01" in text else text for text in marked.to_pylist()])


def _taken(text: str) -> str:
    r"""A text whose possible tags stand between \x01 and \x02, without those that are tags."""
    parts = text.replace("\x02", "\x01").split("\x01")  # text, tag, text, tag, …, text
    waiting: dict[str, list[int]] = {}  # start tags that are such only if their end tag follows
    for at in range(1, len(parts), 2):
        tag = parts[at]
        name, left, kind = _judged(tag) if len(tag) <= _MEMO_CHARS else _judged.__wrapped__(tag)
        if kind == "end" and waiting.get(name):
            parts[waiting[name].pop()] = left
        if kind == "start":
            waiting.setdefault(name, []).append(at)
        elif kind != "text":
            parts[at] = left
    return "".join(parts)


@lru_cache(maxsize=4096)
def _judged(tag: str) -> tuple[str, str, str]:
    """(name, what it leaves behind, kind) of a possible tag.

    The kind is ``end``, ``tag``, ``start`` for a tag if its end follows, or ``text``.
    """
    found = _NAME.match(tag)
    assert found is not None  # the pattern has seen it
    name = found.group(1).lower()
    left = "" if _IS_INLINE.fullmatch(name) else " "
    if tag[1] == "/":
        return name, left, "end"
    valued = _attributes(tag[found.end() : -1])
    if valued is None:
        return name, left, "text"
    return name, left, "tag" if valued or tag[-2] == "/" or _FREE.fullmatch(name) else "start"


def _attributes(text: str) -> bool | None:
    """Whether attributes have a value among them; None where they are none that HTML would have."""
    valued = False
    for name, value in _GIVEN.findall(text):
        if value:
            valued = True
            fine = value[0] in "\"'" or "-" in name or _KNOWN.fullmatch(name) is not None
        else:
            fine = "-" in name or _SWITCH.fullmatch(name) is not None
        if not (fine and _PLAUSIBLE.fullmatch(name)):
            return None
    return valued


def without_entities(texts: pa.Array) -> pa.Array:
    """A column of texts with character references decoded, also those encoded more than once.

    Example:
        >>> without_entities(pa.array(["Tom &amp;amp; Jerry&#39;s", "?a=1&copy=2"])).to_pylist()
        ["Tom & Jerry's", '?a=1&copy=2']
    """
    if not pc.any(pc.match_substring_regex(texts, _MAY_REFER)).as_py():
        return texts
    return strings([_decoded(text) if "&" in text else text for text in texts.to_pylist()])


def _decoded(text: str) -> str:
    for _ in range(_ROUNDS):
        # html.unescape never yields a surrogate: numbers of none become U+FFFD
        decoded = _REFERENCE.sub(lambda match: html.unescape(match.group()), text)
        if decoded == text:
            break
        text = decoded
    return text
