"""Lines of bytes as lines of text, decoded one by one so that damage costs one document."""

from __future__ import annotations

from collections.abc import Iterator

from ftcore.reading.encodings import is_framed_by_newline_byte
from ftcore.reading.streams import LineReader

TOO_LONG = "longer than max_document_bytes"
TextLine = tuple[int, str, str]
"""(1-based line number, text, damage): with a `damage` the text is only there to be quoted."""


def text_lines(lines: LineReader, codec: str) -> Iterator[TextLine]:
    """Decode lines; undecodable bytes, NUL bytes and excessive length come as damage.

    Args:
        codec: of the file; UTF-16 and UTF-32 have been turned into UTF-8 by `streams.Reencoded`.
    """
    shown = codec
    if codec == "utf-8-sig" or not is_framed_by_newline_byte(codec):
        codec = "utf-8"
    damage = f"not {'utf-8' if shown == 'utf-8-sig' else shown}"
    for raw, too_long in lines:
        number = lines.number
        if too_long:
            yield number, raw[:400].decode(codec, "replace"), TOO_LONG
            continue
        try:
            text = raw.decode(codec)
        except UnicodeDecodeError:
            yield number, raw[:400].decode(codec, "replace"), damage
            continue
        if number == 1 and text.startswith("\ufeff"):
            text = text[1:]
        if "\0" in text:
            yield number, text[:400], "NUL byte"
        else:
            yield number, text, ""
