"""Tokens to integers: what training reads, in memory or memory-mapped.

Documents stream through in record batches; only integers are kept, and with ``out`` not even those.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from ftcore import native
from ftcore.base.cores import usable_threads
from ftcore.base.npy import GrowingNpy
from ftcore.base.ragged import Ragged
from ftcore.base.threads import ahead
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.lines import Block, Lines
from ftcore.dictionary.lookup import WordIndex
from ftcore.dictionary.stored import Stored, parse_json
from ftcore.errors import UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa

MAX_LINE = 1025  # in-vocabulary tokens of a line in pretraining: getLine breaks above MAX_LINE_SIZE 1024
_TABLE = 1 << 28  # buckets up to which a table of all of them is made
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
        """Tokens read, unknown ones included."""
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
        ids = Ragged(self.ids, self.offsets).take(documents)
        targets = Ragged(self.targets, self.target_offsets).take(documents)
        return BagCorpus(ids.values, ids.offsets, targets.values, targets.offsets)

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
    from ftcore.dictionary.columns import column_text

    blocks = (partial(column_text, batch.column("tokens")) for batch in batches)
    return _tokens(blocks, dictionary, dictionary.word_index, out, 1)


def read_tokens(
    lines: Lines,
    dictionary: Dictionary,
    *,
    label: str = "__label__",
    out: Path | None = None,
    threads: int | None = None,
) -> TokenCorpus:
    """Word ids of a text in fastText's format, cut into lines as skip-gram and CBOW read it.

    As the original does (``dictionary.cc`` 358-385): out-of-vocabulary words are left out before it is
    asked whether one ends the line; a line ends behind an end of line or its 1025th in-vocabulary word;
    labels count among these 1025, but are never trained and not in the result.

    Args:
        label: empty if the text has none: what is no word of the dictionary is then out of the vocabulary.
        out: directory for memory-mapped arrays; None keeps them in memory.
        threads: default: the cores this process may use. The result does not depend on it.
    """
    index = dictionary.entry_index if label else dictionary.word_index
    return _tokens(lines.blocks(whole_lines=False), dictionary, index, out, usable_threads(threads))


def _tokens(
    blocks: Iterable[Block], dictionary: Dictionary, index: WordIndex, out: Path | None, threads: int
) -> TokenCorpus:
    ids, offsets = _Writer(out, "ids", np.int32), _Writer(out, "offsets", np.int64)
    offsets.append(np.zeros(1, np.int64))
    written, start, total, length = 0, 0, 0, 0

    def find(block: Block) -> tuple[np.ndarray, int]:
        return native.word_ids(block(), index.table, dictionary.nwords, index.eos)

    for found, words in ahead(find, ((block,) for block in blocks), threads):
        total += words
        kept, ends, length = native.break_lines(found, dictionary.eos, length, MAX_LINE)
        ends += written
        ends = ends[np.diff(ends, prepend=start) > 0]  # of a line of labels nothing is left
        ids.append(found[:kept])
        offsets.append(ends)
        written += kept
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
    from ftcore.dictionary.columns import column_text

    def make(batch: pa.RecordBatch) -> _Bags:
        found, cuts = dictionary.line_features(column_text(batch.column("tokens")))[:2]
        targets, counts = _labels(batch, dictionary)
        return found, cuts, targets, np.append(np.int64(0), np.cumsum(counts))

    return _bags(map(make, batches), dictionary, out, grow)


def read_bags(
    lines: Lines,
    dictionary: Dictionary,
    *,
    label: str = "__label__",
    out: Path | None = None,
    grow: bool = True,
    threads: int | None = None,
) -> BagCorpus:
    """Features and labels of a text in fastText's format, as supervised training reads it.

    As the original does (``dictionary.cc`` 387-421): words in and out of the vocabulary and the end of
    line take part in n-grams, labels the dictionary has are the bag's targets, others are left out. A
    literal ``</s>`` ends the line, what follows is a line of its own. Every line is a bag, also one
    without features or labels.

    Args:
        label: prefix of labels; words that start with it are none even out of the vocabulary. Empty: the
            text has no labels.
        out: directory for memory-mapped arrays; None keeps them in memory.
        grow: first give every bucket that occurs here a row in ``dictionary`` (it is changed).
        threads: default: the cores this process may use. The result does not depend on it.

    Example:
        >>> lines = Lines(["__label__x a b", "__label__y __label__x b"])
        >>> from ftcore import config
        >>> bags = read_bags(lines, Dictionary.read(lines, config.DictionaryOptions()))
        >>> bags.offsets.tolist(), bags.target_offsets.tolist()
        ([0, 3, 5], [0, 1, 3])
    """
    threads = usable_threads(threads)
    dictionary.prepare(label or None)

    def make(block: Block) -> _Bags:
        return dictionary.line_features(block(), rest=True, label=label or None)

    return _bags(ahead(make, ((block,) for block in lines.blocks()), threads), dictionary, out, grow)


_Bags = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # as the fields of a `BagCorpus`


def _bags(parts: Iterable[_Bags], dictionary: Dictionary, out: Path | None, grow: bool) -> BagCorpus:
    ids, offsets = _Writer(out, "ids", np.int32), _Writer(out, "offsets", np.int64)
    targets, ends = _Writer(out, "targets", np.int32), _Writer(out, "target_offsets", np.int64)
    offsets.append(np.zeros(1, np.int64))
    ends.append(np.zeros(1, np.int64))
    seen = np.zeros(dictionary.bucket if grow else 0, np.bool_)
    table = None if grow else _table(dictionary)
    for found, cuts, labels, label_cuts in parts:
        if grow:  # rows are known once all has been seen
            native.mark_buckets(found, dictionary.nwords, seen)
        elif table is None:
            found = dictionary.to_signed(found).astype(np.int32)
        elif len(table):
            native.to_signed_rows(found, dictionary.nwords, table)
        offsets.append(cuts[1:] + ids.size)
        ends.append(label_cuts[1:] + targets.size)
        ids.append(found)
        targets.append(labels)
    rows = ids.close(writable=grow)
    if grow:
        dictionary.add_buckets(np.flatnonzero(seen))
        table = _table(dictionary)
        for at in range(0, len(rows), _REMAP):
            part = rows[at : at + _REMAP]
            if table is None:
                part[:] = dictionary.to_signed(part)
            elif len(table):
                native.to_signed_rows(part, dictionary.nwords, table)
    return _finish(BagCorpus(rows, offsets.close(), targets.close(), ends.close()), out)


def _table(dictionary: Dictionary) -> np.ndarray | None:
    """`row_table`; empty where ids are rows already; None where it would be too large."""
    if dictionary.whole:
        return np.zeros(0, np.int32)
    return dictionary.row_table() if dictionary.bucket <= _TABLE else None


def documents(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[list[str], bytes]]:
    """(labels, tokens) of every row, as `Dictionary.build` reads them."""
    from ftcore.dictionary.columns import binary

    for batch in batches:
        lines = binary(batch.column("tokens")).to_pylist()
        labels = batch.column("labels").to_pylist() if "labels" in batch.schema.names else [[]] * len(lines)
        for found, line in zip(labels, lines, strict=True):
            yield found or [], line or b""


def as_batch(lines: Iterable[str], labels: Iterable[Iterable[str]] | None = None) -> pa.RecordBatch:
    """A record batch of ``tokens`` (and ``labels``) from plain lists."""
    import pyarrow as pa

    # bytes, because a lone surrogate is no Arrow string
    columns = {"tokens": pa.array([line.encode("utf-8", "surrogatepass") for line in lines], pa.binary())}
    if labels is not None:
        columns["labels"] = pa.array([list(found) for found in labels], pa.list_(pa.string()))
    return pa.record_batch(columns)


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


# ------------------------------------------------------------------------------------------- storage
class _Writer:
    """An array that grows: a list of pieces in memory, or a .npy file whose header is filled in last."""

    def __init__(self, out: Path | None, name: str, dtype: type) -> None:
        self.dtype, self.size = np.dtype(dtype), 0
        self.pieces: list[np.ndarray] = []
        self.path = None if out is None else Path(out) / f"{name}.npy"
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = GrowingNpy(self.path, dtype)

    def append(self, array: np.ndarray) -> None:
        array = np.ascontiguousarray(array, self.dtype)
        self.size += len(array)
        if self.path is None:
            self.pieces.append(array)
        else:
            self.file.append(array)

    def close(self, writable: bool = False) -> np.ndarray:
        if self.path is None:
            whole, at = np.empty(self.size, self.dtype), 0
            for piece in _taken(self.pieces):  # each goes when it is copied: the peak is not twice the corpus
                whole[at : at + len(piece)] = piece
                at += len(piece)
            return whole
        self.file.close()
        return _map(self.path, "r+" if writable else "r")


def _taken(pieces: list[np.ndarray]) -> Iterator[np.ndarray]:
    pieces.reverse()
    while pieces:
        yield pieces.pop()


def _map(path: Path, mode: Literal["r", "r+"] = "r") -> np.ndarray:
    try:
        return np.load(path, mmap_mode=mode, allow_pickle=False)
    except ValueError as error:
        if "empty file" in str(error):  # an array of no elements cannot be mapped
            return np.load(path, allow_pickle=False)
        raise


Corpus = TypeVar("Corpus", bound=BagCorpus | TokenCorpus)


def _finish(corpus: Corpus, out: Path | None) -> Corpus:
    """Write the list of sizes, whose presence says that the arrays are complete."""
    if out is not None:
        for field in fields(corpus):
            array = getattr(corpus, field.name)
            if isinstance(array, np.memmap):
                array.flush()
        sizes = {field.name: len(getattr(corpus, field.name)) for field in fields(corpus)}
        (Path(out) / "corpus.json").write_text(json.dumps({"kind": type(corpus).__name__, "sizes": sizes}))
    return corpus


_DTYPES = {"ids": np.int32, "targets": np.int32}  # the others are int64


def _open(cls: type[Corpus], path: Path) -> Corpus:
    remedy = "delete the directory and encode the corpus again"
    names = [field.name for field in fields(cls)]
    try:
        header = parse_json((path / "corpus.json").read_bytes())
        if header["kind"] != cls.__name__ or sorted(header["sizes"]) != sorted(names):
            raise UnreadableFile(f"{path}: not a {cls.__name__}; {remedy}")
        arrays = {name: _map(path / f"{name}.npy") for name in names}
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise UnreadableFile(f"{path}: not a complete encoded corpus ({error}); {remedy}") from None
    stored = Stored(arrays, path, remedy)
    for name in names:
        stored.array(name, _DTYPES.get(name, np.int64), (header["sizes"][name],))
    documents = len(arrays["offsets"]) - 1
    stored.offsets("offsets", len(arrays["ids"]))
    if cls is TokenCorpus:
        stored.numbers("ids", np.int32, (None,), 0, (1 << 31) - 1)
        stored.numbers("total", np.int64, (1,), 0, (1 << 62) - 1)
    else:
        stored.offsets("target_offsets", len(arrays["targets"]), documents)
        stored.numbers("targets", np.int32, (None,), 0, (1 << 31) - 1)
    return cls(**arrays)
