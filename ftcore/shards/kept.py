"""The documents that stay, over all prepared parts: by number, in order, without those that are copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftcore.errors import UnreadableFile
from ftcore.shards.manifest import DOCS, KEYS, SCORED, SHARD
from ftcore.shards.prepare import PreparedPart
from ftcore.shards.quality import Qualities, scored
from ftcore.shards.shards import iter_file


def rows_to_drop(duplicates: str | Path | None, number: int) -> np.ndarray:
    """Row numbers (sorted int64) of one part that are copies of earlier documents."""
    if duplicates is None:
        return np.empty(0, np.int64)
    return np.sort(np.load(Path(duplicates) / f"{number}.npy").astype(np.int64))


class KeptDocuments:
    """Documents of some parts without those that are dropped, numbered from 0.

    Args:
        parts: prepared, in order.
        duplicates: directory of `drop_copies`; None: all stay.
        quality: scores, which become a column; what scores too low goes as well.

    Raises:
        UserError: a part holds other documents than it did when it was prepared.
    """

    def __init__(
        self, parts: Sequence[PreparedPart], duplicates: str | Path | None, quality: Qualities | None = None
    ) -> None:
        self.parts, self._duplicates, self._quality = parts, duplicates, quality
        kept = [part.rows - len(self._dropped(number)) for number, part in enumerate(parts)]
        self._starts = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def schema(self) -> pa.Schema:
        """Columns of the documents."""
        return SHARD if self._quality is None else SCORED

    def low(self) -> Iterator[pa.RecordBatch]:
        """Documents that are no copies and score too low."""
        if self._quality is None:
            return
        for number, part in enumerate(self.parts):
            rows, start = np.setdiff1d(self._quality.low(number), rows_to_drop(self._duplicates, number)), 0
            for batch in iter_file(Path(part.path) / DOCS, SHARD.names, rows=4096) if len(rows) else ():
                mask = ~_mask(rows, start, len(batch))
                if mask.any():
                    yield self._scored(batch, number, start).filter(pa.array(mask))
                start += len(batch)

    def _dropped(self, number: int) -> np.ndarray:
        """Rows (sorted int64) of a part that are copies or score too low."""
        copies = rows_to_drop(self._duplicates, number)
        return copies if self._quality is None else np.union1d(copies, self._quality.low(number))

    def _scored(self, batch: pa.RecordBatch, number: int, start: int) -> pa.RecordBatch:
        """The batch with the scores of a part's rows from `start` on, if there are some."""
        if self._quality is None:
            return batch
        return scored(batch, self._quality.of(number)[start : start + len(batch)])

    def hashes(self) -> np.ndarray:
        """Uint32 [n]: of each document's text; 4 bytes a document."""
        found = [np.zeros(0, np.uint32)]
        for number, part in enumerate(self.parts):
            keys = np.load(Path(part.path) / KEYS, mmap_mode="r")
            if len(keys) != part.rows:
                raise _other(part, len(keys))
            high = (keys[:, 0] >> np.uint64(32)).astype(np.uint32)
            found.append(np.delete(high, self._dropped(number)))
        return np.concatenate(found)

    def all(self, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Every document: batches, each with the mask [rows] of what is no copy; scores are not asked."""
        for number, part in enumerate(self.parts):
            drop, start = rows_to_drop(self._duplicates, number), 0
            for batch in iter_file(Path(part.path) / DOCS, columns, rows=4096):
                yield self._scored(batch, number, start), _mask(drop, start, len(batch))
                start += len(batch)
            if start != part.rows:
                raise _other(part, start)

    def between(self, first: int, last: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Documents `first` to `last` (exclusive): batches with all columns, each with its part's number."""
        number = int(np.searchsorted(self._starts, first, "right")) - 1
        while number < len(self.parts) and self._starts[number] < last:
            part, begin = self.parts[number], int(self._starts[number])
            drop = self._dropped(number)
            stays = np.delete(np.arange(part.rows), drop)[max(0, first - begin) : last - begin]
            if len(stays):
                low, high = int(stays[0]), int(stays[-1]) + 1
                start = low
                for batch in iter_file(Path(part.path) / DOCS, SHARD.names, rows=4096, between=(low, high)):
                    mask = _mask(drop, start, len(batch))
                    batch = self._scored(batch, number, start)
                    start += len(batch)
                    yield number, batch if mask.all() else batch.filter(pa.array(mask))
                if start != high:
                    raise _other(part, start)
            number += 1


def _mask(drop: np.ndarray, start: int, rows: int) -> np.ndarray:
    mask = np.ones(rows, bool)
    first, last = np.searchsorted(drop, [start, start + rows])
    mask[drop[first:last] - start] = False
    return mask


def _other(part: PreparedPart, found: int) -> UnreadableFile:
    return UnreadableFile(
        f"{part.path}: {found} documents, {part.rows} were prepared. Run the preparation again"
    )
