"""Which hash buckets have a row of the table, behind the rows of the words: all, those that occur, or those kept.

A `.bin` has a row for every bucket (fastText 0.9.3, ``src/fasttext.cc``). A model trained here has one for each
bucket that occurs; that of another is the row it would have started from (`ftcore.dictionary.init`). A cut-off
`.ftz` lists the buckets that it kept (``Dictionary::prune`` of ``src/dictionary.cc``) and leaves the others out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from ftcore.dictionary.stored import Stored

_TABLE = 1 << 28  # buckets up to which one byte each is taken for a while


class BucketRows:
    """What the three kinds have in common. How many buckets there are is the dictionary's to say: ``bucket``.

    Attributes:
        name: of the kind, in files.
        whole: each bucket has a row.
        seeded: a bucket without one has the row made from the seed, which counts in a mean.
        leaves_out: a bucket without one is left out of a mean.
        pairs: int32[n, 2] (bucket, place of its row) in the order that a file lists them, None where none does.
    """

    name: ClassVar[str]
    whole: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    leaves_out: ClassVar[bool] = False
    pairs: np.ndarray | None = None

    def count(self, bucket: int) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def ids(self, bucket: int) -> np.ndarray:
        """The buckets that have a row, sorted: int32[n]."""
        raise NotImplementedError

    def places(self, buckets: np.ndarray) -> np.ndarray:
        """Place of each bucket's row, counted from the first bucket's, -1 where it has none: int64, same length."""
        raise NotImplementedError

    def table(self, bucket: int, first: int) -> np.ndarray | None:
        """Row of every bucket, -1 where it has none, the first one's being ``first``: int32[bucket].

        None where all have one, in their order.
        """
        raise NotImplementedError

    def grown(self, buckets: np.ndarray, bucket: int) -> BucketRows:
        """With rows for these buckets too, where rows are made as buckets occur."""
        return self

    def complete(self) -> BucketRows:
        """As a file of fastText's has it: a row for every bucket, unless some were cut off."""
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file holds of them beside the `name`; `restored` is the inverse."""
        return {"buckets": np.zeros(0, np.int32)}

    @classmethod
    def of_arrays(cls, stored: Stored, bucket: int) -> BucketRows:
        """Those of `arrays`, checked (`Stored`)."""
        return cls()


class EveryBucket(BucketRows):
    """A row for each bucket, in their order: a `.bin`.

    Example:
        >>> EveryBucket().places(np.array([7, 0])).tolist()
        [7, 0]
    """

    name, whole = "all", True

    def count(self, bucket: int) -> int:
        return bucket

    def ids(self, bucket: int) -> np.ndarray:
        return np.arange(bucket, dtype=np.int32)

    def places(self, buckets: np.ndarray) -> np.ndarray:
        return np.asarray(buckets, np.int64)

    def table(self, bucket: int, first: int) -> None:
        return None


@dataclass(frozen=True, eq=False)
class OccurringBuckets(BucketRows):
    """A row for each bucket that occurs, in their order: trained here.

    Attributes:
        occurring: sorted int32[n].

    Example:
        >>> OccurringBuckets(np.array([3, 9], np.int32)).places(np.array([9, 4, 3])).tolist()
        [1, -1, 0]
    """

    occurring: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    name, seeded = "occurring", True

    def count(self, bucket: int) -> int:
        return len(self.occurring)

    def ids(self, bucket: int) -> np.ndarray:
        return self.occurring

    def places(self, buckets: np.ndarray) -> np.ndarray:
        return _find(self.occurring, buckets)

    def table(self, bucket: int, first: int) -> np.ndarray:
        rows = np.full(bucket, -1, np.int32)
        rows[self.occurring] = np.arange(first, first + len(self.occurring), dtype=np.int32)
        return rows

    def grown(self, buckets: np.ndarray, bucket: int) -> OccurringBuckets:
        if not len(buckets):
            return self
        if bucket > _TABLE:
            return OccurringBuckets(np.union1d(self.occurring, np.asarray(buckets, np.int32)))
        known = np.zeros(bucket, np.bool_)
        known[self.occurring] = known[buckets] = True
        return OccurringBuckets(np.flatnonzero(known).astype(np.int32))

    def complete(self) -> EveryBucket:
        return EveryBucket()

    def arrays(self) -> dict[str, np.ndarray]:
        return {"buckets": self.occurring}

    @classmethod
    def of_arrays(cls, stored: Stored, bucket: int) -> OccurringBuckets:
        return cls(stored.arrays["buckets"])


@dataclass(frozen=True, eq=False)
class KeptBuckets(BucketRows):
    """A row for each bucket that was kept, in an order of their own: a cut-off `.ftz`.

    Example:
        >>> KeptBuckets(np.array([[9, 0], [3, 1]], np.int32)).places(np.array([9, 4, 3])).tolist()
        [0, -1, 1]
    """

    pairs: np.ndarray
    name, leaves_out = "pruned", True

    def count(self, bucket: int) -> int:
        return len(self.pairs)

    def ids(self, bucket: int) -> np.ndarray:
        return self._sorted[0].astype(np.int32)

    def places(self, buckets: np.ndarray) -> np.ndarray:
        kept, places = self._sorted
        found = _find(kept, buckets)
        return np.where(found >= 0, places[found], -1) if len(kept) else found

    def table(self, bucket: int, first: int) -> np.ndarray:
        rows = np.full(bucket, -1, np.int32)
        rows[self.pairs[:, 0]] = first + self.pairs[:, 1]
        return rows

    def arrays(self) -> dict[str, np.ndarray]:
        return super().arrays() | {"prune": self.pairs}

    @classmethod
    def of_arrays(cls, stored: Stored, bucket: int) -> KeptBuckets:
        return cls(_checked_pairs(stored, "prune", bucket))

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """The buckets, sorted, and the place of each, int64.

        A hostile file may claim two billion buckets: memory goes with the rows there are.
        """
        kept = self.pairs[np.argsort(self.pairs[:, 0], kind="stable")].astype(np.int64)
        return kept[:, 0].copy(), kept[:, 1].copy()


KINDS = {kind.name: kind for kind in (OccurringBuckets, EveryBucket, KeptBuckets)}


def restored(stored: Stored, name: object, bucket: int) -> BucketRows:
    """The rows of `BucketRows.arrays` and a kind's name.

    Raises:
        UserError: it names the file and the array that holds nonsense.
    """
    stored.numbers("buckets", np.int32, (None,), 0, bucket - 1, increasing=True)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise stored.fail("storage", repr(name), "'occurring', 'all' or 'pruned'")
    return kind.of_arrays(stored, bucket)


def _find(known: np.ndarray, buckets: np.ndarray) -> np.ndarray:
    """Where each bucket stands among the sorted ones, -1 where it does not."""
    if len(known) == 0:
        return np.full(len(buckets), -1, np.int64)
    place = np.minimum(np.searchsorted(known, buckets), len(known) - 1)
    return np.where(known[place] == buckets, place, -1)


def _checked_pairs(stored: Stored, name: str, bucket: int) -> np.ndarray:
    """(bucket, place of its row) of a cut-off model: int32[n, 2], every bucket once, places below n."""
    found = stored.numbers(name, np.int32, (None, 2), 0, (1 << 31) - 1)
    for column, most, what in ((0, bucket, "bucket"), (1, len(found), "row")):
        wrong = np.flatnonzero(found[:, column] >= most)
        if len(wrong):
            i = int(wrong[0])
            raise stored.fail(f"{name}[{i}, {column}]", found[i, column], f"a {what} below {most}")
    buckets, numbers = np.unique(found[:, 0], return_counts=True)
    if (numbers > 1).any():
        raise stored.fail(name, f"bucket {buckets[numbers > 1][0]} twice", "each bucket once")
    return found
