"""Where processes that train apart put together what they have moved: which rows, when, and how far.

A row that each of P processes has updated a few times moves by the sum of what they moved it by, as one process would have
moved it. One that each of them has moved as far as it will go moves by the mean, and what lies between by a share of the
sum (`ftcore.engines.pace`). Sums are right while a row has moved little, so each row takes part in a meeting as soon as it has
been updated about `UPDATES` times, by all together: the commonest in every meeting, one that occurs half as often in every other.
Who is due follows from the text, so nobody has to ask, and few rows travel. At the end of a chunk all are put together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ftcore.engines.interface import Rate
from ftcore.engines.pace import Pace, share_of_sum
from ftcore.errors import RunError
from ftcore.model.matrices import Matrices, arrays
from ftcore.model.module import TwoTables

UPDATES = 100  # of a row, by all processes, from one of its meetings to the next
CONTRACTION = 0.1  # times the rate: what an update takes off the way of a row to where it is pulled
SELDOM = 20  # meetings of the rarest rows are 2**SELDOM apart: in fact the end of a chunk


@dataclass(frozen=True)
class Round:
    """What a process does between two meetings.

    Attributes:
        share: which share of the chunk is its own.
        rate: learning rate by tokens of the share; all processes are at the same rate at the same time.
        draws: random numbers of this share, whoever works on it.
        way: tokens of a process in this round, times the rate, times `CONTRACTION`.
    """

    share: int
    rate: Rate
    draws: np.random.Generator
    way: float


def rounds(done: np.ndarray, rank: int, size: int, lr: Rate, rng: np.random.Generator) -> Iterator[Round]:
    """The rounds of a chunk, of which process `rank` takes every `size`-th share.

    Args:
        done: int64[rounds x size + 1], tokens before each share.
        lr: by tokens of the chunk.
        rng: at the same state on all processes.
    """
    key = rng.integers(0, 2**63, 2)
    for number in range((len(done) - 1) // size):
        share = number * size + rank
        begin, end = int(done[number * size]), int(done[(number + 1) * size])
        mine = max(1, int(done[share + 1] - done[share]))

        def rate(at: int, begin: int = begin, end: int = end, mine: int = mine) -> float:
            return lr(begin + (end - begin) * at // mine)

        draws = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, size, share]))
        yield Round(share, rate, draws, (end - begin) / size * lr(begin) * CONTRACTION)


class Meetings:
    """Those of one chunk of work.

    Args:
        tables: of this process; equal on all when the chunk begins, and when it has ended.
        pace: updates of each row a token, see `ftcore.engines.pace`.
        tokens: of all processes together between two meetings.
        size: processes.
        device: where the tables are.
        updates: of a row between its meetings.
    """

    def __init__(
        self, tables: list[Tensor], pace: Pace, tokens: float, size: int, device: torch.device | str,
        updates: float = UPDATES,
    ) -> None:  # fmt: skip
        self.tables, self.size, self.number = tables, size, 0
        self.before = [table.clone() for table in tables]
        self.pace = [torch.from_numpy(one).to(device) for one in pace]
        periods = [periods_of(one * tokens, updates) for one in pace]
        self.rows = [
            [torch.from_numpy(np.flatnonzero(own == period)).to(device) for period in range(SELDOM + 1)]
            for own in periods
        ]
        self.way = [0.0] * (SELDOM + 1)  # since the last meeting of the rows of each period

    def meet(self, way: float) -> None:
        """Put together the rows that are due.

        Args:
            way: of the round before, see `Round`.
        """
        self.number += 1
        self.way = [gone + way for gone in self.way]
        self._put_together([n for n in range(SELDOM + 1) if self.number % (1 << n) == 0])

    def end(self) -> None:
        """Put together all that have moved since."""
        self._put_together([n for n, gone in enumerate(self.way) if gone > 0])

    def _put_together(self, due: list[int]) -> None:
        for table, old, pace, rows in zip(self.tables, self.before, self.pace, self.rows, strict=True):
            some = torch.cat([rows[n] for n in due])
            if not len(some):
                continue
            way = torch.cat([pace[rows[n]] * self.way[n] for n in due])
            start = old[some]
            motion = table[some] - start
            exchange(motion)
            table[some] = old[some] = start + motion * self.share(way)[:, None]
        for n in due:
            self.way[n] = 0.0

    def share(self, way: Tensor) -> Tensor:
        """What of the sum of the processes' motions each row moves by: `ftcore.engines.pace.share_of_sum`.

        Args:
            way: float32[n], updates of each row by one process, times what one takes off its way.
        """
        return share_of_sum(way, self.size)


def periods_of(updates: np.ndarray, most: float) -> np.ndarray:
    """Logarithms to base 2 of how many rounds lie between two meetings of each row; -1: it is never updated.

    Args:
        updates: float[n] of each row in a round, by all processes.
        most: of a row between two of its meetings, about.

    Example:
        >>> periods_of(np.array([1000.0, 200.0, 99.0, 1e-9, 0.0]), 200).tolist()
        [0, 0, 1, 20, -1]
    """
    rounds = np.log2(np.maximum(most / np.maximum(updates, 1e-30), 1))
    return np.where(updates > 0, np.minimum(rounds.astype(np.int64), SELDOM), -1)


def exchange(tensor: Tensor, largest: bool = False) -> None:
    """The sum, or the largest, over all processes, in place.

    Raises:
        RunError: one of them is gone.
    """
    with lost_told():
        dist.all_reduce(tensor, dist.ReduceOp.MAX if largest else dist.ReduceOp.SUM)


@contextmanager
def lost_told() -> Iterator[None]:
    """A meeting; that a process is gone is said in words."""
    try:
        yield
    except RuntimeError as error:
        raise RunError(
            f"process {dist.get_rank()} of {dist.get_world_size()} lost another one: it was killed or cannot be "
            f"reached ({str(error).splitlines()[0][:200]}). Start the same command again, with any number of "
            "processes: training goes on from its checkpoint"
        ) from error


def both(tables: TwoTables | Matrices) -> list[Tensor]:
    """The two tables as tensors over their memory."""
    if isinstance(tables, Matrices):
        return [torch.from_numpy(one) for one in arrays(tables)]
    return [tables.input.detach(), tables.output.detach()]
