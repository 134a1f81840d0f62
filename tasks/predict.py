"""Score files of any size with a model: label and probability beside every document."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ftcore.config import Ingest, Source
from ftcore.corpus.files import atomic_file
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.text.readers import read_part
from ftcore.text.sources import cut_file, list_files
from tasks.session import Session, stage_task

ROWS = 4096


@stage_task("load-model")
def load_model(session: Session, uri: str) -> tuple[FastText, str]:
    """The named model, else the champion, else the newest version; and its exact address."""
    tracker = session.tracker
    name = session.config.tracking.model_name
    if not uri:
        uri = f"models:/{name}@champion" if tracker.alias("champion") else tracker.newest() or ""
    if not uri:
        raise UserError(
            f"{name}: no registered version in {tracker.uri}; run the pipeline first or name a model"
        )
    path, exact = tracker.download(uri)
    return FastText.load(path), exact


@stage_task("score")
def score(session: Session, model: FastText, exact: str, source: str, column: str, output: str) -> dict:
    """Read `source` batch by batch, write Parquet with the columns of the source, `label`, `probability`.

    Memory does not grow with the file. A text file gets the columns source, line, text.
    """
    begin = time.perf_counter()
    rows = rejected = 0
    target = Path(output)
    if target.suffix != ".parquet":
        raise UserError(f"output {output}: give a name ending in .parquet")
    writer: pq.ParquetWriter | None = None
    with atomic_file(target) as file:
        for batch, refused in read(source, column):
            rejected += refused
            if not len(batch):
                continue
            scored = add_scores(model, batch, column)
            if writer is None:
                metadata = {"ftcore.model": exact, **(scored.schema.metadata or {})}
                writer = pq.ParquetWriter(file, scored.schema.with_metadata(metadata), compression="zstd")
            writer.write_batch(scored)
            rows += len(scored)
        if writer is None:
            lost = f"; all {rejected} are broken" if rejected else ""
            raise UserError(f"{source}: no document to score{lost}")
        writer.close()
    seconds = time.perf_counter() - begin
    return {
        "output": str(target),
        "documents": rows,
        "rejected": rejected,
        "documents_per_second": round(rows / max(seconds, 1e-9)),
    }


def read(source: str, column: str) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Batches with a text column (a Parquet file's own, else what the readers make of the file), each with
    the number of broken documents that were left out."""
    path = Path(source)
    if path.suffix == ".parquet":
        if not path.is_file():
            raise UserError(f"{source}: no such file")
        parquet = pq.ParquetFile(path)
        if column not in parquet.schema_arrow.names:
            raise UserError(
                f"{source}: no column {column!r}; the columns are {', '.join(parquet.schema_arrow.names)}; "
                "choose one with --column"
            )
        yield from ((batch, 0) for batch in parquet.iter_batches(ROWS))
        return
    ingest = Ingest(sources=[Source(path=str(path.resolve()), text=[column])])
    for file in list_files(ingest, "."):
        for part in cut_file(file, ingest):
            for documents, rejected in read_part(part, ingest):
                kept = documents.select(["source", "line", "text"])
                yield kept.rename_columns(["source", "line", column]), len(rejected)


def add_scores(model: FastText, batch: pa.RecordBatch, column: str) -> pa.RecordBatch:
    """The batch with columns `label` (string) and `probability` (double) appended."""
    texts = ["" if t is None else str(t) for t in batch.column(column).to_pylist()]
    found = model.predict(texts, k=1)
    labels = pa.array([str(p.labels[0]) if p.labels else None for p in found], pa.string())
    chances = pa.array([float(p.probabilities[0]) if p.labels else 0.0 for p in found], pa.float64())
    names = [n for n in batch.schema.names if n not in ("label", "probability")]
    columns = [batch.column(n) for n in names]
    return pa.RecordBatch.from_arrays([*columns, labels, chances], names=[*names, "label", "probability"])
