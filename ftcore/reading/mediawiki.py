"""Dumps of MediaWiki (``pages-articles.xml``): the articles, as plain text.

The XML is read by expat as it comes, the markup of a page by mwparserfromhell. Articles only: pages of other name spaces
(talk, users, templates) and redirects are left out and counted. Of a page that comes with its history the last revision
in the file counts. A document is title and text, its line that of its ``<page>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from ftcore.errors import UserError
from ftcore.reading import streams
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.records import TOO_LONG

_BLOCK = 1 << 16
_SILENCE = 1 << 22  # bytes in which nothing begins or ends: a tag or a comment without end
_SHORT = 10_000  # characters of a title or a number
_HIDDEN = {6: "file", 14: "category"}  # name spaces whose links are no words of the text
_CLOSES = {"{{": "}}", "[[": "]]", "[http": "]", "<!--": "-->", "<": "</"}
_BRACKETS = re.compile(r"\{\{|\}\}|\[\[|\]\]|\[http|\]|<!--|-->|</|<(?=[a-zA-Z])")
_UNSEEN = {"ref", "references", "gallery", "imagemap", "timeline", "style", "script", "templatestyles"}
_PATIENCE = 10_000_000  # characters that the parser may read again: a second or two
_SPACES = re.compile(r"[ \t]*\n\s*\n\s*")


def read_mediawiki(stream: BinaryIO, out: BatchBuilder, place: str) -> Iterator[None]:
    """The articles of a stream of XML; what follows damage is lost, and said to be.

    Raises:
        UserError: mwparserfromhell is not installed.
    """
    try:
        import mwparserfromhell
    except ImportError:
        raise UserError(
            f'{place}: dumps of MediaWiki need the package mwparserfromhell; pip install "ftcore[mediawiki]"'
        ) from None
    dump = _Dump(out.limit)
    try:
        while block := streams.read(stream, _BLOCK):
            dump.feed(block)
            for page in dump.taken():
                _take(page, dump.prefixes, out, mwparserfromhell)
                yield
        dump.feed(b"", last=True)
    except streams.Broken as error:
        out.break_off(dump.line, str(error))
    except (expat.ExpatError, ValueError, LookupError) as error:
        out.break_off(dump.line, f"not the XML of a dump ({str(error)[:120]})")
    for page in dump.taken():
        _take(page, dump.prefixes, out, mwparserfromhell)
        yield
    yield


class _Article:
    """What a page's elements say."""

    def __init__(self, line: int) -> None:
        self.line, self.redirect, self.too_long = line, False, False
        self.fields: dict[str, list[str]] = {"title": [], "ns": [], "text": []}

    def get(self, name: str) -> str:
        return "".join(self.fields[name])


class _Dump:
    """expat's events as pages."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pages: list[_Article] = []
        self._page: _Article | None = None
        self.prefixes = set(_HIDDEN.values()) | {"image"}
        self._field, self._size, self._quiet, self._space = "", 0, 0, 0
        self._seen = False  # the root
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler, parser.EntityDeclHandler = self._text, self._entity

    @property
    def line(self) -> int:
        """Of the page, or of the place."""
        return self._page.line if self._page else self._parser.CurrentLineNumber

    def feed(self, block: bytes, last: bool = False) -> None:
        """Take some bytes."""
        self._quiet += len(block)
        self._parser.Parse(block, last)
        if self._quiet > _SILENCE:
            raise ValueError("a tag or a comment without end")

    def taken(self) -> list[_Article]:
        """The pages that are whole by now."""
        pages, self._pages = self._pages, []
        return pages

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._quiet = 0
        if not self._seen and name != "mediawiki":
            raise ValueError(f"the first element is {name[:40]!r}, not mediawiki")
        self._seen = True
        self._field, self._size = "", 0
        if name == "namespace" and attributes.get("key", "").lstrip("-").isdigit():
            self._field, self._space = name, int(attributes["key"])
        elif name == "page":
            self._page = _Article(self._parser.CurrentLineNumber)
        elif self._page and name == "redirect":
            self._page.redirect = True
        elif self._page and name in self._page.fields:
            self._field, self._page.fields[name] = name, []
            self._page.too_long &= name != "text"

    def _end(self, name: str) -> None:
        self._quiet = 0
        self._field = ""
        if name == "page" and self._page:
            self._pages.append(self._page)
            self._page = None

    def _text(self, data: str) -> None:
        self._quiet = 0
        if self._field == "namespace":
            if self._space in _HIDDEN and len(data) < 100:
                self.prefixes.add(data.strip().lower())
        elif self._field and self._page:
            self._size += len(data)
            if self._size <= (self._limit if self._field == "text" else _SHORT):
                self._page.fields[self._field].append(data)
            else:
                self._page.too_long = True

    def _entity(self, *_: Any) -> None:
        raise ValueError("it declares entities of its own")


def _take(page: _Article, prefixes: set[str], out: BatchBuilder, parser: Any) -> None:
    title, text = page.get("title").strip(), page.get("text")
    if page.get("ns").strip() not in ("", "0"):
        out.note("pages left out: of another name space")
    elif page.redirect:
        out.note("pages left out: redirects")
    elif page.too_long:
        out.reject(page.line, TOO_LONG, title or text)
    elif not text.strip():
        out.reject(page.line, "empty", title, step="filters")
    elif _unclosed(text) * len(text) > _PATIENCE:
        out.reject(page.line, "markup that is never closed", title)
    else:
        try:
            plain = plain_text(text, prefixes, parser)
        except (RecursionError, MemoryError, ValueError) as error:
            out.reject(page.line, f"markup that cannot be read ({type(error).__name__})", title)
            return
        if plain:
            out.add(page.line, f"{title}\n{plain}")
        else:
            out.reject(page.line, "empty", title, step="filters")


def _unclosed(text: str) -> int:
    """How many brackets, comments and tags are opened and not closed behind: the parser reads on to the end for each.

    Example:
        >>> _unclosed("{{a|{{b}} [[c <ref>"), _unclosed("}}{{")
        (3, 1)
    """
    open_ = dict.fromkeys(_CLOSES.values(), 0)
    for found in _BRACKETS.finditer(text):
        mark = found[0]
        if mark in open_:
            open_[mark] = max(0, open_[mark] - 1)
        else:
            open_[_CLOSES.get(mark, "</")] += 1
    return sum(open_.values())


def plain_text(markup: str, prefixes: set[str], parser: Any) -> str:
    """The text of a page without markup, files and categories.

    Example:
        >>> import mwparserfromhell
        >>> plain_text("'''Jin''' is a [[river|stream]].{{stub}}[[File:a.jpg|thumb]]", {"file"}, mwparserfromhell)
        'Jin is a stream.'
    """
    return _SPACES.sub("\n\n", "".join(_words(parser.parse(markup), prefixes, parser.nodes))).strip()


def _words(code: Any, prefixes: set[str], nodes: Any) -> Iterator[str]:
    """The visible text of some markup, piece by piece."""
    for node in code.nodes:
        if isinstance(node, nodes.Wikilink):
            prefix, colon, _ = str(node.title).strip().partition(":")
            if not (colon and prefix.strip().lower() in prefixes):
                yield from _words(node.title if node.text is None else node.text, prefixes, nodes)
        elif isinstance(node, nodes.Tag):
            if node.contents is not None and str(node.tag).strip().lower() not in _UNSEEN:
                yield from _words(node.contents, prefixes, nodes)
        else:
            yield str(node.__strip__(normalize=True, collapse=True, keep_template_params=False) or "")
