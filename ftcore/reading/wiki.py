"""WikiExtractor's text: ``<doc id=… title="…">``, the title, the body, ``</doc>``."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ftcore import native
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.records import TOO_LONG, TextLine, text_lines
from ftcore.reading.streams import Blocks, LineReader

_OPEN = re.compile(r"<doc\b[^>]*>\s*$")
_TITLE = re.compile(r'\btitle="(.*)"')


_BLOCK = 1 << 19  # bytes looked through at once
_LONGEST = 4 << 20  # bytes of a page that is looked for as a whole
_DOCUMENT, _EMPTY = 0, 1  # kinds of pages, see native/cutting/pages.h
_END = b"\n</doc>\n"


def read_pages(
    stream: BinaryIO, encoding: str, out: BatchBuilder, limit: int, first: int = 1
) -> Iterator[None]:
    """What `read_wiki` makes of a stream of UTF-8, in blocks: lines are looked at by the native core.

    Pages with something odd in them (damage, a page in a page) go through `read_wiki`, and so does what is left where
    the stream ends or breaks off.

    Args:
        stream: bytes.
        encoding: what it was called, for `text_lines`.
        out: takes documents and rejects.
        limit: bytes of a line.
        first: number of the first line.
    """
    blocks, line, odd = Blocks(stream, _BLOCK), first, False
    most = min(limit, _LONGEST)
    while not blocks.over:
        blocks.more()
        held = blocks.held
        if (line == 1 and blocks.returns) or (odd and len(held) > 4 * most + _BLOCK):  # no end in sight
            break
        at, odd = 0, True
        while odd:
            rows, stop, lines, odd = native.wiki_pages(np.frombuffer(held, np.uint8)[at:], most)
            _take(held[at:] if at else held, rows.reshape(-1, 6).tolist(), line, out)
            yield
            at, line = at + stop, line + lines
            end = held.find(_END, at) if odd else -1
            if end < 0:
                break
            page = held[at : end + len(_END)]
            yield from read_wiki(text_lines(LineReader(io.BytesIO(page), limit, line), encoding), out)
            at, line = at + len(page), line + page.count(b"\n")
        blocks.held = held[at:]
    framed = LineReader(blocks.rest(), limit, line, returns=line == 1 and blocks.returns)
    yield from read_wiki(text_lines(framed, encoding), out)
    if framed.broken:
        out.break_off(framed.number + 1, framed.broken)


def _take(block: bytes, rows: list[list[int]], first: int, out: BatchBuilder) -> None:
    """Plain pages as documents, and those that are empty as such."""
    lines, texts = [], []
    for line, opening, opened, begin, end, kind in rows:
        if kind == _DOCUMENT:
            lines.append(first + line)
            texts.append(block[begin:end])
        elif kind == _EMPTY:
            out.reject(first + line, "empty", block[begin:end].decode(), step="filters")
        else:
            page = _Page(first + line, block[opening:opened].decode())
            page.held = [block[begin:end].decode()]
            if lines:
                out.add_plain(lines, texts)
                lines, texts = [], []
            page.finish(out)
    out.add_plain(lines, texts)


def read_wiki(lines: Iterator[TextLine], out: BatchBuilder) -> Iterator[None]:
    """One document per ``<doc>``: title and body. A page with a title and no body is left out as empty."""
    page: _Page | None = None
    for number, text, damage in lines:
        if not damage and _OPEN.match(text):
            if page:
                page.finish(out, "<doc> without </doc>")
            page = _Page(number, text)
        elif not damage and text.strip() == "</doc>":
            if page:
                page.finish(out)
            else:
                out.reject(number, "text outside <doc>", text)
            page = None
        elif page:
            page.take(text, damage, out.limit)
        elif damage or text.strip():
            out.reject(number, damage or "text outside <doc>", text)
        yield
    if page:
        page.finish(out, "<doc> without </doc>")
        yield


class _Page:
    """The lines of one page as far as they have come."""

    def __init__(self, line: int, opening: str) -> None:
        self.line = line
        title = _TITLE.search(opening)
        self.title = html.unescape(title[1]).strip() if title else ""
        self.held: list[str] = []
        self.size, self.reason = 0, ""

    def take(self, text: str, damage: str, limit: int) -> None:
        self.size += len(text) + 1
        if self.size > limit:
            damage = damage or TOO_LONG
        if not self.reason:  # after damage only the reason matters: nothing more is kept
            self.held.append(text)
        self.reason = self.reason or damage

    def finish(self, out: BatchBuilder, damage: str = "") -> None:
        text = "\n".join(self.held).strip()
        title, _, body = text.partition("\n")
        if self.reason or damage:
            out.reject(self.line, self.reason or damage, text or self.title)
        elif not body.strip() and (title.strip() == self.title or not self.title):
            out.reject(self.line, "empty", title or self.title, step="filters")
        else:
            out.add(self.line, text)
