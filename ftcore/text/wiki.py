"""WikiExtractor's text: ``<doc id=… title="…">``, the title, the body, ``</doc>``."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from ftcore.text.documents import BatchBuilder
from ftcore.text.records import TOO_LONG, TextLine

_OPEN = re.compile(r"<doc\b[^>]*>\s*$")
_TITLE = re.compile(r'\btitle="(.*)"')


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
