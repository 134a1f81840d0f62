"""Tokens to integers: what training reads, in memory or memory-mapped.

Documents stream through in record batches; only integers are kept, and with ``out`` not even those.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftcore.corpus.dictionary import Dictionary, split
from ftcore.errors import UserError
from ftcore.model.hashing import EOS
from ftcore.model.kernel import kernel

MAX_LINE = 1025  # in-vocabulary tokens of a line in pretraining: getLine breaks above MAX_LINE_SIZE 1024
_REMAP = 1 << 22  # ids translated at a time


@dataclass(frozen=True)
class TokenCorpus:
    """Lines of word ids for skip-gram and CBOW.

    ids: int32[N], in-vocabulary word ids, ends of line included. offsets: int64[L + 1], lines of at
    most 1025 ids. ntokens: int64[1], all tokens read, out-of-vocabulary ones and ends of line included.
    """

    ids: np.ndarray
    offsets: np.ndarray
    total: np.ndarray

    @property
    def ntokens(self) -> int:
        return int(self.total[0])

    def __len__(self) -> int:  # lines
        return len(self.offsets) - 1

    @classmethod
    def open(cls, path: Path | str) -> TokenCorpus:
        """Memory-map what `encode_tokens(..., out=path)` wrote."""
        return _open(cls, Path(path))


@dataclass(frozen=True)
class BagCorpus:
    """Documents as bags of features with their labels.

    ids: int32[N], rows of the input table; ``-1 - bucket`` for a bucket without a row (`make_bags`).
    offsets: int64[B + 1]. targets: int32[T], label ids. target_offsets: int64[B + 1].
    """

    ids: np.ndarray
    offsets: np.ndarray
    targets: np.ndarray
    target_offsets: np.ndarray

    def __len__(self) -> int:  # documents
        return len(self.offsets) - 1

    def take(self, documents: np.ndarray) -> BagCorpus:
        """The bags of some documents, in the given order."""
        documents = np.asarray(documents, np.int64)
        ids, offsets = _gather(self.ids, self.offsets, documents)
        targets, target_offsets = _gather(self.targets, self.target_offsets, documents)
        return BagCorpus(ids, offsets, targets, target_offsets)

    @classmethod
    def open(cls, path: Path | str) -> BagCorpus:
        """Memory-map what `encode_bags(..., out=path)` wrote."""
        return _open(cls, Path(path))


# ----------------------------------------------------------------------------------------- encoding
def encode_tokens(
    batches: Iterable[pa.RecordBatch], dictionary: Dictionary, out: Path | None = None
) -> TokenCorpus:
    """Word ids of the batches' ``tokens`` column, an end of line after each document.

    Out-of-vocabulary tokens are left out, the end of line too where it is one: lines then run together
    up to 1025 tokens, as in fastText. A literal ``</s>`` ends a line.

    Args:
        out: directory for memory-mapped arrays; None keeps them in memory.
    """
    ids, offsets = _Writer(out, "ids", np.int32), _Writer(out, "offsets", np.int64)
    offsets.append(np.zeros(1, np.int64))
    eos = dictionary.index.get(EOS, -1)
    written, start, total = 0, 0, 0
    for batch in batches:
        tokens: list[bytes] = []
        for line in _column(batch, "tokens"):
            tokens += split(line or b"")
            tokens.append(EOS)
        total += len(tokens)
        found = dictionary.word_ids(tokens)
        found = found[found >= 0]
        ends = _line_ends(found, eos, written - start) + written
        ids.append(found)
        offsets.append(ends)
        written += len(found)
        start = int(ends[-1]) if len(ends) else start
    if start < written:  # the file's end ends its last line
        offsets.append(np.array([written], np.int64))
    count = _Writer(out, "total", np.int64)
    count.append(np.array([total], np.int64))
    return _finish(TokenCorpus(ids.close(), offsets.close(), count.close()), out)


def encode_bags(
    batches: Iterable[pa.RecordBatch], dictionary: Dictionary, out: Path | None = None, grow: bool = False
) -> BagCorpus:
    """Features (end of line included) and label ids of the batches' ``tokens`` and ``labels`` columns.

    Labels the dictionary does not have are left out; a document keeps its place even without features
    or labels.

    Args:
        out: directory for memory-mapped arrays; None keeps them in memory.
        grow: first give every bucket that occurs here a row in ``dictionary`` (it is changed).
    """
    ids, offsets = _Writer(out, "ids", np.int32), _Writer(out, "offsets", np.int64)
    targets, ends = _Writer(out, "targets", np.int32), _Writer(out, "target_offsets", np.int64)
    offsets.append(np.zeros(1, np.int64))
    ends.append(np.zeros(1, np.int64))
    seen = np.zeros(dictionary.bucket if grow else 0, np.bool_)
    nwords = dictionary.nwords
    size, label_size = 0, 0
    for batch in batches:
        found, cuts = dictionary.features_of([line or b"" for line in _column(batch, "tokens")])
        if grow:  # rows are known once all batches have been seen
            seen[found[found >= nwords] - nwords] = True
        else:
            found = dictionary.to_signed(found).astype(np.int32)
        ids.append(found)
        offsets.append(cuts[1:] + size)
        size += len(found)
        known, counts = _labels(batch, dictionary)
        targets.append(known)
        ends.append(np.cumsum(counts) + label_size)
        label_size += len(known)
    rows = ids.close(writable=grow)
    if grow:
        dictionary.add_buckets(np.flatnonzero(seen))
        row_of = np.zeros(dictionary.bucket, np.int32)
        if dictionary.bucket:
            row_of[dictionary.buckets] = np.arange(nwords, dictionary.rows)
        for at in range(0, len(rows), _REMAP):
            part = rows[at : at + _REMAP]
            gram = part >= nwords
            part[gram] = row_of[part[gram] - nwords]
    return _finish(BagCorpus(rows, offsets.close(), targets.close(), ends.close()), out)


def documents(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[list[str], bytes]]:
    """(labels, tokens) of every row, as `Dictionary.build` reads them."""
    for batch in batches:
        lines = _column(batch, "tokens")
        labels = batch.column("labels").to_pylist() if "labels" in batch.schema.names else [[]] * len(lines)
        for found, line in zip(labels, lines, strict=True):
            yield found or [], line or b""


def as_batch(lines: Iterable[str], labels: Iterable[Iterable[str]] | None = None) -> pa.RecordBatch:
    """A record batch of ``tokens`` (and ``labels``) from plain lists."""
    # bytes, because a lone surrogate is no Arrow string
    columns = {"tokens": pa.array([line.encode("utf-8", "surrogatepass") for line in lines], pa.binary())}
    if labels is not None:
        columns["labels"] = pa.array([list(found) for found in labels], pa.list_(pa.string()))
    return pa.record_batch(columns)


def _column(batch: pa.RecordBatch, name: str) -> list[bytes | None]:
    column = batch.column(name)
    if pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    elif pa.types.is_string(column.type):
        column = column.cast(pa.binary())  # the same bytes: no decoding and encoding again
    return column.to_pylist()


def _labels(batch: pa.RecordBatch, dictionary: Dictionary) -> tuple[np.ndarray, np.ndarray]:
    """Label ids of the rows, one after the other, and how many each row has."""
    if "labels" not in batch.schema.names:
        return np.zeros(0, np.int32), np.zeros(batch.num_rows, np.int64)
    get = dictionary.label_index.get
    rows = [
        [i for i in (get(label) for label in found or ()) if i is not None]
        for found in batch.column("labels").to_pylist()
    ]
    flat = np.array([i for row in rows for i in row], np.int32)
    return flat, np.array([len(row) for row in rows], np.int64)


@kernel
def _line_ends(ids, eos, open_length):
    """Ends of the lines that close in these ids, given how long the line still open is."""
    ends = np.empty(len(ids), np.int64)
    count = 0
    length = open_length
    for i in range(len(ids)):
        length += 1
        if length >= MAX_LINE or ids[i] == eos:
            ends[count] = i + 1
            count += 1
            length = 0
    return ends[:count]


def _gather(values: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sizes = offsets[rows + 1] - offsets[rows]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    places = np.arange(ends[-1]) - np.repeat(ends[:-1] - offsets[rows], sizes)
    return values[places], ends


# ------------------------------------------------------------------------------------------- storage
class _Writer:
    """An array that grows: a list of pieces in memory, or a .npy file whose header is filled in last."""

    def __init__(self, out: Path | None, name: str, dtype: type) -> None:
        self.dtype, self.size, self.pieces = np.dtype(dtype), 0, []
        self.path = None if out is None else Path(out) / f"{name}.npy"
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("wb")
            self._header()

    def _header(self) -> None:
        shape = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.size,),
        }
        np.lib.format.write_array_header_1_0(self.file, shape)  # padded: any length has the same size

    def append(self, array: np.ndarray) -> None:
        array = np.ascontiguousarray(array, self.dtype)
        self.size += len(array)
        if self.path is None:
            self.pieces.append(array)
        else:
            self.file.write(array.data)

    def close(self, writable: bool = False) -> np.ndarray:
        if self.path is None:
            return np.concatenate(self.pieces) if self.pieces else np.zeros(0, self.dtype)
        self.file.seek(0)
        self._header()
        self.file.close()
        return _map(self.path, "r+" if writable else "r")


def _map(path: Path, mode: str = "r") -> np.ndarray:
    try:
        return np.load(path, mmap_mode=mode, allow_pickle=False)
    except ValueError as error:
        if "empty file" in str(error):  # an array of no elements cannot be mapped
            return np.load(path, allow_pickle=False)
        raise


def _finish(corpus, out: Path | None):
    """Write the list of sizes, whose presence says that the arrays are complete."""
    if out is not None:
        for field in fields(corpus):
            array = getattr(corpus, field.name)
            if isinstance(array, np.memmap):
                array.flush()
        sizes = {field.name: len(getattr(corpus, field.name)) for field in fields(corpus)}
        (Path(out) / "corpus.json").write_text(json.dumps({"kind": type(corpus).__name__, "sizes": sizes}))
    return corpus


def _open(cls: type, path: Path):
    remedy = "delete the directory and encode the corpus again"
    try:
        header = json.loads((path / "corpus.json").read_text())
        arrays = {name: _map(path / f"{name}.npy") for name in header["sizes"]}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UserError(f"{path}: not a complete encoded corpus ({error}); {remedy}") from None
    if header["kind"] != cls.__name__ or any(len(a) != header["sizes"][n] for n, a in arrays.items()):
        raise UserError(f"{path}: not a {cls.__name__} or of another size than it says; {remedy}")
    return cls(**arrays)
