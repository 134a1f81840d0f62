"""A bounded sample of a corpus, the same one each time: some documents of some of its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ftcore.config import Ingest
from ftcore.errors import UserError
from ftcore.reading.documents import Notes
from ftcore.reading.readers import read_part
from ftcore.reading.sources import Part, cut_file, list_files
from ftcore.text.tokenizer import Tokenizer

FILES = 200  # looked into, at even distances
BYTES = 128 << 20  # of a part, at most: what is held of it
REACH = 8  # so many documents are read for each that is taken: neighbours are alike


@dataclass
class Extent:
    """How much of a corpus a sample is of; counted while it is drawn.

    Attributes:
        files: looked into, and how many there are.
        read: documents met. broken: of these, how many could not be read or were empty.
    """

    files: tuple[int, int] = (0, 0)
    read: int = 0
    broken: int = 0


def sampled(
    ingest: Ingest, data: str, text: Tokenizer, most: int, extent: Extent | None = None
) -> Iterator[pa.RecordBatch]:
    """Tokenised documents, about `most` of them, from all over the corpus.

    Of up to `FILES` files, and of up to so many parts of them, each gives an equal number: every `REACH`-th of its first
    documents, or all where there are fewer. No more than `BYTES` of a part are read.

    Args:
        ingest: its sources.
        data: where relative paths start.
        text: makes the tokens.
        most: documents.
        extent: where it is counted what was looked at.

    Raises:
        UserError: no source, a file that is missing or cannot be read.
    """
    if not ingest.sources:
        raise UserError("ingest.sources is empty; name at least one file, directory or glob")
    extent = Extent() if extent is None else extent
    files = list_files(ingest, data)
    chosen = spread(files, FILES)
    extent.files = (len(chosen), len(files))
    parts = spread([part for file in chosen for part in cut_file(file, ingest)], FILES)
    for number, part in enumerate(parts):
        # what earlier parts had too little of is shared by those that follow
        left = -(-most // (len(parts) - number))
        for batch in _of_part(part, ingest, left, extent):
            most -= len(batch)
            yield text.apply(batch)[0]


def _of_part(part: Part, ingest: Ingest, wanted: int, extent: Extent) -> Iterator[pa.RecordBatch]:
    """Every `REACH`-th of the first documents, and from the others what is missing if there are no more."""
    seen = size = 0
    held: list[pa.RecordBatch] = []
    for documents, rejected in read_part(part, ingest, Notes()):
        extent.read += len(documents) + len(rejected)
        extent.broken += len(rejected)
        held.append(documents)
        seen += len(documents)
        size += documents.nbytes
        if seen >= wanted * REACH or size >= BYTES:
            break
    rows = np.arange(seen) if seen <= wanted else (np.arange(wanted) * seen) // wanted
    start = 0
    for documents in held:
        mine = rows[(rows >= start) & (rows < start + len(documents))] - start
        start += len(documents)
        if len(mine):
            yield documents.take(pa.array(mine))


def spread(values: Sequence, most: int) -> list:
    """At most so many of them, at even distances.

    Example:
        >>> spread(range(10), 3)
        [0, 3, 6]
    """
    many = min(most, len(values))
    return [values[n * len(values) // many] for n in range(many)]
