"""Predictions for Parquet: text goes from Arrow's buffers to the kernels, no Python string is made.

The output has the input's columns, then label and score; it is written by row groups and appears under its
name when it is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ftcore.base.files import atomic_file
from ftcore.base.strings import holds_text
from ftcore.base.threads import ahead
from ftcore.dictionary.columns import column_text, is_list
from ftcore.dictionary.dictionary import label_bytes
from ftcore.errors import NoSuchColumn, UnreadableFile, UserError
from ftcore.inference.files import Progress, refuse_same
from ftcore.inference.predict import Predictions, Predictor, joined

_ROWS = 1 << 13  # rows read and computed at a time
_PART = 1 << 18  # bytes of text computed at a time, which stay in the caches
_GROUP = 1 << 26  # bytes of a written row group, about


def predict_parquet(
    predictor: Predictor,
    input: str | Path,
    output: str | Path,
    *,
    text: str = "text",
    label: str = "label",
    score: str = "score",
    k: int = 1,
    threshold: float = 0.0,
    columns: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> int:
    """Add columns of labels and scores to a Parquet file; returns the number of rows.

    Args:
        text: column with the text: strings (or bytes, as they are) of words between spaces, or lists of words.
            A null is an empty text.
        label: name of the new column of labels: string, null without a prediction; with a ``k`` other than 1
            lists of them.
        score: name of the new column of probabilities: float32, as `label`.
        k: labels a row, -1 for all.
        threshold: their least probability.
        columns: those of the input that are copied (default all; fewer are written faster).
        progress: called with the number of rows done.

    Raises:
        UserError: a missing or damaged file, a column that is missing, of another type or there already, an
            output that is the input, a full disk.

    Example:
        ``predict_parquet(Predictor(read_binary("model.bin")), "in.parquet", "out.parquet", k=2)``
    """
    predictor.check(k)
    refuse_same([Path(input)], output)
    try:
        file = pq.ParquetFile(input, memory_map=True)
    except FileNotFoundError:
        raise UnreadableFile(f"{input}: there is no such file; check the path of the input") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableFile(f"{input}: not a Parquet file ({error})") from None
    with file:
        schema = _schema(input, file.schema_arrow, text, (label, score), columns, k)
        kept = schema.names[:-2]
        read = list(dict.fromkeys([*kept, text]))
        batches = file.iter_batches(batch_size=_ROWS, columns=read)
        done = 0
        with (
            atomic_file(output) as sink,
            pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=_worth(schema)) as writer,
        ):
            for table in _groups(_added(predictor, batches, text, kept, schema, k, threshold)):
                writer.write_table(table, row_group_size=max(1, table.num_rows))
                done += table.num_rows
                if progress is not None:
                    progress(done)
    return done


def predict_column(predictor: Predictor, column: pa.Array, k: int = 1, threshold: float = 0.0) -> Predictions:
    """Predictions of a column of texts: strings or lists of words; a null is an empty text."""
    rows = max(1, len(column) * _PART // max(1, column.nbytes))
    parts = (column.slice(at, rows) for at in range(0, max(1, len(column)), rows))
    return joined([predictor.from_text(column_text(part), k, threshold) for part in parts])


def label_columns(found: Predictions, names: pa.Array, k: int) -> tuple[pa.Array, pa.Array]:
    """Labels and scores as Arrow columns: values (null where there is none) if k is 1, else lists."""
    if k != 1:
        offsets = pa.array(found.offsets.astype(np.int32))
        labels = pa.ListArray.from_arrays(offsets, names.take(pa.array(found.labels)))
        return labels, pa.ListArray.from_arrays(offsets, pa.array(found.scores))
    none = np.diff(found.offsets) == 0
    places = np.minimum(found.offsets[:-1], max(0, len(found.labels) - 1))
    labels = found.labels[places] if len(found.labels) else np.zeros(len(found), np.int32)
    scores = found.scores[places] if len(found.labels) else np.zeros(len(found), np.float32)
    return names.take(pa.array(labels, mask=none)), pa.array(scores, mask=none)


def _schema(
    path: str | Path,
    schema: pa.Schema,
    text: str,
    new: tuple[str, str],
    columns: Sequence[str] | None,
    k: int,
) -> pa.Schema:
    kept = schema.names if columns is None else list(columns)
    missing = [name for name in (text, *kept) if name not in schema.names]
    if missing:
        raise NoSuchColumn(f"{path}: no column {missing[0]!r}; it has {', '.join(schema.names)}")
    for name, option in zip(new, ("label", "score"), strict=True):
        if name in kept or new[0] == new[1]:
            raise UserError(f"{path}: a column {name!r} is there already; give {option}= another name")
    kind = schema.field(text).type
    if not holds_text(kind.value_type if is_list(kind) else kind):
        raise UserError(f"{path}: column {text!r} is {kind}; give one of strings or lists of strings")
    types = (pa.string(), pa.float32()) if k == 1 else (pa.list_(pa.string()), pa.list_(pa.float32()))
    fields = [schema.field(name) for name in kept] + [
        pa.field(*pair) for pair in zip(new, types, strict=True)
    ]
    return pa.schema(fields, schema.metadata if columns is None else None)


def _worth(schema: pa.Schema) -> list[str]:
    """Columns written by a dictionary of their values: the labels; for long texts it is work in vain."""
    return [schema.names[-2]]


def _added(
    predictor: Predictor,
    batches: Iterable[pa.RecordBatch],
    text: str,
    kept: list[str],
    schema: pa.Schema,
    k: int,
    threshold: float,
) -> Iterator[pa.RecordBatch]:
    """The batches with their two columns."""
    names = pa.array([label_bytes(name).decode("utf-8", "replace") for name in predictor.names], pa.string())

    def add(batch: pa.RecordBatch) -> pa.RecordBatch:
        found = predict_column(predictor, batch.column(text), k, threshold)
        columns = [batch.column(name) for name in kept]
        return pa.record_batch([*columns, *label_columns(found, names, k)], schema=schema)

    yield from ahead(add, ((batch,) for batch in batches), predictor.threads)


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches put together to row groups."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= _GROUP:
            yield pa.Table.from_batches(held)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held)
