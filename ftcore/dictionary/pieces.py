"""Words of many documents counted by map and reduce, exactly as one reader counts them.

map: the words of a piece (a shard), labels among them as marks, with counts and in order of first occurrence. reduce:
the pieces' words added up in the order of the pieces. Memory: one table of all words, and one piece's a thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore import native
from ftcore.dictionary import counting
from ftcore.dictionary.counting import MARK, MAX_TYPES, PLACE, Counted
from ftcore.dictionary.lookup import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from ftcore.dictionary.tokens import Block


@dataclass(frozen=True)
class PieceCounts:
    """Words of a piece in order of first occurrence, labels as `MARK` and their place in `labels`."""

    found: Counted
    labels: list[str]

    def write(self, path: Path) -> None:
        """Keep them in a file."""
        from safetensors.numpy import save_file

        words = self.found.words
        arrays = {"blob": words.blob, "offsets": words.offsets, "counts": self.found.counts}
        about = {"labels": json.dumps(self.labels), "ntokens": str(self.found.ntokens)}
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path, about)

    @classmethod
    def read(cls, path: Path) -> PieceCounts:
        """What `write` kept."""
        from safetensors import safe_open

        with safe_open(path, "np") as file:
            blob, offsets, counts = (file.get_tensor(name) for name in ("blob", "offsets", "counts"))
            about = file.metadata()
        return cls(Counted(Words(blob, offsets), counts, int(about["ntokens"])), json.loads(about["labels"]))


def count_piece(batches: Iterable[pa.RecordBatch], most: int = MAX_TYPES) -> PieceCounts | None:
    """Count the ``tokens`` (and ``labels``) of some documents; None if more than `most` words occur.

    Raises:
        UserError: tokens that hold the bytes which stand for labels.

    Example:
        >>> import pyarrow as pa
        >>> piece = count_piece([pa.record_batch({"tokens": ["b a b"], "labels": [["x"]]})])
        >>> piece.found.words.list()[1:], piece.found.counts.tolist(), piece.labels
        ([b'b', b'a', b'</s>'], [1, 2, 1, 1], ['x'])
    """
    table, names = native.WordCounts(), dict[str, int]()
    for number, block in enumerate(_blocks(batches, names)):
        table.count(block(), 0, number * PLACE, most)
        if table.live > most:
            return None
    return PieceCounts(counting.counted(table), list(names))


def _blocks(batches: Iterable[pa.RecordBatch], names: dict[str, int]) -> Iterator[Block]:
    """Documents as blocks of text, each batch one where they have no labels."""
    from ftcore.dictionary.columns import column_text
    from ftcore.dictionary.encode import documents

    for batch in batches:
        if "labels" in batch.schema.names:
            yield from counting.marked(documents([batch]), names)
        else:
            yield partial(column_text, batch.column("tokens"))


def add_up(pieces: Iterable[PieceCounts | None], most: int = MAX_TYPES) -> PieceCounts | None:
    """The counts of all pieces, in their order; None if more than `most` words occur in them together.

    Then `count_pruning` has to read the text, which drops rare words where fastText does.
    """
    table, names, ntokens = native.WordCounts(), dict[str, int](), 0
    for number, piece in enumerate(pieces):
        if piece is None:
            return None
        words, counts = _renumbered(piece, names)
        places = number * PLACE + np.arange(len(words), dtype=np.int64)
        if len(words):
            table.merge(native.WordCounts(words.blob, words.offsets, counts, places))
        ntokens += piece.found.ntokens
        if table.live > most:
            return None
    found = counting.counted(table)
    return PieceCounts(Counted(found.words, found.counts, ntokens), list(names))


def _renumbered(piece: PieceCounts, names: dict[str, int]) -> tuple[Words, np.ndarray]:
    """The words with labels by their numbers in `names`, which new ones join; the order stays."""
    numbers = [names.setdefault(label, len(names)) for label in piece.labels]
    words, counts = piece.found.words, piece.found.counts
    if numbers == list(range(len(numbers))):
        return words, counts
    is_label = words.starting_with(MARK)
    own = words.take(np.flatnonzero(is_label)).list()
    marks = Words.of([MARK + b"%d" % numbers[int(mark[len(MARK) :])] for mark in own])
    order = np.empty(len(words), np.int64)
    order[~is_label] = np.arange(int((~is_label).sum()))
    order[is_label] = int((~is_label).sum()) + np.arange(len(own))
    return (words.take(np.flatnonzero(~is_label)) + marks).take(order), counts
