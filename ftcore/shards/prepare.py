"""A pack (a part of a file, or several small files) from raw bytes to clean tokens, in one streaming pass.

read_parts → Tokenizer.apply → filters → split, a batch at a time; where the tokens were cut before
(`ftcore.shards.cut`), they are taken from there. The result is a directory:

* ``docs.parquet``     the documents that stay (columns of SHARD), in the order of the files
* ``keys.npy``         uint64 [rows, 2]: their ids as numbers (high, low half), for `find_duplicates`
* ``quarantine.jsonl`` the documents that do not: source, line, step, reason, excerpt
* ``about/inputs.jsonl``  the files and bytes that it was made of (`ftcore.shards.lineage`)
* ``counts.json``      the `PreparedPart`, written last

Packs are independent, so `prepare_parts` and `Pool` spread them over processes; what comes out
depends on the bytes of the parts and the options alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from json.encoder import encode_basestring
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftcore import config
from ftcore.base import files
from ftcore.base.cores import cores
from ftcore.base.npy import GrowingNpy
from ftcore.base.pools import AnyPool, open_pool
from ftcore.base.threads import ahead
from ftcore.config import Config, Filters, Ingest, SplitShares, Text
from ftcore.errors import UnreadableFile
from ftcore.reading.documents import REJECTED, Notes, rejected_rows
from ftcore.reading.readers import read_parts
from ftcore.reading.sources import Part
from ftcore.shards.cut import Cut, shared_tokenizer
from ftcore.shards.lineage import INPUTS, write_inputs
from ftcore.shards.manifest import DOCS, KEYS, QUARANTINE
from ftcore.shards.packs import Pack
from ftcore.shards.shards import SHARD, RowGroupWriter
from ftcore.text.filters import make_filter

COUNTS = "counts.json"
REMOVED = "removed tokens"  # the one step of `counts` that does not count documents
READ = "read"  # the step whose rejects are broken documents


class PrepareOptions(config.Options):
    """The slices of `Config` that preparation of a part reads."""

    ingest: Ingest = Ingest()
    text: Text = Text()
    filters: Filters = Filters()
    split: SplitShares = SplitShares()

    @classmethod
    def of(cls, config: Config) -> PrepareOptions:
        """Take the slices out of a whole configuration."""
        return cls(**{name: getattr(config, name) for name in cls.model_fields})

    def shaping(self) -> dict:
        """Plain tree of the options that can change a prepared document, given the raw bytes.

        Left out: where the sources lie, how they are cut into parts, when rejects are too many,
        whether duplicates and low scores go (all act before or after), and user files, whose content is
        in `PreparedPart.tokenizer`. A blocklist stands for its content.
        """
        tree = self.model_dump(mode="json", include=set(PrepareOptions.model_fields))
        for source in tree["ingest"]["sources"]:
            del source["path"], source["credentials"]
        for name in ("part_bytes", "max_reject_share", "cache_bytes"):
            del tree["ingest"][name]
        del tree["filters"]["dedup"], tree["filters"]["near"], tree["filters"]["quality"]
        lists = tree["filters"]["blocklist"]
        tree["filters"]["blocklist"] = [files.sha256_file(p) if Path(p).is_file() else p for p in lists]
        del tree["text"]["segment"]["user_dict"], tree["text"]["stopwords"]["lists"]
        return tree


@dataclass(frozen=True)
class PreparedPart:
    """A prepared part, JSON-able (`to_dict`).

    Attributes:
        path: its directory.
        rows: documents in docs.parquet.
        read: documents met in the part, broken ones included.
        rejected: broken documents, refused by the step "read"; read = rows + rejected + filtered.
        filtered: sound documents refused by a filter or the split.
        hashed: labelled documents whose split came from their hash.
        counts: {step: {reason: n}}.
        noted: what a user should know of the documents that stay: how often.
        bytes: of the files, as they lie on the disk (a file in parts counts with its first).
        lost: files that break off or cannot be read: [file, reason, bytes that are lost].
        tokenizer: `Tokenizer.digest`.
        digest: SHA-256 over the files of the directory.
    """

    path: str
    rows: int
    read: int
    rejected: int
    filtered: int
    hashed: int
    counts: dict[str, dict[str, int]]
    noted: dict[str, int]
    bytes: int
    lost: list[list]
    tokenizer: str
    digest: str

    def to_dict(self) -> dict:
        """Plain values; `PreparedPart(**d)` is the inverse."""
        return asdict(self)

    @classmethod
    def load(cls, path: str | Path, verify: bool = True) -> PreparedPart:
        """Read a directory that `prepare_part` wrote; UserError if it is missing or changed."""
        folder = Path(path)
        try:
            state = json.loads((folder / COUNTS).read_bytes())
            part = cls(path=str(folder), **state)
            whole = not verify or _digest(folder, state) == part.digest
        except (OSError, ValueError, TypeError) as error:
            raise UnreadableFile(
                f"{folder}: not a prepared part ({error}). Run the preparation again"
            ) from None
        if not whole:
            raise UnreadableFile(f"{folder}: a prepared part that was changed. Run the preparation again")
        return part


def split_of(key: str, shares: SplitShares) -> str:
    """The split of a labelled document, a pure function of its id.

    The test split takes the lowest hashes: changing `valid` moves no document in or out of it.

    Example:
        >>> split_of("0" * 32, SplitShares(valid=0.1, test=0.1)), split_of("f" * 32, SplitShares())
        ('test', 'train')
    """
    return str(splits_of(np.array([int(key[16:], 16)], np.uint64), shares)[0])


def splits_of(low: np.ndarray, shares: SplitShares) -> np.ndarray:
    """Splits [n] (object) of the low halves of ids, uint64 [n]."""
    place = (low >> np.uint64(11)).astype(np.float64) * 2.0**-53  # uniform in [0, 1)
    chosen = np.full(len(low), "train", object)
    chosen[place < shares.test + shares.valid] = "valid"
    chosen[place < shares.test] = "test"
    return chosen


def prepare_part(
    part: Part | Pack, options: PrepareOptions, out: str | Path, cut: str | Path = ""
) -> PreparedPart:
    """Prepare a part or a pack of them into the directory `out`, which appears whole or not at all.

    Memory: a few batches and one row group, whatever the size of the part.

    Args:
        part: from `cut_file` or `pack_parts`; its `source` indexes `options.ingest.sources`.
        options: the same for all parts.
        out: the directory; an existing one is replaced.
        cut: what `cut_pack` made of the same bytes; default: the text is cut here.

    Raises:
        UserError: the file vanished or changed since it was listed; the disk is full.

    Example:
        ``prepare_part(part, PrepareOptions.of(config), Path("stages/prepare/00000")).rows``
    """
    out, parts = Path(out), part.parts if isinstance(part, Pack) else (part,)
    with ExitStack() as stack:
        if cut:
            known = stack.enter_context(closing(Cut(Path(cut))))
            tokenize, removed, digest = known.tokenized, known.removed, known.tokenizer
        else:
            tokenizer = stack.enter_context(shared_tokenizer(options.text))
            before = Counter(tokenizer.counts)
            tokenize, removed, digest = (lambda batch: tokenizer.apply(batch)[0]), None, tokenizer.digest
        folder = stack.enter_context(files.atomic_directory(out))
        write_inputs(parts, folder / INPUTS)
        with _PartWriter(folder, parts) as writer:
            keep = make_filter(options.filters)
            for documents, rejected in read_parts(parts, options.ingest, writer.notes):
                refused = [rejected]
                documents, rejected = keep(tokenize(documents))
                refused.append(rejected)
                documents, rejected, hashed = assign_splits(documents, options.split)
                refused.append(rejected)
                writer.write(documents, refused, hashed)
        if removed is None:
            removed = Counter(tokenizer.counts) - before
        state = writer.state(removed) | {"tokenizer": digest}
        state["digest"] = _digest(folder, state)
        files.atomic_write_json(folder / COUNTS, state)
    pa.default_memory_pool().release_unused()
    return PreparedPart(path=str(out), **state)


def assign_splits(batch: pa.RecordBatch, shares: SplitShares) -> tuple[pa.RecordBatch, pa.RecordBatch, int]:
    """Fill the `split` column; also returns the rejected and how many labelled ones were hashed.

    A split given by the document's column or its source (the reader filled it in) stands; other
    labelled documents are hashed; those without a label are "unlabelled". A document held out for
    valid or test without a label is rejected: it can not be scored, and must not be trained on.
    """
    given = batch.column("split").to_numpy(zero_copy_only=False).astype(object)
    labelled = pc.list_value_length(batch.column("labels")).to_numpy(zero_copy_only=False) > 0
    hashed = labelled & (given == "")
    split = np.where(labelled, given, "unlabelled").astype(object)
    low = key_numbers(batch.column("key"))[:, 1]
    split[hashed] = splits_of(low[hashed], shares)
    lost = ~labelled & ((given == "valid") | (given == "test"))
    position = batch.schema.get_field_index("split")
    batch = batch.set_column(position, "split", pa.array(split, pa.string()))
    where = np.flatnonzero(lost)
    rejected = rejected_rows(batch, where.tolist(), "split", ["held out without a label"] * len(where))
    return batch.filter(pa.array(~lost)), rejected, int(hashed.sum())


def key_numbers(keys: pa.Array) -> np.ndarray:
    """Ids (strings of 32 hex digits) [n] as uint64 [n, 2]: high and low half.

    Example:
        >>> key_numbers(pa.array(["00000000000000ff0000000000000001"])).tolist()
        [[255, 1]]
    """
    hexadecimal = b"".join(keys.to_numpy(zero_copy_only=False).astype("S32").tolist())
    return np.frombuffer(bytes.fromhex(hexadecimal.decode()), ">u8").reshape(-1, 2).astype(np.uint64)


_PIECES = [f', "{name}": ' for name in REJECTED.names]
_PIECES[0] = "{" + _PIECES[0][2:]


def _rejected_line(row: tuple) -> str:
    """A row of `REJECTED` as `json.dumps` writes it, which makes an encoder for each."""
    values = (str(value) if isinstance(value, int) else encode_basestring(value) for value in row)
    return "".join(chain.from_iterable(zip(_PIECES, values, strict=True))) + "}\n"


class _PartWriter:
    """The files of one part or pack, written batch by batch."""

    def __init__(self, folder: Path, parts: Sequence[Part]):
        self._order = {f"{part.name}:{part.relative}": number for number, part in enumerate(parts)}
        self._rejects: IO[bytes] = files.open_sink(folder / QUARANTINE)
        self._keys = GrowingNpy(folder / KEYS, "<u8", (2,))
        self._docs = RowGroupWriter(folder / DOCS, row_group=10_000, passing=True)
        self.notes = Notes()
        self._read = self._hashed = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    def write(self, documents: pa.RecordBatch, refused: Sequence[pa.RecordBatch], hashed: int) -> None:
        """Append what is left of a batch, and what reading and each later step refused of it."""
        rejects: list[tuple] = []
        for batch in refused:
            rejects += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        # the order of files and lines, whichever step refused
        rejects.sort(key=lambda row: (self._place(row[0]), row[0], row[1]))
        self._counts.update(row[2:4] for row in rejects)
        self._rejects.write("".join(map(_rejected_line, rejects)).encode())
        self._read += len(documents) + len(rejects)
        self._hashed += hashed
        if len(documents):
            self._keys.append(key_numbers(documents.column("key")))
            columns = [documents.column("key" if name == "id" else name) for name in SHARD.names]
            self._docs.write(pa.RecordBatch.from_arrays(columns, schema=SHARD))

    def _place(self, source: str) -> int:
        """The number of a document's part; one in an archive has the archive's."""
        while source not in self._order:
            source = source.rpartition("/")[0]
        return self._order[source]

    def state(self, removed: Counter[str]) -> dict:
        """The figures of `PreparedPart`, but for tokenizer and digest."""
        counts: dict[str, dict[str, int]] = {}
        for (step, reason), n in sorted(self._counts.items()):
            counts.setdefault(step, {})[reason] = n
        if removed:
            counts[REMOVED] = dict(sorted(removed.items()))
        rows, rejected = self._docs.rows, sum(counts.get(READ, {}).values())
        return {
            "rows": rows,
            "read": self._read,
            "rejected": rejected,
            "filtered": self._read - rows - rejected,
            "hashed": self._hashed,
            "counts": counts,
            "noted": dict(sorted(self.notes.counts.items())),
            "bytes": self.notes.bytes,
            "lost": [list(file) for file in self.notes.lost],
        }

    def __enter__(self) -> _PartWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._docs.close()
            self._keys.close()
            self._rejects.close()
            return
        self._docs.abandon()
        for file in (self._keys.file, self._rejects):
            with suppress(OSError):  # what is still buffered does not fit either
                file.close()


def _digest(folder: Path, state: dict) -> str:
    """SHA-256 of a part: its three files and its figures; what bytes they came from is no part of it."""
    figures = {name: value for name, value in state.items() if name != "digest"}
    return config.digest([files.sha256_file(folder / name) for name in (DOCS, KEYS, QUARANTINE)] + [figures])


def prepare_parts(
    parts: Sequence[Part | Pack], options: PrepareOptions, out_root: str | Path, workers: int = 0
) -> list[PreparedPart]:
    """Prepare all parts into `out_root`/00000, 00001, …; the result does not depend on `workers`.

    Args:
        workers: processes; 0: one a core, 1: this process.

    Raises:
        UserError: of the first part that failed; parts that had not begun are left out.
    """
    outs = [Path(out_root) / f"{number:05d}" for number in range(len(parts))]
    workers = min(workers or cores(), max(1, len(parts)))
    with open_pool(workers) as pool:
        given = ((pool, part, options, out) for part, out in zip(parts, outs, strict=True))
        return list(ahead(run_part, given, workers))


def run_part(
    pool: AnyPool | None, part: Part | Pack, options: PrepareOptions, out: str | Path, cut: str | Path = ""
) -> PreparedPart:
    """`prepare_part` in a process of the pool, or here without one; any thread may call it."""
    if pool is None:
        return prepare_part(part, options, out, cut)
    tree = options.model_dump(mode="json", include=set(PrepareOptions.model_fields))
    pack = part if isinstance(part, Pack) else Pack([part])
    order = {"pack": pack.plain(), "options": tree, "out": str(out), "cut": str(cut)}
    with pack.on_this_disk(options.ingest):
        return PreparedPart(**pool.run("ftcore.shards.prepare:prepare_order", order))


def prepare_order(order: dict) -> dict:
    """`prepare_part` with plain values on both sides, as a `Pool` calls it in its workers."""
    options = PrepareOptions.model_validate(order["options"])
    return prepare_part(Pack.of_plain(order["pack"]), options, order["out"], order["cut"]).to_dict()
