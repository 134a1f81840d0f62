"""One training on several processes: each takes its share of a chunk, then what they moved is put together.

Every process holds both tables and trains on its own lines with the engine that it has (cpu, cuda, reference). They meet
after `TOKENS` tokens together, and a row takes part as soon as it has been updated about `UPDATES` times: the commonest
every time, a rare one when the chunk ends (`ftcore.engines.meetings`).

It is an `Engine` like others: chunks, learning rate, progress and checkpoints are those of one process. The
processes meet through `torch.distributed` (gloo or NCCL), which `ftcore.training.together` sets up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist

from ftcore.dictionary.encode import BagCorpus, TokenCorpus
from ftcore.engines.interface import Engine, Rate, StepResult
from ftcore.engines.meetings import UPDATES, Meetings, both, exchange, rounds
from ftcore.engines.pace import Pace, pace_of_documents, pace_of_words
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from ftcore.model.matrices import Matrices

if TYPE_CHECKING:
    from collections.abc import Callable

    from ftcore import config
    from ftcore.model.module import TwoTables

TOKENS = 10_000  # of all processes together between two meetings
ON_GPUS = 20_000  # with the cuda engine, which is idle on less; twice as many cost analogies


class Averaged:
    """An engine on every process of a group, which meet after so many tokens.

    Args:
        engine: of this process.
        tokens: of all processes together between two meetings.
        updates: of a row from one of its meetings to the next; 0: each takes part in all.

    Example:
        Averaged(load_engine(choose_engine("cpu", "cpu"))).pretrain_lines(tables, corpus, lines, options, lr, rng, setup)
    """

    def __init__(self, engine: Engine, tokens: int = TOKENS, updates: float = UPDATES) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.engine, self.each, self.updates = engine, max(1, tokens // self.size), updates
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

        def work(share: int, rate: Rate, own: np.random.Generator) -> StepResult:
            run = range(int(cuts[share]), int(cuts[share + 1]))
            return self.engine.pretrain_lines(tables, corpus, run, options, rate, own, setup)

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

        def work(share: int, rate: Rate, own: np.random.Generator) -> StepResult:
            part = order[cuts[share] : cuts[share + 1]]
            return self.engine.finetune_bags(tables, corpus, part, options, rate, own, setup)

        pace = pace_of_documents(corpus, len(tables.input), setup)
        return self._meet(tables, before[cuts], lr, rng, work, pace)

    def _meet(
        self,
        tables: TwoTables | Matrices,
        done: np.ndarray,
        lr: Rate,
        rng: np.random.Generator,
        work: Callable[[int, Rate, np.random.Generator], StepResult],
        pace: Pace,
    ) -> StepResult:
        """Round by round: this process's share, then the meeting; what all did together."""
        meetings = self.meetings(tables, pace, done)
        results = []
        for round_ in rounds(done, self.rank, self.size, lr, rng):
            results.append(work(round_.share, round_.rate, round_.draws))
            meetings.meet(round_.way)
        meetings.end()
        return told_of(results, self.device)

    def meetings(self, tables: TwoTables | Matrices, pace: Pace, done: np.ndarray) -> Meetings:
        """Those of a chunk."""
        each = done[-1] / max(1, (len(done) - 1) // self.size)
        return Meetings(both(tables), pace, float(each), self.size, self.device, self.updates)


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
