"""Bytes of a part as lines of bounded length: open, digest, decompress, re-encode, frame.

Nothing here grows with the file or with its longest line.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import xxhash

from ftcore.errors import UserError

_BLOCK = 1 << 18  # bytes read at once
_ZSTD = 1 << 14  # of a zstd archive: what is lost at most before the place where it is damaged


class Broken(Exception):
    """The stream ends before its time; the message is the reason for the quarantine."""


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading; what the user can mend becomes a `UserError`."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise UserError(f"{path}: the file vanished after it was listed; put it back or run again") from None
    except (PermissionError, IsADirectoryError) as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    with file:
        yield file


class DigestingFile(io.RawIOBase):
    """The bytes ``start:stop`` of an open file, digested as they are read (stop -1: to the end)."""

    def __init__(self, raw: BinaryIO, start: int, stop: int) -> None:
        self._raw = raw
        self._left = stop - start if stop >= 0 else -1
        self._hash = xxhash.xxh3_128()
        raw.seek(start)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        view = memoryview(buffer)
        if self._left >= 0:
            view = view[: self._left]
        count = self._raw.readinto(view)
        self._hash.update(view[:count])
        if self._left >= 0:
            self._left -= count
        return count

    def digest(self) -> str:
        """Digest of the whole range; reads what has not been read yet."""
        buffer = bytearray(_BLOCK)
        while self.readinto(buffer):
            pass
        return self._hash.hexdigest()


def decompressed(raw: BinaryIO | io.RawIOBase, compression: str) -> BinaryIO:
    """A stream of the unpacked bytes: gz, bz2, xz and zst, of any number of members or frames."""
    if compression == "gz":
        return gzip.GzipFile(fileobj=raw)
    if compression == "bz2":
        return bz2.BZ2File(raw)
    if compression == "xz":
        return lzma.LZMAFile(raw)
    if compression == "zst":
        # Arrow's, because zstandard's own stream reader does not tell a truncated frame from a whole one
        return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    return raw


def read(stream: BinaryIO, size: int) -> bytes:
    """At most `size` bytes, b"" at the end; `Broken` if the archive is damaged here.

    What can still be unpacked before the damage comes first: `read1` ends with one step of the
    decompressor, where `read` would throw its earlier steps away. Arrow's zstd has no such step, so it
    is asked for little at a time.
    """
    try:
        if isinstance(stream, pa.CompressedInputStream):
            return stream.read(min(size, _ZSTD))
        return stream.read1(size) if hasattr(stream, "read1") else stream.read(size)
    except EOFError:
        raise Broken("truncated archive") from None
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise Broken(f"corrupt archive ({error})") from None
    except OSError as error:
        if error.errno is not None:  # the disk's fault, not the archive's
            raise
        if "Truncated" in str(error):
            raise Broken("truncated archive") from None
        raise Broken(f"corrupt archive ({str(error).splitlines()[0]})") from None


def read_fully(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes unless the stream ends before."""
    blocks = []
    while size > 0 and (block := read(stream, size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


class Reencoded:
    """A UTF-16 or UTF-32 stream as UTF-8, so that lines can be framed by the byte 0x0A.

    Lone surrogates are passed on as the invalid UTF-8 they are and reject one document, not the file.
    """

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(codec)("surrogatepass")

    def read(self, size: int) -> bytes:
        while block := read(self._stream, size):
            try:
                text = self._decoder.decode(block)
            except UnicodeDecodeError as error:
                raise Broken(f"not {error.encoding}: {error.reason}") from None
            if text:
                return text.encode("utf-8", "surrogatepass")
        try:
            return self._decoder.decode(b"", True).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Broken(f"not {error.encoding}: {error.reason}") from None


class Lines:
    """Numbered lines of a stream, without their line ends; a line over `limit` bytes comes as its start.

    Iterating yields ``(line, too_long)``; `number` is the 1-based number of the line just yielded.
    When the stream breaks off, iteration ends and `broken` holds the reason (an unfinished last
    line belongs to what is lost).

    >>> list(Lines(io.BytesIO(b"a\\r\\nb"), limit=10))
    [(b'a', False), (b'b', False)]
    """

    def __init__(self, stream: BinaryIO | Reencoded, limit: int, first: int = 1) -> None:
        self._stream, self._limit = stream, limit
        self.number = first - 1
        self.broken = ""

    def __iter__(self) -> Iterator[tuple[bytes, bool]]:
        held: list[bytes] = []  # pieces of the unfinished line
        size = 0
        skipping = False  # over the limit: the rest of the line is thrown away
        while True:
            try:
                block = read(self._stream, _BLOCK)
            except Broken as error:
                self.broken = str(error)
                return
            if not block:
                break
            lines = block.split(b"\n")
            last = lines.pop()
            if lines:
                yield self._line(b"".join([*held, lines[0]]), skipping)
                for line in lines[1:]:
                    yield self._line(line, False)
                held, size, skipping = [], 0, False
            if last and not skipping:
                held.append(last)
                size += len(last)
                skipping = size > self._limit + 1  # + 1: a carriage return is not part of the line
        if held:
            yield self._line(b"".join(held), skipping)

    def _line(self, line: bytes, too_long: bool) -> tuple[bytes, bool]:
        self.number += 1
        if line.endswith(b"\r"):
            line = line[:-1]
        return line[: self._limit + 1], too_long or len(line) > self._limit
