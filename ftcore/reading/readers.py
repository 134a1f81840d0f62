"""Parts of files as batches of documents: one door for all formats.

Example:
    >>> [documents["text"].to_pylist() for documents, rejected in read_part(part, ingest)]
    [['a good film']]
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import PurePath
from typing import BinaryIO

import pyarrow as pa

from ftcore.base.addresses import shown
from ftcore.config import Ingest, Source
from ftcore.errors import UnreadableFile, UserError
from ftcore.reading import (
    archives,
    arrow,
    delimited,
    encodings,
    json_values,
    jsonl,
    mediawiki,
    parquet,
    plain,
    streams,
    warc,
    wiki,
)
from ftcore.reading.documents import BatchBuilder, Notes
from ftcore.reading.encodings import is_framed_by_newline_byte
from ftcore.reading.fetched import on_disk
from ftcore.reading.fields import labels_of
from ftcore.reading.records import text_lines
from ftcore.reading.sources import Part
from ftcore.reading.suffixes import FORMATS, OWN_ENCODING, is_taken, stem, suffixes

# A line may be longer than the text in it: \\u4e2d for a character of 3 bytes, "" for a quote.
_LINE_LIMIT = {"jsonl": 6, "json": 6, "csv": 2, "tsv": 2}
_LOOK = 1 << 22  # bytes of a file in an archive that its encoding is looked for in

Batches = Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]
Part_ = Generator[tuple[pa.RecordBatch, pa.RecordBatch], None, int]
"""Batches of one part; returns how far the file was read, in bytes."""


def read_part(part: Part, ingest: Ingest, notes: Notes | None = None) -> Batches:
    """Read one part: (documents, rejected) of at most about 2,000 rows and 1 MB of text each.

    Damage costs the document it is in: it becomes a rejected row (step ``read``) with file, line and
    reason. Documents without any text are left out with step ``filters``, reason ``empty``. What
    follows the point where an archive breaks off is one rejected row.

    Args:
        notes: where what a user should know beside that is counted.

    Raises:
        UserError: the file vanished or is no longer what `cut_file` saw, or lacks a column.
    """
    return read_parts([part], ingest, notes)


def read_parts(
    parts: Sequence[Part], ingest: Ingest, notes: Notes | None = None, out: BatchBuilder | None = None
) -> Batches:
    """`read_part` of parts of one source, one after the other.

    A batch may hold the end of one and the start of the next, so that small files do not make small batches.

    Args:
        out: what takes the documents; its own batches are given out (`rows.RowBuilder`).
    """
    source = ingest.sources[parts[0].source]
    out = out or BatchBuilder(
        source="",
        language="" if source.language == "auto" else source.language,
        split="" if source.split == "auto" else source.split,
        limit=ingest.max_document_bytes,
        notes=notes,
    )
    for part in parts:
        with on_disk(part.path, source.credentials, ingest.cache_bytes) as path:
            yield from _read_part(part, path, source, out)
    yield from out.take()


def _read_part(part: Part, path: str, source: Source, out: BatchBuilder) -> Batches:
    """One part; what of a file is lost where it breaks off is noted by its bytes."""
    size = os.path.getsize(path) if os.path.exists(path) else 0
    out.source, out.labels = f"{part.name}:{part.relative}", _labels_of(part.relative, source)
    out.notes.bytes += size if part.start == 0 else 0
    out.broken, before = "", out.taken
    read = {"parquet": _read_parquet, "arrow": _read_arrow, "zip": _read_archive, "tar": _read_archive}
    at = yield from read.get(part.format, _read_text)(part, path, source, out)
    if out.broken:
        lost = size if out.taken == before else max(0, size - at)
        out.notes.lost.append((f"{part.name}:{part.relative}", out.broken, lost))


def _labels_of(relative: str, source: Source) -> list[str]:
    """The label that a file's place or name gives to all its documents."""
    if not source.labels_from_names:
        return []
    name = PurePath(relative).parent.name if source.label_from == "folder" else stem(relative)
    return labels_of(name, source.label_names)


