"""One training on several processes: each takes its share of a chunk, then what they moved is put together.

Every process holds both tables and trains on its own lines with the engine that it has (cpu, cuda, reference). After
`TOKENS` tokens each, a row's motions are summed over the processes and divided by how many of them moved it: a row
that one alone met keeps its whole step, the rows that all met move by the mean. (The plain mean of the tables divides
every step by the number of processes, so that rare words learn the slower the more there are.) Only rows that
somebody moved are sent.

It is an `Engine` like others: chunks, learning rate, progress and checkpoints are those of one process. The
processes meet through `torch.distributed` (gloo or NCCL), which `ftcore.training.together` sets up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ftcore.dictionary.encode import BagCorpus, TokenCorpus
from ftcore.engines.interface import Engine, Rate, StepResult
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from ftcore.errors import RunError
from ftcore.model.matrices import Matrices, arrays
from ftcore.model.module import TwoTables

if TYPE_CHECKING:
    from collections.abc import Callable

    from ftcore import config

TOKENS = 50_000  # of each process between two meetings


class Averaged:
    """An engine on every process of a group, which meet after so many tokens.

    Args:
        engine: of this process.
        tokens: of each process between two meetings.

    Example:
        Averaged(load_engine(choose_engine("cpu", "cpu"))).pretrain_lines(tables, corpus, lines, options, lr, rng, setup)
    """

    def __init__(self, engine: Engine, tokens: int = TOKENS) -> None:
        self.engine, self.each = engine, tokens
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
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
        cuts = lines.start + self._cuts(starts - starts[0])

        def work(share: int, rate: Rate, own: np.random.Generator) -> StepResult:
            run = range(int(cuts[share]), int(cuts[share + 1]))
            return self.engine.pretrain_lines(tables, corpus, run, options, rate, own, setup)

        return self._meet(tables, starts[cuts - lines.start] - starts[0], lr, rng, work)

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
        cuts = self._cuts(before)

        def work(share: int, rate: Rate, own: np.random.Generator) -> StepResult:
            part = order[cuts[share] : cuts[share + 1]]
            return self.engine.finetune_bags(tables, corpus, part, options, rate, own, setup)

        return self._meet(tables, before[cuts], lr, rng, work)

    def _cuts(self, before: np.ndarray) -> np.ndarray:
        """Where each share of a chunk starts, in lines or documents: round after round, one of each process."""
        rounds = max(1, math.ceil(before[-1] / (self.each * self.size)))
        wanted = np.linspace(0, before[-1], rounds * self.size + 1)
        cuts = np.searchsorted(before, wanted)
        cuts[0], cuts[-1] = 0, len(before) - 1
        return cuts

    def _meet(
        self,
        tables: TwoTables | Matrices,
        done: np.ndarray,
        lr: Rate,
        rng: np.random.Generator,
        work: Callable[[int, Rate, np.random.Generator], StepResult],
    ) -> StepResult:
        """Round by round: this process's share, then the meeting; what all did together."""
        key = rng.integers(0, 2**63, 2)
        total = torch.zeros(4, dtype=torch.float64, device=self.device)
        broken = torch.full((1,), -1, dtype=torch.int64, device=self.device)
        before = [table.clone() for table in _both(tables)]
        for round_ in range((len(done) - 1) // self.size):
            share = round_ * self.size + self.rank
            begin, end = int(done[round_ * self.size]), int(done[(round_ + 1) * self.size])
            mine = max(1, int(done[share + 1] - done[share]))
            own = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, self.size, share]))

            def rate(at: int, begin: int = begin, end: int = end, mine: int = mine) -> float:
                return lr(begin + (end - begin) * at // mine)  # all at the same rate at the same time

            result = work(share, rate, own)
            if result.broken is not None and broken < 0:
                broken = total[3].long() + result.broken
            numbers = [result.loss, result.examples, result.tokens, result.updates]
            total += torch.tensor(numbers, dtype=torch.float64, device=self.device)
            self._put_together(tables, before)
        exchange(total)
        exchange(broken, largest=True)
        loss, *counts = total.tolist()
        examples, tokens, updates = map(int, counts)
        return StepResult(loss, examples, tokens, updates, int(broken) if broken >= 0 else None)

    def _put_together(self, tables: TwoTables | Matrices, before: list[Tensor]) -> None:
        """Every process has the same tables afterwards, and `before` is equal to them."""
        for table, old in zip(_both(tables), before, strict=True):
            movers = (table != old).any(1).int()
            exchange(movers)
            rows = torch.nonzero(movers).squeeze(1)
            start = old[rows]
            motion = table[rows] - start
            squares = (motion * motion).sum(1, keepdim=True)
            exchange(motion)
            exchange(squares)
            table[rows] = old[rows] = start + self.step(motion, squares, movers[rows, None])

    def step(self, motion: Tensor, squares: Tensor, movers: Tensor) -> Tensor:
        """What rows move by.

        Args:
            motion: float32[n, D], the sum of what the processes moved them by.
            squares: float32[n, 1], the sum of the squared lengths of what each moved them by.
            movers: int32[n, 1], how many processes moved each.
        """
        together = (motion * motion).sum(1, keepdim=True).clamp(min=1e-30)
        return motion * (squares / together).clamp(max=1).maximum(1 / movers)


def exchange(tensor: Tensor, largest: bool = False) -> None:
    """The sum, or the largest, over all processes, in place.

    Raises:
        RunError: one of them is gone.
    """
    try:
        dist.all_reduce(tensor, dist.ReduceOp.MAX if largest else dist.ReduceOp.SUM)
    except RuntimeError as error:
        raise RunError(
            f"process {dist.get_rank()} of {dist.get_world_size()} lost another one: it was killed or cannot be "
            f"reached ({str(error).splitlines()[0][:200]}). Start the same command again, with any number of "
            "processes: training goes on from its checkpoint"
        ) from error


def _both(tables: TwoTables | Matrices) -> list[Tensor]:
    if isinstance(tables, Matrices):
        return [torch.from_numpy(one) for one in arrays(tables)]
    return [tables.input.detach(), tables.output.detach()]
