"""Which files, and which parts of them, each shard was made of: ``lineage.jsonl`` beside the manifest.

A line for each shard and part: ``shard`` the file's name, ``source`` the file as documents name it, ``start`` and
``stop`` its bytes (row groups of Parquet; stop -1: to the end), ``digest`` xxh3_128 of them, ``rows`` documents of
it in the shard. It tells how the work was divided and of which bytes, so that it is no part of the set's digest: other bytes that
give the same documents leave the shards, and this list, as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ftcore.base import files
from ftcore.errors import UnreadableFile
from ftcore.reading.sources import Part

LINEAGE = "lineage.jsonl"
INPUTS = "about/inputs.jsonl"  # of a part that is prepared: the files and bytes that it was made of
Rows = dict[tuple[int, str], int]


def write_inputs(parts: Sequence[Part], path: Path) -> None:
    """A line for each part of a pack."""
    path.parent.mkdir(exist_ok=True)
    with closing(files.open_sink(path)) as file:
        for part in parts:
            line = {"source": f"{part.name}:{part.relative}", "start": part.start, "stop": part.stop}
            file.write((json.dumps(line | {"digest": part.digest}, ensure_ascii=False) + "\n").encode())


def count_sources(rows: Rows, number: int, batch: pa.RecordBatch) -> None:
    """Count a batch's documents by the number of their part and their source."""
    for pair in pc.value_counts(batch.column("source")).to_pylist():
        key = number, pair["values"]
        rows[key] = rows.get(key, 0) + pair["counts"]


def write_lineage(shards: Iterable[tuple[str, Rows]], folders: Sequence[Path], path: Path) -> None:
    """Write what each shard is of, in the order of shards, parts and files.

    Args:
        shards: file name of each, with its documents by part and source.
        folders: of the prepared parts.
    """
    number, known = -1, {}
    with closing(files.open_sink(path)) as file:
        for name, rows in shards:
            for (part, source), n in rows.items():
                if part != number:
                    number, known = part, _inputs(folders[part])
                file.write(
                    json.dumps({"shard": name, **_of(known, source), "rows": n}, ensure_ascii=False).encode()
                )
                file.write(b"\n")


def read_lineage(folder: str | Path) -> Iterator[dict]:
    """The lines of ``lineage.jsonl`` beside a manifest.

    Raises:
        UserError: there is none.
    """
    path = Path(folder) / LINEAGE
    try:
        with open(path, "rb") as lines:
            yield from map(json.loads, lines)
    except FileNotFoundError:
        raise UnreadableFile(f"{path}: no such file; run the preparation again to write it") from None


def _inputs(folder: Path) -> dict[str, dict]:
    with open(folder / INPUTS, "rb") as lines:
        return {line["source"]: line for line in map(json.loads, lines)}


def _of(known: Mapping[str, dict], source: str) -> dict:
    """The input of a document's source; a file in an archive has the archive's."""
    while source not in known:
        source = source.rpartition("/")[0]
    return known[source]
