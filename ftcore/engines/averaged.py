"""One training on several processes: each takes its share of a chunk, then what they moved is put together.

Every process holds both tables and trains on its own lines with the engine that it has (cpu, cuda, reference). After
`TOKENS` tokens together, a row moves by a share of the sum of what the processes moved it by: all of it for a rare row,
the mean for one that each of them has moved as far as it will go (`ftcore.engines.pace`). Means of everything keep the
n-grams that all texts have behind the words that few have; sums of everything overshoot. Only rows that somebody moved
are sent.

It is an `Engine` like others: chunks, learning rate, progress and checkpoints are those of one process. The
processes meet through `torch.distributed` (gloo or NCCL), which `ftcore.training.together` sets up.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus, TokenCorpus
from ftcore.engines.interface import Engine, Rate, StepResult
from ftcore.engines.pace import Pace, pace_of_documents, pace_of_words, share_of_sum
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from ftcore.errors import RunError
from ftcore.model.matrices import Matrices, arrays
from ftcore.model.module import TwoTables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ftcore import config

TOKENS = 10_000  # of all processes together between two meetings
ON_GPUS = 250_000  # of a process of the cuda engine, which is idle on less; never measured on real text
CONTRACTION = 0.1  # times the rate: what an update takes off the way of a row to where it is pulled


Did = tuple[StepResult, np.ndarray]  # a share's, and the input rows that it may have moved


class Averaged:
    """An engine on every process of a group, which meet after so many tokens.

    Args:
        engine: of this process.
        tokens: of all processes together between two meetings.

    Example:
        Averaged(load_engine(choose_engine("cpu", "cpu"))).pretrain_lines(tables, corpus, lines, options, lr, rng, setup)
    """

    def __init__(self, engine: Engine, tokens: int = TOKENS) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.engine, self.each = engine, max(1, tokens // self.size)
        self.name, self.speed, self.device = engine.name, engine.speed, engine.device

    def pretrain_lines(
        self,
        tables: TwoTables | Matrices,
        corpus: TokenCorpus,
        lines: range,
        options: config.Pretrain,
        lr: Rate,
        rng: np.random.Generator,
        setup: PretrainSetup,
    ) -> StepResult:
        """Train on consecutive lines, of which every process takes a run; see `Engine`."""
        starts = np.asarray(corpus.offsets[lines.start : lines.stop + 1], np.int64)
        cuts = lines.start + cut_shares(starts - starts[0], self.each, self.size)

        def work(share: int, rate: Rate, own: np.random.Generator) -> Did:
            run = range(int(cuts[share]), int(cuts[share + 1]))
            words = np.unique(corpus.ids[corpus.offsets[run.start] : corpus.offsets[run.stop]])
            result = self.engine.pretrain_lines(tables, corpus, run, options, rate, own, setup)
            return result, np.unique(setup.subwords.take(words).values)

        ids = np.asarray(corpus.ids[starts[0] : starts[-1]])
        pace = pace_of_words(ids, len(tables.input), options, setup)
        return self._meet(tables, starts[cuts - lines.start] - starts[0], lr, rng, work, pace)

    def finetune_bags(
        self,
        tables: TwoTables | Matrices,
        corpus: BagCorpus,
        order: np.ndarray,
        options: config.Finetune,
        lr: Rate,
        rng: np.random.Generator,
        setup: FinetuneSetup,
    ) -> StepResult:
        """Train on documents in this order, of which every process takes a run; see `Engine`."""
        before = np.concatenate([[0], np.cumsum(np.diff(corpus.offsets)[order])])
        cuts = cut_shares(before, self.each, self.size)

        def work(share: int, rate: Rate, own: np.random.Generator) -> Did:
            part = order[cuts[share] : cuts[share + 1]]
            result = self.engine.finetune_bags(tables, corpus, part, options, rate, own, setup)
            return result, np.unique(Ragged(corpus.ids, corpus.offsets).take(part).values)

        pace = pace_of_documents(corpus, len(tables.input), setup)
        return self._meet(tables, before[cuts], lr, rng, work, pace)

    def _meet(
        self,
        tables: TwoTables | Matrices,
        done: np.ndarray,
        lr: Rate,
        rng: np.random.Generator,
        work: Callable[[int, Rate, np.random.Generator], Did],
        pace: Pace,
    ) -> StepResult:
        """Round by round: this process's share, then the meeting; what all did together."""
        key = rng.integers(0, 2**63, 2)
        results: list[StepResult] = []
        before = [table.clone() for table in both(tables)]
        each = [torch.from_numpy(one).to(self.device) for one in pace]
        for round_ in range((len(done) - 1) // self.size):
            share = round_ * self.size + self.rank
            begin, end = int(done[round_ * self.size]), int(done[(round_ + 1) * self.size])
            mine = max(1, int(done[share + 1] - done[share]))
            own = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, self.size, share]))

            def rate(at: int, begin: int = begin, end: int = end, mine: int = mine) -> float:
                return lr(begin + (end - begin) * at // mine)  # all at the same rate at the same time

            result, touched = work(share, rate, own)
            results.append(result)
            updates = (end - begin) / self.size * lr(begin) * CONTRACTION
            self._put_together(tables, before, [one * updates for one in each], touched)
        return told_of(results, self.device)

    def _put_together(
        self, tables: TwoTables | Matrices, before: list[Tensor], gone: list[Tensor], touched: np.ndarray
    ) -> None:
        """Every process has the same tables afterwards, and `before` is equal to them.

        Args:
            gone: float32[rows] of each table, see `share`.
            touched: int[n] rows of the input table that this process may have moved.
        """
        near = torch.from_numpy(touched.astype(np.int64)).to(self.device)
        for table, old, way, rows in zip(both(tables), before, gone, (near, None), strict=True):
            movers = torch.zeros(len(table), dtype=torch.int32, device=self.device)
            if rows is None:
                movers += (table != old).any(1)
            else:
                movers[rows] = (table[rows] != old[rows]).any(1).int()
            exchange(movers)
            rows = torch.nonzero(movers).squeeze(1)
            start = old[rows]
            motion = table[rows] - start
            exchange(motion)
            share = self.share(way[rows], movers[rows])
            table[rows] = old[rows] = start + motion * share[:, None]

    def share(self, way: Tensor, movers: Tensor) -> Tensor:
        """What of the sum of the processes' motions each row moves by: `ftcore.engines.pace.share_of_sum`.

        Args:
            way: float32[n], updates of each row by one process, times what one takes off its way.
            movers: int32[n], how many processes moved it.
        """
        return share_of_sum(way, movers)


def cut_shares(before: np.ndarray, each: int, processes: int) -> np.ndarray:
    """Where each share of a chunk starts, in lines or documents: round after round, one of each process.

    Args:
        before: int64[n + 1], tokens before each line.
        each: tokens of a share.

    Example:
        >>> cut_shares(np.arange(0, 90, 10), 20, 2).tolist()
        [0, 2, 4, 6, 8]
    """
    rounds = max(1, math.ceil(before[-1] / (each * processes)))
    cuts = np.searchsorted(before, np.linspace(0, before[-1], rounds * processes + 1))
    cuts[0], cuts[-1] = 0, len(before) - 1
    return cuts


def told_of(results: list[StepResult], device: torch.device | str) -> StepResult:
    """What all processes did together, of what this one did round by round."""
    numbers = [[one.loss, one.examples, one.tokens, one.updates] for one in results]
    total = torch.tensor(numbers, dtype=torch.float64).reshape(-1, 4)
    done, broken = 0, -1
    for one in results:
        if one.broken is not None and broken < 0:
            broken = done + one.broken
        done += one.updates
    sums = total.sum(0).to(device)
    worst = torch.tensor([broken], device=device)
    exchange(sums)
    exchange(worst, largest=True)
    loss, *counts = sums.tolist()
    examples, tokens, updates = map(int, counts)
    return StepResult(loss, examples, tokens, updates, int(worst) if worst >= 0 else None)


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