def _read_parquet(part: Part, path: str, source: Source, out: BatchBuilder) -> Part_:
    with streams.opened(path):
        pass
    if parquet.digest(path, part.start, part.stop) != part.digest:
        raise _changed(part)
    for _ in parquet.read_parquet(
        path, part.start, part.stop, part.first_line, out, source, shown(part.path)
    ):
        if out.full:
            yield from out.take()
    if parquet.digest(path, part.start, part.stop) != part.digest:
        raise _changed(part)
    return os.path.getsize(path)


def _read_arrow(part: Part, path: str, source: Source, out: BatchBuilder) -> Part_:
    with streams.opened(path) as raw:
        head = arrow.schema_bytes(path) if part.start else b""
        ranged = streams.DigestingFile(raw, part.start, part.stop)
        stream = io.BufferedReader(streams.Joined(head, io.BufferedReader(ranged, 1 << 18)), 1 << 18)
        for _ in arrow.read_arrow(stream, part.first_line, out, source, shown(part.path)):
            if out.full:
                yield from out.take()
        at = raw.tell()
        if ranged.digest() != part.digest:
            raise _changed(part)
        return at


def _read_text(part: Part, path: str, source: Source, out: BatchBuilder) -> Part_:
    with streams.opened(path) as raw:
        header = _first_line(part, path, out.limit) if part.start else None
        ranged = streams.DigestingFile(raw, part.start, part.stop)
        stream = streams.decompressed(io.BufferedReader(ranged, 1 << 18), part.compression)
        place = f"{shown(part.path)} (source {part.name!r})"
        try:
            for _ in _documents(
                stream, part.format, part.encoding, source, out, place, part.first_line, header
            ):
                if out.full:
                    yield from out.take()
        except UserError:
            if ranged.digest() != part.digest:  # a changed file explains a column that is gone
                raise _changed(part) from None
            raise
        at = raw.tell()
        if ranged.digest() != part.digest:
            raise _changed(part)
        return at


def _read_archive(part: Part, path: str, source: Source, out: BatchBuilder) -> Part_:
    """The files in a tar or zip archive; one that is damaged costs itself, its name and reason are rejected."""
    with streams.opened(path) as raw:
        if part.format == "zip":
            stream: BinaryIO = raw
            ranged = None
        else:
            ranged = streams.DigestingFile(raw, 0, -1)
            stream = streams.decompressed(io.BufferedReader(ranged, 1 << 18), part.compression)
        try:
            for member in archives.members_of(part.format, stream):
                out.source = f"{part.name}:{part.relative}/{member.name}"
                for _ in _member(member, part, source, out):
                    if out.full:
                        yield from out.take()
        except streams.Broken as error:
            out.source = f"{part.name}:{part.relative}"
            out.break_off(1, str(error))
        at = raw.tell()
        if ranged is None:
            ranged = streams.DigestingFile(raw, 0, -1)
        if ranged.digest() != part.digest:
            raise _changed(part)
        return at


def _member(member: archives.Member, part: Part, source: Source, out: BatchBuilder) -> Iterator[None]:
    """The documents of a file in an archive."""
    relative = f"{part.relative}/{member.name}"
    if not is_taken(member.name, source.format):
        suffix = suffixes(member.name)[0]
        out.note(f"files in archives left out: {'*' + suffix if suffix else 'without a suffix'}")
        return
    inside = f"{stem(part.relative)}/{member.name}" if source.label_from == "folder" else relative
    out.labels, out.broken, before = _labels_of(inside, source), "", out.taken
    if member.stream is None:
        out.break_off(1, member.damage)
        yield
    else:
        try:
            yield from _unpacked(
                member.stream, member.name, source, out, f"{shown(part.path)}: {member.name}"
            )
        except streams.Broken as error:
            out.break_off(1, str(error))
            yield
    if out.broken and out.taken == before:
        out.notes.lost.append((out.source, out.broken, member.size))
    out.broken = ""


