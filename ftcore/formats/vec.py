"""Vectors as text: the `.vec` of fastText and word2vec, written byte for byte as the original does.

A header ``rows columns``, then a line for each word: the word, a space, and each value followed by a
space. Source: fastText 0.9.3 ``src/fasttext.cc`` (``saveVectors``, ``loadVectors``) and ``src/vector.cc``
(``operator<<``: 5 significant digits).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike

import numpy as np

from ftcore import native
from ftcore.base.cores import cores
from ftcore.base.files import atomic_file
from ftcore.base.threads import ahead
from ftcore.dictionary.lookup import Words
from ftcore.errors import UnreadableFile, UserError
from ftcore.formats.cursor import Cursor
from ftcore.formats.digits import format_rows, parse_lines, parse_value

_BLOCK = 1 << 18  # values formatted at a time


def write_vec(
    path: str | PathLike,
    words: Sequence[bytes],
    vectors: np.ndarray | Iterable[np.ndarray],
    threads: int | None = None,
) -> None:
    """Write a `.vec`; it appears whole or not at all.

    Args:
        words: as bytes, for each row of `vectors`.
        vectors: float32[n, D], or blocks of consecutive rows float32[k, D], so that a large table need
            not be in memory at once.
        threads: None takes one a core.

    Raises:
        UserError: another number of vectors than of words, blocks of different width, or a word with a
            newline, which would end its line.

    Example:
        ``write_vec("m.vec", [b"the", b"of"], np.zeros((2, 100), np.float32))``
    """
    packed = Words.of(words)
    blob, offsets = packed.blob, packed.offsets
    if (blob == 10).any():
        row = int(np.searchsorted(offsets, np.flatnonzero(blob == 10)[0], "right")) - 1
        raise UserError(f"{path}: word {row}, {words[row]!r}, has a newline, which a .vec cannot hold")
    blocks = iter([vectors] if isinstance(vectors, np.ndarray) else vectors)
    head = next(blocks, None)
    dim = 0 if head is None else head.shape[1]
    done = 0

    def jobs() -> Iterator[tuple[np.ndarray, np.ndarray, int, np.ndarray]]:
        nonlocal done
        for rows in _pieces(head, blocks, dim, path):
            done += len(rows)
            if done > len(words):
                raise UserError(f"{path}: {len(words)} words but more vectors than that")
            yield blob, offsets, done - len(rows), rows

    with atomic_file(path) as file:
        file.write(b"%d %d\n" % (len(words), dim))
        for lines in ahead(format_rows, jobs(), threads or cores()):
            file.write(lines)
        if done != len(words):
            raise UserError(f"{path}: {len(words)} words but {done} vectors")


def _pieces(
    head: np.ndarray | None, blocks: Iterator[np.ndarray], dim: int, path: str | PathLike
) -> Iterator[np.ndarray]:
    """The blocks, cut so that every thread gets some work."""
    step = max(1, _BLOCK // max(1, dim))
    while head is not None:
        if head.ndim != 2 or head.shape[1] != dim:
            raise UserError(
                f"{path}: a block of vectors of shape {head.shape} among those with {dim} columns"
            )
        for start in range(0, len(head), step):
            yield np.require(head[start : start + step], np.float32, ["C", "A"])
        head = next(blocks, None)


def read_vec(path: str | PathLike, threads: int | None = None) -> tuple[list[bytes], np.ndarray]:
    """Read a `.vec`: (words, float32[n, D]).

    A word may be any bytes without a newline, spaces included (some published files have such words):
    the numbers are the last D fields of a line. Every number becomes the nearest float32.

    Args:
        threads: None takes one a core.

    Raises:
        UserError: no such file, no header, a line with another number of fields, something that is no
            number, or another number of lines than the header says; names the line.
    """
    cursor = Cursor.open(path)
    data = cursor.data
    starts = native.line_starts(data)
    rows, dim = _read_header(path, data, starts)
    lines = len(starts) - 2  # without the header
    if lines != rows:
        raise UnreadableFile(
            f"{path}: line 1 says {rows} rows, but {lines} lines follow; the file is cut off or joined: "
            "write or download it again, or correct the first number"
        )
    starts = starts[1:]
    words = np.zeros((rows, 2), np.int64)
    out = np.empty((rows, dim), np.float32)
    threads = threads or cores()
    cuts = np.linspace(0, rows, min(rows, 8 * threads) + 1).astype(int).tolist()
    jobs = ((data, starts, a, b, words, out) for a, b in zip(cuts[:-1], cuts[1:], strict=True))
    for line in ahead(parse_lines, jobs, threads):
        if line >= 0:
            raise _explain(path, line + 2, data[starts[line] : starts[line + 1]].tobytes(), dim)
    found = [data[a:b].tobytes() for a, b in words.tolist()]
    _refuse_wide_rows(path, found, dim)
    return found, out


def _read_header(path: str | PathLike, data: np.ndarray, starts: np.ndarray) -> tuple[int, int]:
    first = data[: starts[1] if len(starts) > 1 else 0][:100].tobytes()
    fields = first.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        raise UnreadableFile(
            f"{path}: line 1 is {first[:60]!r}, not 'rows columns'; give a .vec, or put that line before the rows"
        )
    rows, dim = int(fields[0]), int(fields[1])
    if dim < 1:
        raise UnreadableFile(f"{path}: line 1 says {dim} columns; there must be 1 at least")
    if rows * (2 * dim + 1) > len(data):  # a value takes two bytes
        raise UnreadableFile(
            f"{path}: line 1 says {rows} rows of {dim} columns, for which {len(data)} bytes are too few"
        )
    return rows, dim


def _explain(path: str | PathLike, line: int, text: bytes, dim: int) -> UnreadableFile:
    fields = text.split()
    if len(fields) != dim + 1:
        return UnreadableFile(
            f"{path}: line {line} has {len(fields)} fields, not a word and {dim} numbers: {text[:60]!r}; "
            "correct the line, or the number of columns in line 1"
        )
    for field in fields[1:]:
        try:
            parse_value(field)
        except ValueError:
            return UnreadableFile(
                f"{path}: line {line} has {field[:40]!r} in the place of a number of float32"
            )
    return UnreadableFile(f"{path}: line {line} is no word and {dim} numbers: {text[:60]!r}")


def _refuse_wide_rows(path: str | PathLike, words: list[bytes], dim: int) -> None:
    """Rows with more numbers than the header says must not pass as words with spaces in them."""
    for row, word in enumerate(words):
        parts = word.split()
        if len(parts) < 2:
            continue
        try:
            [parse_value(part) for part in parts[1:]]
        except ValueError:
            continue
        raise UnreadableFile(
            f"{path}: line {row + 2} has {dim + len(parts) - 1} numbers, not {dim} as line 1 says; correct line 1"
        )
