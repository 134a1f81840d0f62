"""Lines of a file or pipe as they come: a program at the other end may wait for each answer."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from ftcore.errors import UnreadableFile
from ftcore.reading import encodings, streams

_BLOCK = 1 << 16
_DOUBT = 1 << 20  # bytes of a line that are plain ASCII, after which it is taken for UTF-8


def live_lines(raw: io.BufferedReader) -> Iterator[list[str]]:
    r"""All lines that have come, as often as some have; unpacked, decoded, without their ends.

    Packed text is told by its first bytes; the encoding by the first block that is not plain ASCII, as the
    pipeline tells it. Bytes that are none of the encoding become U+FFFD.

    Raises:
        UserError: a damaged archive.

    Example:
        >>> list(live_lines(io.BufferedReader(io.BytesIO("a\n东京是日本的首都\nb".encode("gb18030")))))
        [['a', '东京是日本的首都'], ['b']]
    """
    stream = streams.decompressed(raw, streams.compression_of(raw.peek(18)[:18]))
    rest: list[str] = []  # pieces of a line that has not ended
    for text in _decoded(stream):
        head, newline, tail = text.rpartition("\n")
        if newline:
            yield [line.removesuffix("\r") for line in "".join([*rest, head]).split("\n")]
            rest = []
        rest.append(tail)
    if last := "".join(rest):
        yield [last]


def _decoded(stream: BinaryIO) -> Iterator[str]:
    held, decoder = b"", None
    while True:
        try:
            block = streams.read(stream, _BLOCK)
        except streams.Broken as error:
            raise UnreadableFile(f"{error}; the lines before it are answered") from None
        if decoder is not None:
            yield decoder.decode(block, final=not block)
            if not block:
                return
            continue
        held += block
        if block and held.isascii() and b"\0" not in held and len(held) < _DOUBT:
            cut = held.rfind(b"\n") + 1
            yield held[:cut].decode("ascii")
            held = held[cut:]
            continue
        codec = encodings.detect(held, whole=not block)
        decoder = codecs.getincrementaldecoder(codec)(errors="replace")
        yield decoder.decode(held, final=not block)
        if not block:
            return