def _unpacked(packed: BinaryIO, name: str, source: Source, out: BatchBuilder, place: str) -> Iterator[None]:
    """The documents of a file that can be read but once."""
    format = source.format if source.format != "auto" else FORMATS[suffixes(name)[0]]
    if format == "parquet":
        with tempfile.TemporaryFile() as spooled:
            while block := streams.read(packed, 1 << 20):
                spooled.write(block)
            yield from parquet.read_parquet(spooled, 0, -1, 1, out, source, place)
        return
    if format == "arrow":
        yield from arrow.read_arrow(packed, 1, out, source, place)
        return
    head = streams.read_fully(packed, 18)
    stream: BinaryIO = io.BufferedReader(streams.Joined(head, packed), 1 << 16)
    stream = streams.decompressed(stream, streams.compression_of(head))
    if format in OWN_ENCODING:
        yield from _documents(stream, format, "", source, out, place)
        return
    head = streams.read_fully(stream, encodings.SAMPLE)
    whole = len(head) < encodings.SAMPLE
    while head.isascii() and not whole and len(head) < _LOOK:
        more = streams.read_fully(stream, encodings.SAMPLE)
        head, whole = head + more, not more
    codec = encodings.codec_of(source.encoding, place) if source.encoding != "auto" else ""
    codec = codec or encodings.detect(_sample(head), whole)
    if format == "jsonl":
        format = (
            json_values.layout_of(io.BytesIO(head), codec) if is_framed_by_newline_byte(codec) else "json"
        )
    joined = io.BufferedReader(streams.Joined(head, stream), 1 << 18)
    yield from _documents(joined, format, codec, source, out, place)


def _sample(head: bytes) -> bytes:
    """Bytes to tell the encoding from: those from the first line that is not ASCII."""
    if len(head) <= encodings.SAMPLE or head.isascii():
        return head
    spot = next(i for i in range(0, len(head), 1024) if not head[i : i + 1024].isascii())
    return head[head.rfind(b"\n", 0, spot) + 1 :]


def _documents(
    stream: BinaryIO,
    format: str,
    encoding: str,
    source: Source,
    out: BatchBuilder,
    place: str,
    first_line: int = 1,
    header: str | None = None,
) -> Iterator[None]:
    """The documents of a stream of unpacked bytes."""
    if format in OWN_ENCODING:
        yield from (warc.read_warc if format == "warc" else mediawiki.read_mediawiki)(stream, out, place)
        return
    text = stream if is_framed_by_newline_byte(encoding) else streams.Reencoded(stream, encoding)
    limit = out.limit * _LINE_LIMIT.get(format, 1)
    if format == "file":
        yield from plain.read_file(text, encoding, out)
        return
    if format == "json":
        codec = encoding if text is stream else "utf-8"
        yield from jsonl.read_json(text, codec, limit, out, source, place)
        return
    if text is stream and encoding in ("utf-8", "utf-8-sig") and type(out) is BatchBuilder:
        by_blocks = {"wiki": wiki.read_pages, "lines": plain.read_line_blocks}.get(format)
        if by_blocks:
            yield from by_blocks(stream, encoding, out, limit, first_line)
            return
    framed = streams.LineReader(text, limit, first_line, returns=first_line == 1)
    lines = text_lines(framed, encoding)
    if format == "lines":
        yield from plain.read_lines(lines, out)
    elif format == "paragraphs":
        yield from plain.read_paragraphs(lines, out)
    elif format == "fasttext":
        yield from plain.read_fasttext(lines, out, source)
    elif format == "wiki":
        yield from wiki.read_wiki(lines, out)
    elif format == "jsonl":
        yield from jsonl.read_jsonl(lines, out, source, place if first_line == 1 else "")
    else:
        assert format in ("csv", "tsv"), format
        delimiter = delimited.delimiter_of(source, format)
        yield from delimited.read_delimited(lines, out, source, delimiter, place, header)
    if framed.broken:
        out.break_off(framed.number + 1, framed.broken)


def _first_line(part: Part, path: str, limit: int) -> str:
    """The first line of the file that is not blank: the header of its csv and tsv parts."""
    with streams.opened(path) as raw:
        for _, text, _ in text_lines(streams.LineReader(raw, limit), part.encoding):
            if text.strip():
                return text
    return ""


def _changed(part: Part) -> UnreadableFile:
    return UnreadableFile(
        f"{shown(part.path)}: changed while being read; let whatever writes it finish, then run again"
    )
