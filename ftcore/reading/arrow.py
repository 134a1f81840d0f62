"""Arrow files, streams of record batches: what Hugging Face's `save_to_disk` leaves, read without its library.

A part begins and ends at a record batch; the schema, which stands at the file's start, is read for each. A label that is
a number of a `ClassLabel` gets its name, which the schema's metadata tell. A document's line is its row, from 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from ftcore.config import Source
from ftcore.reading import streams
from ftcore.reading.documents import BATCH_BYTES, BATCH_ROWS, BatchBuilder
from ftcore.reading.fields import add_rows, wanted_columns
from ftcore.reading.parquet import check_text_type, column_of, path_of, type_of, values_of

_MAGIC = b"ARROW1\0\0"  # a file of Arrow's is a stream between this and a footer
_BLOCK = 1 << 20


def cut(path: str, size: int) -> list[tuple[int, int, int, str]]:
    """(first byte, stop, first row, digest) of parts of about `size` bytes.

    A file that is no stream of record batches, or has dictionaries, is one part.

    Raises:
        UserError: the file vanished or cannot be read.
    """
    with streams.opened(path) as raw:
        borders = _borders(path)
        wanted, start, first_row = [], 0, 1
        for offset, row in borders[1:]:
            if offset - start >= size:
                wanted.append((start, offset, first_row))
                start, first_row = offset, row
        wanted.append((start, -1, first_row))
        cuts = []
        for begin, stop, row in wanted:
            cuts.append((begin, stop, row, streams.DigestingFile(raw, begin, stop).digest()))
    return cuts


def _borders(path: str) -> list[tuple[int, int]]:
    """(offset, row) where each record batch begins; [] if the file cannot be cut."""
    found, row = [], 1
    try:
        with pa.memory_map(path) as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                file.seek(0)
            reader = pa.ipc.MessageReader.open_stream(file)
            schema = pa.ipc.read_schema(reader.read_next_message())
            while True:
                offset = file.tell()
                message = reader.read_next_message()
                if message.type != "record batch":
                    return []
                found.append((offset, row))
                row += pa.ipc.read_record_batch(message, schema).num_rows
    except StopIteration:
        return found
    except (pa.ArrowException, OSError, ValueError):
        return []


def schema_bytes(path: str) -> bytes:
    """The start of a file, as far as its schema reaches."""
    with pa.memory_map(path) as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            file.seek(0)
        begin = file.tell()
        pa.ipc.MessageReader.open_stream(file).read_next_message()
        stop = file.tell()
        file.seek(begin)
        return file.read(stop - begin)


def read_arrow(
    stream: BinaryIO, first_row: int, out: BatchBuilder, source: Source, place: str
) -> Iterator[None]:
    """Documents of a stream of record batches that begins with its schema.

    Raises:
        UserError: the file lacks a column that the configuration names.
    """
    row = first_row
    try:
        head = streams.read_fully(stream, len(_MAGIC))
        reader = pa.ipc.open_stream(_Given(b"" if head == _MAGIC else head, stream))
        paths = [path_of(column, reader.schema, place) for column in wanted_columns(source)]
        names = [_names(reader.schema, keys) for keys in paths]
        for keys in paths[: len(source.text)]:
            check_text_type(type_of(reader.schema, keys), ".".join(keys), place)
        for batch in reader:
            batch.validate(full=True)
            for some in _slices(batch):
                values = [
                    _named(values_of(column_of(some, keys)), known)
                    for keys, known in zip(paths, names, strict=True)
                ]
                yield from add_rows(out, row, values, source)
                row += len(some)
    except streams.Broken as error:
        out.break_off(row, str(error))
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        out.break_off(row, f"truncated or corrupt Arrow file ({str(error).splitlines()[0][:120]})")
        yield


class _Given:
    """A stream for Arrow, which asks for as many bytes as a message says it has: no more memory than come is taken."""

    closed = False

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            raise OSError("a message of negative length")
        head, self._head = self._head[:size], self._head[size:]
        return head + streams.read_fully(self._stream, size - len(head))


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in pieces of bounded size."""
    step = max(1, min(BATCH_ROWS, BATCH_BYTES * batch.num_rows // max(batch.nbytes, 1)))
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)


def _names(schema: pa.Schema, keys: list[str]) -> list[str]:
    """The names of a column that is a `ClassLabel`; [] for another."""
    try:
        told: Any = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        for key in keys:
            told = told[key]
        while isinstance(told, list) or told.get("_type") in ("Sequence", "List"):
            told = told[0] if isinstance(told, list) else told["feature"]
        return [str(name) for name in told["names"]] if told["_type"] == "ClassLabel" else []
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return []


def _named(values: list[Any], names: list[str]) -> list[Any]:
    """Labels by their names; -1 is what the library puts for a missing one."""
    if not names:
        return values

    def name(value: Any) -> Any:
        if isinstance(value, list):
            return [name(item) for item in value]
        if value == -1:
            return None
        return names[value] if isinstance(value, int) and 0 <= value < len(names) else value

    return [name(value) for value in values]
