"""Labels of all documents together: what no part can know of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ftcore.shards.manifest import DOCS
from ftcore.shards.prepare import PreparedPart
from ftcore.shards.shards import iter_file


@dataclass(frozen=True)
class LabelSurvey:
    """Which labels occur, and how often; whether any document has several; labelled documents by split."""

    counts: Counter[str]
    several: bool
    splits: Counter[str]


def survey_labels(parts: Sequence[PreparedPart]) -> LabelSurvey:
    """Look at the labels of all prepared documents, duplicates included. Memory: a batch, and the labels."""
    counts: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    several = False
    for part in parts:
        for batch in iter_file(Path(part.path) / DOCS, ["labels", "split"], rows=1 << 15):
            column = batch.column("labels")
            lengths = pc.list_value_length(column)
            several = several or (pc.max(lengths).as_py() or 0) > 1
            _count(counts, pc.list_flatten(column))
            _count(splits, batch.column("split").filter(pc.greater(lengths, 0)))
    return LabelSurvey(counts, several, splits)


def _count(counter: Counter[str], values: pa.Array) -> None:
    for pair in pc.value_counts(values).to_pylist():
        counter[pair["values"]] += pair["counts"]


def with_labels(batch: pa.RecordBatch, rows: Sequence[Sequence[str]]) -> pa.RecordBatch:
    """The batch with other labels, a list for each document."""
    position = batch.schema.get_field_index("labels")
    return batch.set_column(position, batch.schema.field(position), pa.array(rows, pa.list_(pa.string())))


def renamed(batch: pa.RecordBatch, names: Mapping[str, str]) -> pa.RecordBatch:
    """The batch with labels renamed; those that are not in `names` stay."""
    if not names:
        return batch
    rows = batch.column("labels").to_pylist()
    return with_labels(batch, [list(dict.fromkeys(names.get(label, label) for label in row)) for row in rows])
