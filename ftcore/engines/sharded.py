"""One training on several processes, none of which holds the tables: row r lies on the device of process r modulo size.

For tables that fit no single device. Round by round each process takes a run of lines, fetches the rows that these
lines can touch from their owners, trains on a small table of them with the engine that it has, and sends back what
they have moved by; an owner adds as `ftcore.engines.meetings` does. Negatives are drawn from a pool that each process
draws anew for its run, by the same distribution; where the pool would hold the whole vocabulary, it does.

The whole tables lie in every process's main memory, and are brought up to date at the end of a chunk.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus, TokenCorpus
from ftcore.engines.averaged import TOKENS, cut_shares, told_of
from ftcore.engines.interface import Engine, Rate, StepResult
from ftcore.engines.meetings import both, lost_told, rounds
from ftcore.engines.pace import pace_of_words, share_of_sum
from ftcore.engines.setup import FinetuneSetup, LossTables, PretrainSetup
from ftcore.errors import InvalidOptions
from ftcore.model.matrices import Matrices
from ftcore.model.module import TwoTables

if TYPE_CHECKING:
    from ftcore import config

POOL = 1 << 17  # draws that a run's negatives are drawn from


@dataclass(frozen=True)
class Touched:
    """What a run of lines can touch, by small numbers.

    Attributes:
        input: int64[n] rows of the input table, ascending.
        output: int64[m] rows of the output table, ascending.
        corpus: the run, its words numbered anew.
        setup: of these words and rows.
    """

    input: np.ndarray
    output: np.ndarray
    corpus: TokenCorpus
    setup: PretrainSetup


@dataclass(frozen=True)
class Trade:
    """Rows that were fetched: whose they are, and who fetched which of ours."""

    rows: Tensor  # float32[n, D], as they came, in the order they were wanted
    asked: Tensor  # int64[...] of our rows, process after process
    place: Tensor  # int64[n], which was wanted, owner after owner
    give: list[int]
    take: list[int]


class Sharded:
    """An engine on every process of a group, over tables whose rows are spread over them.

    Args:
        engine: of this process; the rows that it owns and those of its run lie on its device.
        tokens: of all processes together between two meetings.
        pool: negatives drawn for a run.
    """

    def __init__(self, engine: Engine, tokens: int = TOKENS, pool: int = POOL) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.engine, self.each, self.pool = engine, max(1, tokens // self.size), pool
        self.name, self.speed, self.device = engine.name, engine.speed, "cpu"
        self._owned: list[Tensor] = []
        self._of: weakref.ref[object] | None = None

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
        self._own(tables)
        starts = np.asarray(corpus.offsets[lines.start : lines.stop + 1], np.int64)
        cuts = cut_shares(starts - starts[0], self.each, self.size)
        done = starts[cuts] - starts[0]
        pace = pace_of_words(
            np.asarray(corpus.ids[starts[0] : starts[-1]]), len(tables.input), options, setup
        )
        ours = [torch.from_numpy(one[self.rank :: self.size].copy()) for one in pace]
        results = []
        for round_ in rounds(done, self.rank, self.size, lr, rng):
            share = round_.share
            run = range(lines.start + int(cuts[share]), lines.start + int(cuts[share + 1]))
            part = part_of(corpus, run, setup, self.pool, round_.draws)
            trades = [self._fetch(0, part.input), self._fetch(1, part.output)]
            small = self._small(trades[0].rows, trades[1].rows, part.setup.targets.rows)
            results.append(
                self.engine.pretrain_lines(
                    small,
                    part.corpus,
                    range(len(part.corpus)),
                    options,
                    round_.rate,
                    round_.draws,
                    part.setup,
                )
            )
            for number, (trade, table) in enumerate(zip(trades, both(small), strict=True)):
                self._give_back(number, trade, table, ours[number] * round_.way)
        self._show(tables)
        return told_of(results, "cpu")

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
        """Not for classifiers.

        Raises:
            UserError: always.
        """
        raise InvalidOptions("a classifier's rows are not spread over processes; leave shard_rows out")

    # ------------------------------------------------------------------------------------------ whose rows
    def _own(self, tables: TwoTables | Matrices) -> None:
        """Take this process's rows of tables that are new here."""
        if self._of is None or self._of() is not tables:
            self._of = weakref.ref(tables)
            place = self.engine.device
            self._owned = [one[self.rank :: self.size].clone().to(place) for one in both(tables)]

    def _show(self, tables: TwoTables | Matrices) -> None:
        """All rows from all owners into this process's tables."""
        for table, owned in zip(both(tables), self._owned, strict=True):
            for rank in range(self.size):
                rows = table[rank :: self.size]
                sent = owned if rank == self.rank else torch.empty(rows.shape, device=owned.device)
                dist.broadcast(sent, rank)
                rows.copy_(sent)

    # ------------------------------------------------------------------------------------------ rows on the way
    def _fetch(self, number: int, wanted: np.ndarray) -> Trade:
        owner = wanted % self.size
        order = np.argsort(owner, kind="stable")
        device = self._owned[number].device
        sent = torch.from_numpy(np.bincount(owner, minlength=self.size)).to(device)
        asked = torch.empty_like(sent)
        exchange_all(asked, sent, [1] * self.size, [1] * self.size)
        give, take = asked.tolist(), sent.tolist()
        here = torch.from_numpy((wanted // self.size)[order]).to(device)
        rows = torch.empty(sum(give), dtype=torch.int64, device=device)
        exchange_all(rows, here, give, take)
        found = torch.empty(len(wanted), self._owned[number].shape[1], device=device)
        exchange_all(found, self._owned[number][rows], take, give)
        place = torch.from_numpy(order).to(device)
        return Trade(torch.empty_like(found).index_copy_(0, place, found), rows, place, give, take)

    def _give_back(self, number: int, trade: Trade, table: Tensor, way: Tensor) -> None:
        motion = (table.to(trade.rows.device)[: len(trade.rows)] - trade.rows)[trade.place]
        back = torch.empty(len(trade.asked), motion.shape[1], device=motion.device)
        exchange_all(back, motion, trade.give, trade.take)
        owned = self._owned[number]
        rows, which = trade.asked.unique(return_inverse=True)
        total = torch.zeros(len(rows), back.shape[1], device=back.device).index_add_(0, which, back)
        owned[rows] += total * share_of_sum(way.to(back.device)[rows], self.size)[:, None]

    def _small(self, input: Tensor, output: Tensor, rows: int) -> TwoTables | Matrices:
        """Tables to train on; the output table has as many rows as there are words (those of hs are fewer)."""
        output = torch.cat([output, output.new_zeros(rows - len(output), output.shape[1])])
        if self.engine.name == "cpu":
            return Matrices(input.clone().numpy(), output.numpy())
        return TwoTables(input.clone(), output)


def exchange_all(received: Tensor, sent: Tensor, receive: list[int], send: list[int]) -> None:
    """Each process's part to it.

    Raises:
        RunError: one of them is gone.
    """
    with lost_told():
        dist.all_to_all_single(received, sent.contiguous(), receive, send)


def part_of(
    corpus: TokenCorpus, run: range, setup: PretrainSetup, pool: int, rng: np.random.Generator
) -> Touched:
    """What a run of lines can touch; see `Touched`.

    Args:
        pool: how many negatives are drawn for it (ns).
    """
    offsets = np.asarray(corpus.offsets[run.start : run.stop + 1], np.int64)
    ids = np.asarray(corpus.ids[offsets[0] : offsets[-1]]) if len(offsets) else np.empty(0, np.int32)
    offsets = offsets - offsets[0] if len(offsets) else np.zeros(1, np.int64)
    targets, sizes = setup.targets, setup.targets.sizes
    words = np.unique(ids).astype(np.int64)
    if targets.loss == "ns" and sizes is not None:
        if pool >= targets.rows:
            words = np.arange(targets.rows)
        else:
            ends = np.cumsum(sizes)
            drawn = np.searchsorted(ends, rng.integers(0, ends[-1], pool), side="right")
            sizes = np.bincount(drawn, minlength=targets.rows)
            words = np.union1d(words, drawn)
    elif targets.loss == "softmax":
        words = np.arange(targets.rows)
    if len(words) < 2:  # ns needs a word to tell from
        words = np.union1d(words, np.arange(min(2, targets.rows)))
    subwords = setup.subwords.take(words)
    input, subword = np.unique(subwords.values, return_inverse=True)
    output, local = words, None
    if targets.loss == "hs" and targets.paths is not None and targets.codes is not None:
        paths = targets.paths.take(words)
        output, node = np.unique(paths.values, return_inverse=True)
        local = LossTables(
            "hs", max(len(words), len(output)), paths=Ragged(node.astype(np.int32), paths.offsets),
            codes=targets.codes.take(words),
        )  # fmt: skip
    elif targets.loss == "ns" and sizes is not None:
        local = LossTables("ns", len(words), sizes=sizes[words])
    made = PretrainSetup(
        Ragged(subword.astype(np.int32), subwords.offsets), setup.keep[words],
        local or LossTables(targets.loss, len(words)),
    )  # fmt: skip
    numbered = np.searchsorted(words, ids).astype(np.int32)
    return Touched(
        input.astype(np.int64),
        output.astype(np.int64),
        TokenCorpus(numbered, offsets, np.array([len(ids)])),
        made,
    )
