"""Bytes of a part as lines of bounded length: open, digest, decompress, re-encode, frame.

Nothing here grows with the file or with its longest line.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import xxhash
import zstandard

from ftcore.reading.opening import opened as opened

_BLOCK = 1 << 18  # bytes read at once
_ZSTD = 1 << 14  # of a zstd archive: what is lost at most before the place where it is damaged


LONGEST_WINDOW = 1 << 31  # bytes: what reading a zstd archive may hold (``zstd --long=31``)
_MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
_LITTLE = 1 << 10  # packed bytes taken at once where each may stand for many
_ARROW_WINDOW = 1 << 27  # the longest window that Arrow's zstd takes


class Broken(Exception):
    """The stream ends before its time; the message is the reason for the quarantine."""


class DigestingFile(io.RawIOBase):
    """The bytes ``start:stop`` of an open file, digested as they are read (stop -1: to the end)."""

    def __init__(self, raw: BinaryIO, start: int, stop: int) -> None:
        self._raw = raw
        self._left = stop - start if stop >= 0 else -1
        self._hash = xxhash.xxh3_128()
        raw.seek(start)

    def readable(self) -> bool:
        """True: it is read and nothing else."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, from its start; how many bytes, 0 at the end."""
        view = memoryview(buffer)
        if self._left >= 0:
            view = view[: self._left]
        count: int = self._raw.readinto(view)  # type: ignore[attr-defined]  # whatever is open can
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
    """A stream of the unpacked bytes: gz, bz2, xz and zst, of any number of members or frames.

    Args:
        raw: buffered, with a `peek`.
    """
    if compression == "gz":
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]  # it reads like one, here and below
    if compression == "bz2":
        return bz2.BZ2File(raw)  # type: ignore[return-value]
    if compression == "xz":
        return lzma.LZMAFile(raw)  # type: ignore[arg-type, return-value]
    if compression == "zst":
        if _window(raw.peek(18)) > _ARROW_WINDOW:  # type: ignore[union-attr]  # buffered, see above
            return _LongWindow(raw)  # type: ignore[return-value]
        # Arrow's, because zstandard's own stream reader does not tell a truncated frame from a whole one
        return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    return raw  # type: ignore[return-value]


def compression_of(head: bytes) -> str:
    """The compression of a file by its first bytes, whatever its name: gz, bz2, xz, zst or "".

    Example:
        >>> compression_of(gzip.compress(b"a")), compression_of(b"plain")
        ('gz', '')
    """
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def _window(head: bytes) -> int:
    """Bytes that a zstd frame looks back; 0 if that cannot be told (the reader will say what is wrong)."""
    try:
        return zstandard.get_frame_parameters(head).window_size
    except zstandard.ZstdError:
        return 0


class _LongWindow:
    """A zstd archive that looks back further than Arrow's reader can, up to `LONGEST_WINDOW` bytes."""

    def __init__(self, raw: BinaryIO | io.RawIOBase) -> None:
        self._raw, self._held = raw, b""
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def read(self, size: int) -> bytes:
        """Some unpacked bytes; `size` is a wish."""
        while True:
            block = self._held or self._raw.read(_LITTLE)
            self._held = b""
            if not block:
                if self._frame is not None:
                    raise EOFError
                return b""
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=LONGEST_WINDOW).decompressobj()
            data = self._frame.decompress(block)
            if self._frame.eof:
                self._held, self._frame = self._frame.unused_data, None
            if data:
                return data


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
    except tarfile.ReadError:
        raise Broken("truncated archive") from None
    except _DAMAGE as error:
        raise Broken(f"corrupt archive ({error})") from None
    except OSError as error:
        if error.errno is not None:  # the disk's fault, not the archive's
            raise
        if "Truncated" in str(error):
            raise Broken("truncated archive") from None
        raise Broken(f"corrupt archive ({str(error).splitlines()[0]})") from None


_DAMAGE = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile)


