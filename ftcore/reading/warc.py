"""WARC and WET files: the pages of a crawl, a record a page, through warcio.

Of a WET file the texts (``conversion``) are documents, of a WARC file the answers (``response``, ``resource``) that are
HTML or plain text and were given with status 200. HTML stays as it is, for `ftcore.reading.markup`. A document's line is the
number of its record, from 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar

from ftcore.errors import UserError
from ftcore.reading import encodings, streams
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.records import TOO_LONG

T = TypeVar("T")
_TEXTS = {"text/plain", "text/html", "application/xhtml+xml"}
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HEADER = 1 << 16  # bytes of a line of a header
_HEADERS = 2000  # lines of them in a record
_BLOCK = 1 << 16


def read_warc(stream: BinaryIO, out: BatchBuilder, place: str) -> Iterator[None]:
    """The documents of a stream of unpacked records; what follows damage is lost, and said to be.

    Raises:
        UserError: warcio is not installed.
    """
    try:
        from warcio.archiveiterator import ArchiveIterator
    except ImportError:
        raise UserError(f'{place}: WARC files need the package warcio; pip install "ftcore[warc]"') from None
    number = 0
    try:
        records = ArchiveIterator(_Plain(stream))
        records.reader = reader = _bounded(records)
        while record := _asked(lambda: next(records, None)):
            number += 1
            reader.lines = 0
            _take(record, number, out)
            yield
    except streams.Broken as error:
        out.break_off(number + 1, str(error))
    yield


def _asked(ask: Callable[[], T]) -> T:
    """What warcio answers; a record that is none may fail it anywhere."""
    try:
        return ask()
    except (streams.Broken, UserError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        told = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise streams.Broken(f"corrupt WARC ({told})") from None


class _Plain:
    """A stream for warcio; damage comes as `Broken`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = _BLOCK) -> bytes:
        return streams.read(self._stream, size if size >= 0 else _BLOCK)


def _bounded(records: Any) -> Any:
    """warcio's reader, which takes lines of any length, within a bound."""
    from warcio.bufferedreaders import DecompressingBufferedReader

    class Bounded(DecompressingBufferedReader):  # type: ignore[misc]  # warcio tells no types
        lines = 0

        def readline(self, length: int | None = None) -> bytes:
            self.lines += 1
            if self.lines > _HEADERS:
                raise streams.Broken("corrupt WARC (a header without end)")
            line = super().readline(min(length or _HEADER, _HEADER))
            if len(line) == _HEADER and not line.endswith(b"\n"):
                raise streams.Broken("corrupt WARC (a header's line without end)")
            return line

    return Bounded(records.fh, block_size=_BLOCK)


def _take(record: Any, number: int, out: BatchBuilder) -> None:
    """One record: a document, a reject, or none of either."""
    if not hasattr(record.raw_stream, "limit"):
        raise streams.Broken("corrupt WARC (a record without its length)")
    kind, http = record.rec_type, record.http_headers
    if kind not in ("conversion", "response", "resource"):
        out.note(f"records left out: {kind if kind and kind.isalpha() else 'of another kind'}")
        return
    if http is not None and (http.get_statuscode() or "200") != "200":
        out.note("records left out: answers of another status than 200")
        return
    told = (http.get_header("Content-Type") if http is not None else record.content_type) or ""
    if kind != "conversion" and told.partition(";")[0].strip().lower() not in _TEXTS:
        out.note("records left out: neither HTML nor plain text")
        return
    address = record.rec_headers.get_header("WARC-Target-URI") or ""
    content = record.content_stream()
    blocks, size = [], 0
    while size <= out.limit and (block := _asked(lambda: content.read(_BLOCK))):
        blocks.append(block)
        size += len(block)
    if size <= out.limit and record.raw_stream.limit > 0 and not record.raw_stream.read(1):
        raise streams.Broken("truncated archive")  # warcio takes what there is for the whole
    raw = b"".join(blocks)
    if size > out.limit:
        out.reject(number, TOO_LONG, f"{address} {raw[:200].decode('utf-8', 'replace')}")
        return
    codec = "utf-8" if kind == "conversion" else _codec(told, raw)
    try:
        out.add(number, raw.decode(codec).removeprefix("\ufeff"))
    except (UnicodeError, ValueError):
        out.reject(number, f"not {codec}", f"{address} {raw[:200].decode('utf-8', 'replace')}")


def _codec(told: str, raw: bytes) -> str:
    """The encoding of a page: as its server says, else as it says itself, else as it looks."""
    found = _CHARSET.search(told)
    meta = _META.search(raw[:2048])
    for name in (found[1] if found else "", meta[1].decode("ascii", "replace") if meta else ""):
        if name:
            try:
                # what pages call by the name of the smaller set is the larger one, as browsers know
                name = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252"}.get(name.lower(), name)
                return encodings.codec_of(name, "")
            except UserError:
                continue
    return encodings.detect(raw, whole=True)
