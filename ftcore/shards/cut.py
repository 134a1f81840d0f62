"""The expensive half of preparation, kept apart from labels and splits: text to tokens, once.

`cut_pack` reads a pack as if it had no labels and writes the tokens of every document; `Cut` hands them
to a later reading of the same bytes with labels, whatever column they are in. Reading is cheap beside
segmentation, so that another label column, other names or other splits cost seconds.

* ``tokens.arrow``  line, hash of the text, language, key, tokens of every document, in the order of reading
* ``cut.json``      what the tokenizer removed, and its digest
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from ftcore import config
from ftcore.base import files
from ftcore.base.pools import AnyPool
from ftcore.config import Ingest, Source, Text
from ftcore.reading.documents import TOKENIZED
from ftcore.reading.readers import read_parts
from ftcore.shards.packs import Pack
from ftcore.text.tokenizer import Tokenizer

TOKENS, ABOUT = "tokens.arrow", "cut.json"
# what `Source` says of labels and splits; its other fields can change the text
LABELLING: dict[str, Any] = {
    "label": None,
    "label_from": "column",
    "label_separator": "",
    "label_names": {},
    "split": "auto",
    "split_column": None,
}
_ROW = pa.schema(
    [
        ("line", pa.int64()),
        ("hash", pa.uint64()),  # xxh3_64 of the raw text
        ("language", pa.string()),
        ("key", pa.string()),
        ("tokens", pa.string()),
    ]
)


def has_labels(source: Source) -> bool:
    """Whether a source says anything of labels or splits: then its tokens are kept apart from them."""
    return any(getattr(source, name) != value for name, value in LABELLING.items())


def cut_pack(pack: Pack, ingest: Ingest, text: Text, out: Path) -> dict[str, int]:
    """Write the tokens of a pack's documents into the folder `out`.

    Raises:
        UserError: a file vanished or changed; the first file lacks a column, of the text or of labels.
    """
    for _ in read_parts(pack.parts[:1], ingest):
        break  # a label column that is not there is said now, not after the cutting
    bare = [source.model_copy(update=LABELLING) for source in ingest.sources]
    documents = 0
    with shared_tokenizer(text) as tokenizer, files.atomic_directory(out) as folder:
        before = Counter(tokenizer.counts)
        with (
            files.open_sink(folder / TOKENS) as sink,
            pa.ipc.new_stream(sink, _ROW, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer,
        ):
            for batch, _ in read_parts(pack.parts, ingest.model_copy(update={"sources": bare})):
                tokenized, _ = tokenizer.apply(batch)
                columns = [tokenized.column("line"), pa.array(_hashes(batch), pa.uint64())]
                columns += [tokenized.column(name) for name in ("language", "key", "tokens")]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=_ROW))
                documents += len(batch)
        about = {"removed": dict(Counter(tokenizer.counts) - before), "tokenizer": tokenizer.digest}
        files.atomic_write_json(folder / ABOUT, about)
    pa.default_memory_pool().release_unused()
    return {"documents": documents}


def run_cut(pool: AnyPool | None, pack: Pack, ingest: Ingest, text: Text, out: Path) -> dict[str, int]:
    """`cut_pack` in a process of the pool, or here without one."""
    if pool is None:
        return cut_pack(pack, ingest, text, out)
    order: dict[str, Any] = {"pack": pack.plain(), "out": str(out)}
    order |= {"ingest": ingest.model_dump(mode="json"), "text": text.model_dump(mode="json")}
    with pack.on_this_disk(ingest):
        return pool.run("ftcore.shards.cut:cut_order", order)


def cut_order(order: dict) -> dict:
    """`cut_pack` with plain values on both sides, as a `Pool` calls it in its workers."""
    ingest, text = Ingest.model_validate(order["ingest"]), Text.model_validate(order["text"])
    return cut_pack(Pack.of_plain(order["pack"]), ingest, text, Path(order["out"]))


class Cut:
    """The tokens that `cut_pack` left, one batch in memory at a time."""

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / ABOUT).read_bytes())
        self.removed: Counter[str] = Counter(about["removed"])
        self.tokenizer: str = about["tokenizer"]
        self._file = pa.OSFile(str(folder / TOKENS))
        self._batches = iter(pa.ipc.open_stream(self._file))
        self._batch: pa.RecordBatch | None = None
        self._known: list[tuple[int, int]] = []
        self._at = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def tokenized(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A `DOCUMENT` batch as `TOKENIZED`.

        Batches come in the order of reading; documents may be missing (a label of theirs was unusable), none
        may be new.
        """
        found = [_ROW.empty_table()]
        rows: list[int] = []
        for wanted in zip(batch.column("line").to_pylist(), _hashes(batch), strict=True):
            while True:
                if self._at == len(self._known):
                    found += self._taken(rows)
                    rows = []
                    self._next()
                elif self._known[self._at] == wanted:
                    rows.append(self._at)
                    self._at += 1
                    break
                else:
                    self._at += 1
        found += self._taken(rows)
        cut = pa.concat_tables(found).combine_chunks()
        columns = [batch.column(name) for name in ("source", "line", "text", "labels")]
        columns += [_whole(cut, "language"), batch.column("split"), _whole(cut, "tokens"), _whole(cut, "key")]
        return pa.RecordBatch.from_arrays(columns, schema=TOKENIZED)

    def _taken(self, rows: list[int]) -> list[pa.Table]:
        if not rows or self._batch is None:
            return []
        return [pa.Table.from_batches([self._batch.take(pa.array(rows, pa.int64()))])]

    def _next(self) -> None:
        self._batch = next(self._batches, None)
        if self._batch is None:
            raise RuntimeError("a document with labels was not there without them; please report this")
        lines, hashes = (self._batch.column(name).to_pylist() for name in ("line", "hash"))
        self._known, self._at = list(zip(lines, hashes, strict=True)), 0


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _hashes(batch: pa.RecordBatch) -> Sequence[int]:
    return [xxhash.xxh3_64_intdigest(text) for text in batch.column("text").cast(pa.binary()).to_pylist()]


_lock = threading.Lock()
_idle: tuple[str, list[Tokenizer]] = "", []  # of the latest options


@contextmanager
def shared_tokenizer(text: Text) -> Iterator[Tokenizer]:
    """A tokenizer of this process for some options; one caller's at a time, for its counts are shared.

    Building one takes most of a second, so that it stays for the next caller. The key holds the content of the
    user's files, because a long-lived process must notice that they changed.
    """
    global _idle
    paths = [*text.segment.user_dict, *text.stopwords.lists]
    content = [files.sha256_file(path) for path in paths if Path(path).is_file()]
    key = config.digest([text.model_dump(mode="json"), content])
    with _lock:
        if _idle[0] != key:
            _idle = key, []  # the old dictionary goes before the new one comes
        tokenizer = _idle[1].pop() if _idle[1] else Tokenizer(text)
    try:
        yield tokenizer
    finally:
        with _lock:
            if _idle[0] == key:
                _idle[1].append(tokenizer)
