"""One source of lines for training: files, compressed files, Parquet, lists and iterators.

It is read several times (count, encode), in blocks of a few megabytes that threads scan at once. A line is
in fastText's format: words and labels (words that start with the label prefix) between separators.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ftcore.dictionary.spool import spooled
from ftcore.dictionary.tokens import Block, encode, joined_lines, padded
from ftcore.errors import UnreadableFile, UserError
from ftcore.native import PAD
from ftcore.reading.missing import is_missing
from ftcore.reading.opening import opened

_SUFFIXES = {".gz": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst"}
_BLOCK = 4 << 20  # bytes of a block, about
_ITEMS = 2048  # lines of a list joined at a time
_NEWLINE = 10
_SEPARATORS = b" \n\r\t\v\f\0"


class Lines:
    r"""Text that can be read again and again, in blocks.

    Args:
        input: a path (plain, ``.gz .bz2 .xz .zst``, or ``.parquet``), several paths (a list or tuple of
            `Path`), or lines: a list, any iterable of str or bytes (one that can be iterated only once is
            first written to a temporary file). A plain `str` is a path.
        tokens: column of a Parquet file: text.
        labels: column of a Parquet file: a label or a list of labels; it may be missing.
        label: prefix put before the labels of a Parquet file.

    Raises:
        UserError: a missing or unreadable file, a damaged archive, a newline inside a line or a label.

    Example:
        >>> [bytes(block()[:-PAD]) for block in Lines(["a b", "c"]).blocks()]
        [b'a b\nc\n']
    """

    def __init__(
        self,
        input: str | Path | Iterable[str | bytes | Path],
        *,
        tokens: str = "tokens",
        labels: str = "labels",
        label: str = "__label__",
    ) -> None:
        self.columns, self.label = (tokens, labels), label
        self.paths: list[Path] | None = None
        self.items: Iterable[Any] | None = None  # each is looked at as it is read
        if isinstance(input, str | Path):
            self._kept = [spooled(input)]
            self.paths = [Path(input) for input in self._kept]
        elif isinstance(input, list | tuple) and input and all(isinstance(one, Path) for one in input):
            self._kept = list(map(spooled, input))
            self.paths = [Path(input) for input in self._kept]
        elif isinstance(input, bytes | os.PathLike) or not hasattr(input, "__iter__"):
            raise UserError(
                f"lines from {type(input).__name__}: give a path, several, or an iterable of lines"
            )
        elif iter(input) is input:  # can be read once only
            import tempfile

            self._spool = tempfile.NamedTemporaryFile(prefix="ftcore-lines-")  # noqa: SIM115 - lives with self
            for block in _joined(input):
                self._spool.write(block)
            self._spool.flush()
        else:
            self.items = input
        for path in self.paths or ():
            _check(path)

    def blocks(self, whole_lines: bool = True) -> Iterator[Block]:
        """Readers of the blocks, in order: each gives uint8[bytes + PAD] that ends between words.

        Args:
            whole_lines: end at a newline (a line of any size is then one block).
        """
        if self.items is not None:
            for block in _joined(self.items):
                yield partial(padded, block)
        elif self.paths is None:
            yield from _pieces(self._spool.name, whole_lines)
        else:
            for i, path in enumerate(self.paths):
                yield from self._file(path, whole_lines, last=i == len(self.paths) - 1)

    def _file(self, path: Path, whole_lines: bool, last: bool) -> Iterator[Block]:
        """A file's blocks; one that is not the last gets the newline its last line may lack."""
        if path.suffix == ".parquet":
            from ftcore.dictionary.columns import parquet_blocks

            yield from parquet_blocks(path, *self.columns, self.label)
        elif path.suffix in _SUFFIXES:
            for data, final in _unpacked(path, _SUFFIXES[path.suffix], whole_lines):
                yield partial(padded, data, close=final and not last)
        else:
            yield from _pieces(str(path), whole_lines, close=not last)


def _check(path: Path) -> None:
    if not path.exists():
        raise UnreadableFile(f"{path}: there is no such file; check the path of the input")
    if path.is_dir():
        raise UnreadableFile(f"{path}: is a directory; name its files")
    with opened(str(path)):
        pass


# ----------------------------------------------------------------------------------------------- files
def _pieces(path: str, whole_lines: bool, close: bool = False) -> Iterator[Block]:
    """Blocks of a plain file by ranges: here only their ends are looked for."""
    with opened(path) as file:
        size, start = file.seek(0, os.SEEK_END), 0
        while start < size:
            stop = _border(file, start + _BLOCK, size, whole_lines)
            yield partial(_range, path, start, stop, close and stop == size)
            start = stop


def _border(file: BinaryIO, at: int, size: int, whole_lines: bool) -> int:
    """The first place from ``at`` on behind a newline (or any separator)."""
    while at < size:
        file.seek(at)
        window = file.read(1 << 16)
        found = [place for s in (b"\n" if whole_lines else _SEPARATORS) if (place := window.find(s)) >= 0]
        if found:
            return at + min(found) + 1
        at += max(1, len(window))
    return size


def _range(path: str, start: int, stop: int, close: bool) -> np.ndarray:
    size = stop - start
    out = np.zeros(size + 1 + PAD, np.uint8)
    with opened(path) as file:
        file.seek(start)
        if file.readinto(out.data[:size]) < size:
            raise UnreadableFile(f"{path}: became shorter while it was read; run again")
    if close and out[size - 1] != _NEWLINE:
        out[size] = _NEWLINE
        size += 1
    return out[: size + PAD]


def _unpacked(path: Path, compression: str, whole_lines: bool) -> Iterator[tuple[bytes, bool]]:
    """Blocks of a compressed file, and whether one is the last."""
    from ftcore.reading import streams

    held = ready = b""
    with opened(str(path)) as file:
        stream = streams.decompressed(file, compression)
        try:
            while data := streams.read_fully(stream, _BLOCK):
                held += data
                cut = held.rfind(b"\n") if whole_lines else max(held.rfind(s) for s in _SEPARATORS)
                if cut >= 0:
                    if ready:
                        yield ready, False
                    ready, held = held[: cut + 1], held[cut + 1 :]
        except streams.Broken as error:
            raise UnreadableFile(f"{path}: {error}; unpack it anew or get the file again") from None
    if ready:
        yield ready, not held
    if held:
        yield held, True


# ----------------------------------------------------------------------------------------------- items
def _joined(items: Iterable[Any]) -> Iterator[bytes]:
    """The lines as blocks of bytes, each line with its newline."""
    source, count = iter(items), 0
    held: list[bytes] = []
    size = 0
    while part := list(islice(source, _ITEMS)):
        data = joined_lines(part) if all(isinstance(item, str | bytes) for item in part) else b""
        if data.count(b"\n") != len(part):
            data = b"".join(_line(item, count + i) for i, item in enumerate(part))
        held.append(data)
        size += len(data)
        count += len(part)
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _line(item: str | bytes, number: int) -> bytes:
    if not isinstance(item, str | bytes):
        what = "a missing value" if is_missing(item) else type(item).__name__
        raise UserError(f"line {number}: {what} ({item!r}), not str or bytes; give lines of text")
    data = encode(item)
    data = data[:-1] if data.endswith(b"\n") else data
    if b"\n" in data:
        where = data.index(b"\n")
        raise UserError(
            f"line {number}: a newline at byte {where}; a line is one document: replace it by a space"
        )
    return data + b"\n"
