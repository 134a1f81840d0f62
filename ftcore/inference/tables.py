"""The rows of features, whatever holds them: a whole matrix, the rows that occurred, a quantised one.

A feature's number is fastText's: a word's id, or nwords + bucket. Where a model keeps only the buckets
that occurred, the row of another is made from the seed (`ftcore.dictionary.init`) and counts in a mean like
any other; where a quantised model was cut off, a bucket without a row is left out, as in the original
(``Dictionary::pushHash`` of ``src/dictionary.cc``).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ftcore import native
from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.errors import IncompatibleModel
from ftcore.model.model import Model

_SMALL_TABLE = 32 << 20  # bytes of a quantised table that is written out for speed
_LARGEST_MAP = 1 << 26  # buckets; above it a row is searched for, so that memory stays with the model's size


class Tables:
    """Rows of a model's features by number.

    Example:
        >>> Tables(classic).mean(np.array([0, 1, 1]), np.array([0, 3, 3])).shape
        (2, 100)
    """

    def __init__(self, classic: Model) -> None:
        self.classic, self.dictionary = classic, classic.dictionary
        self.nwords, self.dim, self.seed = self.dictionary.nwords, classic.args.dim, classic.seed
        self.pruned = self.dictionary.bucket_rows.leaves_out
        self.whole = self.dictionary.whole
        self.mapped = not self.whole and self.dictionary.bucket <= _LARGEST_MAP

    @cached_property
    def table(self) -> np.ndarray | None:
        """float32[rows, D]; None where the rows are codes, and too many to be kept written out."""
        table = self.classic.input
        if isinstance(table, np.ndarray):
            plain = table.flags.c_contiguous and table.dtype == np.float32
            return np.asarray(table) if plain else None  # also one that is mapped, aligned or not
        if not self.classic.quantized:
            return None  # of a shared table: rows are made where they are asked for
        small = 4 * table.shape[0] * self.dim <= _SMALL_TABLE
        return table.gather(np.arange(table.shape[0])) if small else None

    @property
    def places(self) -> int:
        """How many numbers `known` can give."""
        return self.dictionary.complete().rows

    @cached_property
    def row_table(self) -> np.ndarray | None:
        """int32[bucket], -1 where a bucket has no row; None where there is no such list."""
        return self.dictionary.row_table() if self.mapped else None

    @cached_property
    def rows(self) -> native.Rows | None:
        """Where the rows are, as the native core knows it; None where they have to be searched for."""
        if not (self.whole or self.mapped):
            return None
        return native.Rows(
            self.table, len(self.classic.input), self.dim, self.nwords, self.dictionary.bucket,
            None if self.whole else self.row_table, self.pruned, self.seed % (1 << 64),
        )  # fmt: skip

    def known(self, ids: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The features that count in a mean, as places: rows in a cut-off model, numbers as given otherwise.

        Args:
            ids: int32[N], numbers of all lines' features.
            offsets: int64[B + 1].
        """
        if not self.pruned:
            return ids, offsets
        kept, ends = np.empty(len(ids), np.int32), np.empty(len(offsets), np.int64)
        if self.row_table is None:
            rows = self.dictionary.to_rows(ids)
            np.concatenate([[0], np.cumsum(rows >= 0)]).take(offsets, out=ends)
            return rows[rows >= 0].astype(np.int32), ends
        ids = np.ascontiguousarray(ids, np.int32)
        return kept[: native.keep_rows(ids, offsets, self.nwords, self.row_table, kept, ends)], ends

    def gather(self, places: np.ndarray) -> np.ndarray:
        """The rows at these places: float32[n, D], a copy."""
        if self.pruned or self.whole:
            return self._stored(places)
        rows = self.signed(places)
        absent = rows < 0
        if not absent.any():
            return self._stored(rows)
        out = np.empty((len(rows), self.dim), np.float32)
        out[~absent] = self._stored(rows[~absent])
        out[absent] = initial_rows(self.seed, bucket_numbers(-1 - rows[absent]), self.dim)
        return out

    def mean(self, places: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Mean of each line's rows, from `known` places: float32[B, D]; zero for a line without any."""
        out = np.empty((len(offsets) - 1, self.dim), np.float32)
        extra = np.zeros((0, self.dim), np.float32)
        if self.table is None:
            distinct, places = np.unique(places, return_inverse=True)
            native.mean_rows(self.gather(distinct), extra, places.astype(np.int32), offsets, out)
            return out
        places = np.ascontiguousarray(places, np.int32)
        if not (self.pruned or self.whole):
            places = self.signed(places)
            absent = places < 0
            if absent.any():
                buckets, number = np.unique(-1 - places[absent], return_inverse=True)
                extra = initial_rows(self.seed, bucket_numbers(buckets), self.dim)
                places[absent] = -1 - number
        native.mean_rows(self.table, extra, places, offsets, out)
        return out

    def full(self) -> np.ndarray:
        """The matrix as fastText has it, a row for each bucket: float32[nwords + bucket, D].

        Raises:
            UserError: a quantised model.
        """
        if self.classic.quantized:
            raise IncompatibleModel("Can't get quantized Matrix; load the .bin it was made from")
        return self.gather(np.arange(self.places)) if self.table is None or not self.whole else self.table

    def signed(self, places: np.ndarray) -> np.ndarray:
        """The rows at `known` places: int[n]; ``-1 - bucket`` where a bucket has none."""
        if self.pruned or self.whole:
            return places
        if self.row_table is None:
            return self.dictionary.to_signed(places).astype(np.int32)
        out = np.empty(len(places), np.int32)
        native.bucket_places(np.ascontiguousarray(places, np.int32), self.nwords, self.row_table, out)
        return out

    def _stored(self, rows: np.ndarray) -> np.ndarray:
        table = self.classic.input if self.table is None else self.table
        return table[rows] if isinstance(table, np.ndarray) else table.gather(rows)
