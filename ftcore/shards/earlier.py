"""Shards of earlier sets: those that would come out the same are taken from there instead of being made anew.

A shard is known by its content: a digest of its rows, of the size of its row groups and of what writes it. A file that
is taken is one more name (a hard link) of the same bytes, or a copy where the file system has no such names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from ftcore.base.files import sha256_file
from ftcore.base.strings import string_buffers
from ftcore.errors import UserError
from ftcore.shards.manifest import MANIFEST, SHARD, ShardEntry, load_manifest


class ContentDigest:
    """The digest of a shard's rows, whatever batches they came in.

    Example:
        >>> row = {"id": "0", "language": "", "split": "", "labels": ["a"], "tokens": "x", "source": ""}
        >>> one = ContentDigest(10)
        >>> one.add(pa.RecordBatch.from_pylist([row], schema=SHARD))
        >>> len(one.hexdigest())
        32
    """

    def __init__(self, row_group: int, schema: pa.Schema = SHARD) -> None:
        self._about, self._names = f"{row_group} {pa.__version__} {schema}", schema.names
        self._hashers = [(xxhash.xxh3_128(), xxhash.xxh3_128()) for _ in [*schema.names, "labels"]]

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the next rows in."""
        columns: list[pa.Array] = []
        for column in batch.select(self._names).columns:
            if pa.types.is_list(column.type):
                lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False).astype("<i4")
                self._hashers[-1][0].update(np.ascontiguousarray(lengths).data)
                column = pc.list_flatten(column)
            columns.append(column)
        for (lengths_of, bytes_of), column in zip(self._hashers[:-1], columns, strict=True):
            if pa.types.is_floating(column.type):
                bytes_of.update(np.ascontiguousarray(column.to_numpy()).data)
                continue
            data, offsets = string_buffers(column)
            lengths_of.update(np.ascontiguousarray(np.diff(offsets).astype("<i4")).data)
            bytes_of.update(np.ascontiguousarray(data[offsets[0] : offsets[-1]]).data)

    def hexdigest(self) -> str:
        """32 hex digits."""
        whole = xxhash.xxh3_128(self._about.encode())
        for pair in self._hashers:
            for hasher in pair:
                whole.update(hasher.digest())
        return whole.hexdigest()


class EarlierShards:
    """What earlier sets of shards hold, by content.

    Args:
        folders: of sets of shards; one that is none, or is damaged, offers nothing.
    """

    def __init__(self, folders: Iterable[str | Path] = ()) -> None:
        self._known: dict[str, list[tuple[Path, ShardEntry]]] = {}
        for folder in map(Path, folders):
            if not (folder / MANIFEST).is_file():
                continue
            try:
                entries: Sequence[ShardEntry] = load_manifest(folder, verify=False).shards
            except UserError:
                continue
            for entry in filter(lambda entry: entry.content, entries):
                self._known.setdefault(entry.content, []).append((folder / entry.file, entry))

    def __len__(self) -> int:
        return len(self._known)

    def take(self, content: str, folder: Path) -> ShardEntry | None:
        """The shard of this content, now in `folder` too; None if there is none that is still what it was."""
        for path, entry in self._known.get(content, []):
            target = folder / entry.file
            try:
                if path.stat().st_size != entry.bytes or sha256_file(path) != entry.sha256:
                    continue
                try:
                    os.link(path, target)
                except FileExistsError:  # the same rows twice in one set
                    pass
                except OSError:  # another disk, or a file system without hard links
                    shutil.copyfile(path, target)
            except FileNotFoundError:
                continue
            return entry
        return None
