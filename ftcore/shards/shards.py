"""Parquet shards of tokenised documents: one writer, one streaming reader.

Example:
    >>> import pyarrow as pa, tempfile; from pathlib import Path
    >>> row = {"id": "0" * 32, "language": "en", "split": "train", "labels": ["a"], "tokens": "x y", "source": "s:f"}
    >>> folder = Path(tempfile.mkdtemp())
    >>> entry = write_shard(folder, 0, [pa.RecordBatch.from_pylist([row], schema=SHARD)], row_group=1000)
    >>> entry.rows, entry.first, (folder / entry.file).is_file()
    (1, 's:f', True)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftcore import native
from ftcore.base import files
from ftcore.base.strings import string_buffers
from ftcore.config import Language, Split
from ftcore.errors import UnreadableFile, UserError
from ftcore.shards.manifest import SHARD, FileEntry, ShardEntry, load_manifest

__all__ = ["SHARD", "RowGroupWriter", "ShardSet", "count_labelled", "iter_batches", "write_shard"]

GROUP_BYTES = 4 << 20  # a row group ends after so many bytes of tokens: bounds memory on both sides


@dataclass(frozen=True)
class ShardSet:
    """A reference to committed shards; it is what travels between tasks.

    Attributes:
        path: the directory.
        digest: SHA-256 of its manifest.json.
        rows: documents in it.
        made: shards that were written; the others were taken from an earlier set. -1: not known.
    """

    path: str
    digest: str
    rows: int
    made: int = field(default=-1, compare=False)

    def to_dict(self) -> dict:
        """JSON-able; `from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: dict) -> ShardSet:
        """Rebuild what `to_dict` gave."""
        return cls(**state)

    @classmethod
    def open(cls, path: str | Path, verify: bool = True) -> ShardSet:
        """Refer to shards on disk, checked by `load_manifest` (UserError)."""
        manifest = load_manifest(path, verify=verify)
        return cls(str(path), manifest.digest, manifest.rows)


class RowGroupWriter:
    """One Parquet file whose bytes depend on its rows alone, not on how they were batched.

    Row groups end after `row_group` rows or `GROUP_BYTES` of tokens, whichever comes first; only
    one group is held in memory.

    Args:
        path: of the file.
        row_group: rows of a group.
        passing: the file is read once and goes: it is packed less, in a third of the time.
        schema: SHARD, or SCORED.
    """

    def __init__(self, path: Path, row_group: int, passing: bool = False, schema: pa.Schema = SHARD):
        self.path, self.rows, self._schema = path, 0, schema
        self._row_group = row_group
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = self._pending_bytes = 0
        self._sink: IO[bytes] = files.open_sink(path)
        self._parquet = pq.ParquetWriter(
            self._sink,
            schema,
            compression="lz4" if passing else "zstd",
            compression_level=None if passing else 3,
            # Tokens and ids hardly repeat: a dictionary would be built, then thrown away.
            use_dictionary=["language", "split", "source"],
            write_statistics=["language", "split"],
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows with the columns of the schema."""
        self.rows += len(batch)
        ends = self._pending_bytes + np.cumsum(_token_bytes(batch))
        start = spent = 0
        while start < len(batch):
            by_rows = start + self._row_group - self._pending_rows
            by_bytes = int(np.searchsorted(ends, spent + GROUP_BYTES)) + 1
            stop = min(by_rows, by_bytes, len(batch))
            self._pending.append(batch.slice(start, stop - start))
            self._pending_rows += stop - start
            self._pending_bytes = int(ends[stop - 1]) - spent
            if stop in (by_rows, by_bytes):
                self._flush()
                spent = int(ends[stop - 1])
            start = stop

    def _flush(self) -> None:
        if self._pending_rows:
            # One chunk a column: page borders follow chunks, and bytes must not.
            table = pa.Table.from_batches(self._pending, self._schema).combine_chunks()
            self._parquet.write_table(table, row_group_size=self._pending_rows)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        pa.default_memory_pool().release_unused()  # the allocator would keep about 20 MB more

    def close(self) -> FileEntry:
        """Write the footer, fsync, and describe the file."""
        self._flush()
        self._parquet.close()
        self._sink.flush()
        os.fsync(self._sink.fileno())
        self._sink.close()
        return FileEntry.of(self.path, self.rows)

    def abandon(self) -> None:
        """Let go of a file that failed, without writing its footer."""
        self._parquet.is_open = False
        with suppress(
            OSError
        ):  # its buffer does not fit on the disk either; the first error is on its way up
            self._sink.close()


def write_shard(
    out: Path, number: int, batches: Iterable[pa.RecordBatch], row_group: int, schema: pa.Schema = SHARD
) -> ShardEntry:
    """Write rows with the columns of a schema into a file of `out`, which is named by its SHA-256.

    Args:
        out: an existing directory, usually the temporary one of `files.atomic_directory`.
        number: of the shard; in its name until its digest is known.
        batches: its rows; without any the shard is empty.
        row_group: most rows of a row group.
        schema: SHARD, or SCORED.

    Raises:
        UserError: the disk is full; the file is removed and the message names it, the bytes free
            and the remedy.
    """
    path = out / f"shard-{number:05d}.parquet"
    sources = ["", ""]
    try:
        with files.explain_full_disk(path):
            writer = RowGroupWriter(path, row_group, schema=schema)
            try:
                for batch in filter(len, batches):
                    writer.write(batch)
                    ends = batch.column("source")
                    sources = [sources[0] or ends[0].as_py(), ends[-1].as_py()]
                entry = writer.close()
            except BaseException:
                writer.abandon()
                raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    named = path.with_name(f"shard-{entry.sha256[:32]}.parquet")
    path.rename(named)
    return ShardEntry(**entry.model_dump() | {"file": named.name}, first=sources[0], last=sources[1])


def _token_bytes(batch: pa.RecordBatch) -> np.ndarray:
    lengths = pc.binary_length(batch.column("tokens"))
    return lengths.to_numpy(zero_copy_only=False).astype(np.int64)


def iter_batches(
    shards: ShardSet | str | Path,
    splits: Sequence[str],
    languages: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    rows: int = 4096,
) -> Iterator[pa.RecordBatch]:
    """Stream the documents of some splits in the order of the shards.

    Args:
        shards: what `commit_shards` returned (its digest is then checked), or the directory.
        splits: of "train", "valid", "test", "unlabelled".
        languages: of "zh", "en", "mixed"; None: all.
        columns: columns of SHARD to read, in this order; None: all.
        rows: most rows of a batch. Memory is bounded by a row group (about 4 MB of tokens).

    Yields:
        Batches with 1 to `rows` rows; their borders carry no meaning.

    Raises:
        UserError: an unknown split, language or column; a missing or changed shard.

    Example:
        ``for batch in iter_batches(shards, ["train", "unlabelled"], columns=["tokens"]): ...``
    """
    splits = _known("split", splits, get_args(Split))
    languages = None if languages is None else _known("language", languages, get_args(Language))
    columns = SHARD.names if columns is None else _known("column", columns, SHARD.names)
    folder = Path(shards.path if isinstance(shards, ShardSet) else shards)
    digest = shards.digest if isinstance(shards, ShardSet) else ""
    manifest = load_manifest(folder, verify=False, digest=digest)
    for entry in manifest.shards:
        yield from iter_shard(folder / entry.file, splits, languages, columns, rows)


def iter_shard(
    path: Path,
    splits: Sequence[str],
    languages: Sequence[str] | None,
    columns: Sequence[str],
    rows: int = 4096,
) -> Iterator[pa.RecordBatch]:
    """`iter_batches` of one shard's file."""
    needed = list(dict.fromkeys([*columns, "split", *(["language"] if languages is not None else [])]))
    for batch in iter_file(path, needed, rows):
        mask = pc.is_in(batch.column("split"), pa.array(splits, pa.string()))
        if languages is not None:
            wanted = pc.is_in(batch.column("language"), pa.array(languages, pa.string()))
            mask = pc.and_(mask, wanted)
        kept = batch.filter(mask).select(columns)
        if len(kept):
            yield kept


def iter_file(
    path: Path, columns: Sequence[str], rows: int, between: tuple[int, int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Stream one Parquet file, a row group at a time, columns in the order given.

    Args:
        between: the rows from the first number to the second (exclusive) alone; other row groups are not read.
    """
    try:
        with pq.ParquetFile(path) as parquet:
            low, high = between or (0, parquet.metadata.num_rows)
            start = 0
            for group in range(parquet.num_row_groups):  # a batch never spans groups: bounds memory
                size = parquet.metadata.row_group(group).num_rows
                if start + size <= low or start >= high:
                    start += size
                    continue
                for batch in parquet.iter_batches(
                    rows, row_groups=[group], columns=list(columns), use_threads=False
                ):
                    first, last = max(0, low - start), min(len(batch), high - start)
                    start += len(batch)
                    if first < last:
                        yield batch.slice(first, last - first).select(columns)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise UnreadableFile(f"{path}: cannot read the shard: {error}. Run the preparation again") from None


def _known(what: str, given: Sequence[str], allowed: Sequence[str]) -> list[str]:
    given = [given] if isinstance(given, str) else list(given)
    for value in given:
        if value not in allowed:
            raise UserError(f"unknown {what} {value!r}; there are: {', '.join(allowed)}")
    return given


class Counts(NamedTuple):
    """Of documents that have a label."""

    documents: int
    tokens: int
    labels: frozenset[str]


def count_labelled(batches: Iterable[pa.RecordBatch]) -> Counts:
    """Documents with a label, their tokens, and the labels; a batch needs ``tokens`` and ``labels``."""
    documents = tokens = 0
    labels: set[str] = set()
    for batch in map(labelled_only, batches):
        documents += len(batch)
        data, offsets = string_buffers(batch.column("tokens"))
        tokens += int(native.count_byte(data, offsets, ord(" ")).sum()) + len(batch)
        labels.update(pc.unique(pc.list_flatten(batch.column("labels"))).to_pylist())
    return Counts(documents, tokens, frozenset(labels))


def labelled_only(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The documents of a batch that have a label."""
    return batch.filter(pc.greater(pc.list_value_length(batch.column("labels")), 0))
