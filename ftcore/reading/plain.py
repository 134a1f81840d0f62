"""Formats of plain lines: a document a line, paragraphs, and fastText's label format."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from ftcore.config import Source
from ftcore.reading.documents import BATCH_ROWS, BatchBuilder
from ftcore.reading.encodings import is_framed_by_newline_byte
from ftcore.reading.fields import labels_of
from ftcore.reading.records import TOO_LONG, TextLine, text_lines
from ftcore.reading.streams import Blocks, Broken, LineReader, Reencoded, read_fully

_BLOCK = 1 << 18  # bytes looked through at once
_SPACES = frozenset([*range(0x21), 0xC2, 0xE1, 0xE2, 0xE3])  # first bytes of all that str.isspace takes


def read_lines(lines: Iterator[TextLine], out: BatchBuilder) -> Iterator[None]:
    """Every line that is not blank is a document."""
    for number, text, damage in lines:
        if damage:
            out.reject(number, damage, text)
        elif text and not text.isspace():
            out.beside([text])
            out.add(number, text)
        else:
            out.blank(number)
        yield


def read_line_blocks(
    stream: BinaryIO, encoding: str, out: BatchBuilder, limit: int, first: int = 1
) -> Iterator[None]:
    """What `read_lines` makes of a stream of UTF-8, in blocks: only one with damage is looked at line by line.

    Args:
        stream: bytes.
        encoding: what it was called, for `text_lines`.
        out: takes documents and rejects; it keeps no rows beside them.
        limit: bytes of a line.
        first: number of the first line.
    """
    blocks, line = Blocks(stream, _BLOCK), first
    while not blocks.over:
        blocks.more()
        end = blocks.held.rfind(b"\n") + 1
        if (line == 1 and blocks.returns) or (end == 0 and len(blocks.held) > 2 * limit + _BLOCK):
            break
        block, blocks.held = blocks.held[:end], blocks.held[end:]
        lines = _plain_lines(block, limit, line == 1)
        if lines is None:
            framed = LineReader(io.BytesIO(block), limit, line)
            yield from read_lines(text_lines(framed, encoding), out)
            line = framed.number + 1
            continue
        kept = [number for number, text in enumerate(lines) if text and not _is_blank(text)]
        for at in range(0, len(kept), BATCH_ROWS):
            some = kept[at : at + BATCH_ROWS]
            out.add_plain([line + number for number in some], [lines[number] for number in some])
            yield
        line += len(lines)
    framed = LineReader(blocks.rest(), limit, line, returns=line == 1 and blocks.returns)
    yield from read_lines(text_lines(framed, encoding), out)
    if framed.broken:
        out.break_off(framed.number + 1, framed.broken)


def _plain_lines(block: bytes, limit: int, begins: bool) -> list[bytes] | None:
    """The lines of whole ones, None where one of them is damaged or too long."""
    text = block.replace(b"\r\n", b"\n")
    if begins:
        text = text.removeprefix(codecs.BOM_UTF8)
    lines = text.split(b"\n")[:-1]
    try:
        text.decode()
    except UnicodeDecodeError:
        return None
    longest = max(map(len, lines), default=0)
    return lines if b"\0" not in text and longest + len(codecs.BOM_UTF8) <= limit else None


def _is_blank(line: bytes) -> bool:
    return line[0] in _SPACES and line.decode().isspace()


def read_file(stream: BinaryIO | Reencoded, codec: str, out: BatchBuilder) -> Iterator[None]:
    """The whole file is one document."""
    codec = codec if is_framed_by_newline_byte(codec) else "utf-8"  # what `Reencoded` makes of the others
    try:
        raw = read_fully(stream, out.limit + 4)  # type: ignore[arg-type]  # + 4: a byte-order mark
    except Broken as error:
        out.break_off(1, str(error))
        yield
        return
    try:
        text = raw.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError:
        text, damage = raw[:400].decode(codec, "replace"), f"not {codec.removesuffix('-sig')}"
        out.reject(1, TOO_LONG if len(raw) > out.limit + 3 else damage, text)
    else:
        out.add(1, text.replace("\r\n", "\n").replace("\r", "\n").strip())
    yield


def read_paragraphs(lines: Iterator[TextLine], out: BatchBuilder) -> Iterator[None]:
    """Blank lines separate documents; a damaged line rejects its whole paragraph."""
    held: list[str] = []
    first, size, reason = 0, 0, ""

    def finish() -> None:
        if reason:
            out.reject(first, reason, "\n".join(held))
        elif held:
            out.add(first, "\n".join(held))

    for number, text, damage in lines:
        if damage or not (not text or text.isspace()):
            if not held:
                first = number
            size += len(text)
            if size > out.limit:
                damage = damage or TOO_LONG
            if not reason:
                held.append(text)
            reason = reason or damage
        elif held:
            finish()
            held, size, reason = [], 0, ""
            yield
    finish()
    yield


def read_fasttext(lines: Iterator[TextLine], out: BatchBuilder, source: Source) -> Iterator[None]:
    """``__label__a __label__b some words``; without `source.label` the labels are dropped.

    As in fastText, a token that begins with the prefix is a label wherever it stands.
    """
    prefix = source.label_prefix
    for number, text, damage in lines:
        if damage:
            out.reject(number, damage, text)
        elif text and not text.isspace():
            tokens = text.split()
            labels = [token[len(prefix) :] for token in tokens if token.startswith(prefix)] if prefix else []
            words = [token for token in tokens if not token.startswith(prefix)] if prefix else tokens
            if "" in labels and source.label is not None:
                out.note(
                    f"documents with {prefix!r} and no name behind it (a space?): no label is made of that"
                )
            kept = labels_of(labels, source.label_names) if source.label is not None else None
            out.add(number, " ".join(words), kept)
        yield
