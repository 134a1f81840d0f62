"""Formats of plain lines: a document a line, paragraphs, and fastText's label format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from ftcore.config import Source
from ftcore.text.documents import BatchBuilder
from ftcore.text.encodings import is_framed_by_newline_byte
from ftcore.text.fields import labels_of
from ftcore.text.records import TOO_LONG, TextLine
from ftcore.text.streams import Broken, Reencoded, read_fully


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