def read_fully(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes unless the stream ends before."""
    blocks = []
    while size > 0 and (block := read(stream, size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


class Joined(io.RawIOBase):
    """Bytes that were read already, and then the rest of their stream."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        """True: it is read and nothing else."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, from its start; how many bytes, 0 at the end."""
        block = self._head[: len(buffer)] or read(self._stream, len(buffer))
        self._head = self._head[len(block) :]
        buffer[: len(block)] = block
        return len(block)


class Rest(io.RawIOBase):
    """Bytes that were read already, and then the rest of their stream, or why it breaks off there."""

    def __init__(self, head: bytes, stream: BinaryIO, broken: Broken | None = None) -> None:
        self._head, self._stream, self._broken = head, stream, broken

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; b"" at the end."""
        if self._head:
            block, self._head = self._head[:size], self._head[size:]
            return block
        if self._broken is not None:
            raise self._broken
        return read(self._stream, size)


class Blocks:
    """A stream in large blocks: what is not done with stays, and more comes behind it.

    Attributes:
        held: what is not done with.
        over: the stream has ended, or broken off.
        returns: lines end in carriage returns, as `LineReader` would find.
    """

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.held, self.over, self.returns = b"", False, False
        self._stream, self._size, self._begun = stream, size, False
        self._broken: Broken | None = None

    def more(self) -> None:
        """About a block more."""
        blocks, size = [self.held], 0
        while size < self._size and not self.over:
            try:
                block = read(self._stream, _BLOCK)
            except Broken as error:
                block, self._broken = b"", error
            if not self._begun:
                self.returns = _by_returns(block)
                self._begun = True
            self.over = not block
            blocks.append(block)
            size += len(block)
            if self.returns:
                break  # whoever reads on begins with this block
        self.held = b"".join(blocks)

    def rest(self) -> BinaryIO:
        """What is held and whatever follows, or why nothing does."""
        return Rest(self.held, self._stream, self._broken)  # type: ignore[return-value]


class Reencoded:
    """A UTF-16 or UTF-32 stream as UTF-8, so that lines can be framed by the byte 0x0A.

    Lone surrogates are passed on as the invalid UTF-8 they are and reject one document, not the file.
    """

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        self._stream, self._codec = stream, codec
        self._decoder = codecs.getincrementaldecoder(codec)("surrogatepass")

    def read(self, size: int) -> bytes:
        """Some bytes of UTF-8, made of at most so many; empty at the end."""
        while block := read(self._stream, size):
            try:
                text = self._decoder.decode(block)
            except UnicodeError as error:  # not always a UnicodeDecodeError: UTF-16 without its mark
                raise _not_in(self._codec, error) from None
            if text:
                return text.encode("utf-8", "surrogatepass")
        try:
            return self._decoder.decode(b"", True).encode("utf-8", "surrogatepass")
        except UnicodeError as error:
            raise _not_in(self._codec, error) from None


def _not_in(codec: str, error: UnicodeError) -> Broken:
    return Broken(f"not {codec}: {getattr(error, 'reason', error)}")


class LineReader:
    r"""Numbered lines of a stream, without their line ends; a line over `limit` bytes comes as its start.

    Lines end at a newline, with or without a carriage return before it. With `returns` they end at
    carriage returns where the text begins with these and without any newline, as old Macs wrote it.

    Iterating yields ``(line, too_long)``; `number` is the 1-based number of the line just yielded.
    When the stream breaks off, iteration ends and `broken` holds the reason (an unfinished last
    line belongs to what is lost).

    Example:
        >>> list(LineReader(io.BytesIO(b"a\r\nb"), limit=10))
        [(b'a', False), (b'b', False)]
    """

    def __init__(
        self, stream: BinaryIO | Reencoded, limit: int, first: int = 1, returns: bool = False
    ) -> None:
        self._stream, self._limit, self._begins = stream, limit, returns
        self.number = first - 1
        self.broken = ""

    def __iter__(self) -> Iterator[tuple[bytes, bool]]:
        held: list[bytes] = []  # pieces of the unfinished line
        size = 0
        returns: _Returns | None = None
        skipping = False  # over the limit: the rest of the line is thrown away
        while True:
            try:
                block = read(self._stream, _BLOCK)  # type: ignore[arg-type]  # of which it takes `read` alone
            except Broken as error:
                self.broken = str(error)
                return
            if self._begins:
                self._begins = False
                returns = _Returns() if _by_returns(block) else None
            if not block:
                break
            if returns:
                block = returns.as_newlines(block)
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


def _by_returns(first: bytes) -> bool:
    return b"\r" in first[:-1] and b"\n" not in first


class _Returns:
    """Carriage returns as newlines, block by block; one before a newline belongs to it."""

    def __init__(self) -> None:
        self._held = False  # the last block ended with one

    def as_newlines(self, block: bytes) -> bytes:
        if self._held and block.startswith(b"\n"):
            block = block[1:]
        self._held = block.endswith(b"\r")
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
