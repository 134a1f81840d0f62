"""A set of shards at a glance: how much of what, how long, what was left out and why, and some of it to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from ftcore.shards.manifest import Manifest, load_manifest
from ftcore.shards.shards import iter_file
from ftcore.text.filters import count_tokens

SAMPLES = 12  # documents, copies and rejects shown
SHOWN = 300  # characters of each


@dataclass(frozen=True)
class Look:
    """What there is to say of a set of shards.

    Attributes:
        path: its folder.
        manifest: of it.
        tokens: of all documents.
        lengths: (tokens from, to, documents): documents by their length, each bound twice the one before.
        samples: documents from all over the set: id, source, language, split, labels, tokens.
        rejects: some lines of quarantine.jsonl, of each step in turn.
        copies: some lines of copies.jsonl, the least alike first.
    """

    path: str
    manifest: Manifest
    tokens: int
    lengths: list[tuple[int, int, int]]
    samples: list[dict]
    rejects: list[dict]
    copies: list[dict]


def look_at(path: str | Path) -> Look:
    """Read a set of shards once, a row group in memory.

    Raises:
        UserError: there are no shards, or they are damaged.

    Example:
        ``look_at("shards").manifest.rows``
    """
    folder = Path(path)
    manifest = load_manifest(folder, verify=False)
    bins = np.zeros(64, np.int64)
    tokens = 0
    for entry in manifest.shards:
        for batch in iter_file(folder / entry.file, ["tokens"], rows=1 << 14):
            lengths = count_tokens(batch.column("tokens"))
            tokens += int(lengths.sum())
            bins += np.bincount(np.ceil(np.log2(np.maximum(lengths, 1))).astype(int), minlength=64)
    last = int(np.flatnonzero(bins)[-1]) if bins.any() else -1
    ranges = [(0 if n == 0 else 2 ** (n - 1) + 1, 2**n, int(bins[n])) for n in range(last + 1)]
    return Look(
        path=str(folder),
        manifest=manifest,
        tokens=tokens,
        lengths=ranges,
        samples=list(_samples(folder, manifest)),
        rejects=_rejects(folder / manifest.quarantine.file),
        copies=_copies(folder / manifest.copies.file) if manifest.copies else [],
    )


def _samples(folder: Path, manifest: Manifest) -> Iterator[dict]:
    """Documents at even distances: the one in the middle of each of `SAMPLES` stretches."""
    many = min(SAMPLES, manifest.rows)
    wanted = [int((n + 0.5) * manifest.rows / many) for n in range(many)]
    start = 0
    for entry in manifest.shards:
        mine = [row - start for row in wanted if start <= row < start + entry.rows]
        start += entry.rows
        if not mine:
            continue
        with pq.ParquetFile(folder / entry.file) as shard:
            first = 0
            for group in range(shard.num_row_groups):
                size = shard.metadata.row_group(group).num_rows
                here = [row - first for row in mine if first <= row < first + size]
                if here:
                    for row in shard.read_row_group(group).take(here).to_pylist():
                        yield row | {"tokens": row["tokens"][:SHOWN]}
                first += size


def _rejects(path: Path) -> list[dict]:
    """Some of each reason, the reasons in turn."""
    by_reason: dict[tuple[str, str], list[dict]] = {}
    with open(path, "rb") as lines:
        for line in islice(lines, 100_000):
            row = json.loads(line)
            some = by_reason.setdefault((row["step"], row["reason"]), [])
            if len(some) < SAMPLES:
                some.append(row)
    turns = [row for rows in by_reason.values() for row in enumerate(rows)]
    return [row for _, row in sorted(turns, key=lambda turn: turn[0])][:SAMPLES]


def _copies(path: Path) -> list[dict]:
    """Those that are least like what they went for."""
    with open(path, "rb") as lines:
        rows = [json.loads(line) for line in islice(lines, 100_000)]
    return sorted(rows, key=lambda row: row["similarity"])[:SAMPLES]
