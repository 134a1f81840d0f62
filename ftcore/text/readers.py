"""Parts of files as batches of documents: one door for all formats.

>>> for documents, rejected in read_part(part, ingest): ...          # doctest: +SKIP
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import pyarrow as pa

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.text import delimited, jsonl, parquet, plain, streams, wiki
from ftcore.text.documents import BatchBuilder, Notes
from ftcore.text.encodings import is_framed_by_newline_byte
from ftcore.text.records import TextLine, text_lines
from ftcore.text.sources import Part

# A line may be longer than the text in it: \\u4e2d for a character of 3 bytes, "" for a quote.
_LINE_LIMIT = {"jsonl": 6, "csv": 2, "tsv": 2}

Batches = Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]


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
    """`read_part` of parts of one source, one after the other; a batch may hold the end of one and the
    start of the next, so that small files do not make small batches.

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
        out.source = f"{part.name}:{part.relative}"
        yield from (_read_parquet if part.format == "parquet" else _read_lines)(part, source, out)
    yield from out.take()


def _read_parquet(part: Part, source: Source, out: BatchBuilder) -> Batches:
    with streams.opened(part.path):
        pass
    if parquet.digest(part.path, part.start, part.stop) != part.digest:
        raise _changed(part)
    for _ in parquet.read_parquet(part.path, part.start, part.stop, part.first_line, out, source):
        if out.full:
            yield from out.take()
    if parquet.digest(part.path, part.start, part.stop) != part.digest:
        raise _changed(part)


def _read_lines(part: Part, source: Source, out: BatchBuilder) -> Batches:
    with streams.opened(part.path) as raw:
        header = _first_line(part, out.limit) if part.start else None
        ranged = streams.DigestingFile(raw, part.start, part.stop)
        buffered = io.BufferedReader(ranged, 1 << 18)
        stream = streams.decompressed(buffered, part.compression)
        if not is_framed_by_newline_byte(part.encoding):
            stream = streams.Reencoded(stream, part.encoding)
        lines = streams.Lines(stream, out.limit * _LINE_LIMIT.get(part.format, 1), part.first_line)
        try:
            for _ in _documents(part, source, text_lines(lines, part.encoding), out, header):
                if out.full:
                    yield from out.take()
        except UserError:
            if ranged.digest() != part.digest:  # a changed file explains a column that is gone
                raise _changed(part) from None
            raise
        if lines.broken:
            out.reject(lines.number + 1, lines.broken)
        if ranged.digest() != part.digest:
            raise _changed(part)


def _documents(
    part: Part, source: Source, lines: Iterator[TextLine], out: BatchBuilder, header: str | None
) -> Iterator[None]:
    place = f"{part.path} (source {part.name!r})"
    if part.format == "lines":
        return plain.read_lines(lines, out)
    if part.format == "paragraphs":
        return plain.read_paragraphs(lines, out)
    if part.format == "fasttext":
        return plain.read_fasttext(lines, out, source)
    if part.format == "wiki":
        return wiki.read_wiki(lines, out)
    if part.format == "jsonl":
        return jsonl.read_jsonl(lines, out, source, place if part.start == 0 else "")
    assert part.format in ("csv", "tsv"), part.format
    return delimited.read_delimited(
        lines, out, source, delimited.delimiter_of(source, part.format), place, header
    )


def _first_line(part: Part, limit: int) -> str:
    """The first line of the file that is not blank: the header of its csv and tsv parts."""
    with streams.opened(part.path) as raw:
        for _, text, _ in text_lines(streams.Lines(raw, limit), part.encoding):
            if text.strip():
                return text
    return ""


def _changed(part: Part) -> UserError:
    return UserError(f"{part.path}: changed while being read; let whatever writes it finish, then run again")
