"""The distribution that negatives are drawn from (without torch, for the cpu engine)."""

from __future__ import annotations

import numpy as np

from ftcore import native
from ftcore.errors import UserError


class NegativeSampler:
    """Draws classes with probability proportional to count ** 0.5, as fastText's table does.

    fastText fills a table with ``ceil(sqrt(c) * 1e7 / z)`` entries per class and draws one of them;
    here the same numbers of entries are kept as a running sum, and a draw is looked up in it.

    Source: fastText ``src/loss.cc``, ``NegativeSamplingLoss``.

    Args:
        counts: int64[O], of words or labels in the order of the output rows.

    Raises:
        UserError: with fewer than two classes (the original would look for another for ever).
    """

    def __init__(self, counts: np.ndarray) -> None:
        counts = np.asarray(counts, np.int64)
        if len(counts) < 2:
            raise UserError(
                f"negative sampling needs at least 2 classes, there is {len(counts)}; use more data or loss=softmax"
            )
        self.sizes = native.table_sizes(np.ascontiguousarray(counts))  # entries of each class
        if np.count_nonzero(self.sizes) < 2:
            raise UserError("negative sampling needs at least 2 classes that occur; use loss=softmax")
        self.ends = np.cumsum(self.sizes)
        self.total = int(self.ends[-1])

    def lookup(self, entries: np.ndarray) -> np.ndarray:
        """The class in each entry (0..total-1) of fastText's table: int64, same shape."""
        return np.searchsorted(self.ends, entries, side="right")

    def draw(self, targets: np.ndarray, negatives: int, rng: np.random.Generator) -> np.ndarray:
        """Negatives for each target, none equal to it: int64[B, negatives].

        Example:
            >>> rng = np.random.default_rng(0)
            >>> NegativeSampler(np.array([9, 1])).draw(np.array([0, 1]), 2, rng).tolist()
            [[1, 1], [0, 0]]
        """
        targets = np.asarray(targets, np.int64)
        drawn = self.lookup(rng.integers(self.total, size=(len(targets), negatives)))
        while True:
            again = np.nonzero(drawn == targets[:, None])
            if len(again[0]) == 0:
                return drawn
            drawn[again] = self.lookup(rng.integers(self.total, size=len(again[0])))
