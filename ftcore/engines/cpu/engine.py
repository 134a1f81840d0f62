"""The cpu engine: Numba kernels over pre-encoded ids and the torch parameters' own memory.

Threads split a chunk's lines and write to the tables without locks (hogwild, as fastText's own do); one
thread gives the same bytes for the same seed. Discards, windows and negatives come from generators of
the engine's own, one a thread, seeded from the chunk's; the distributions are fastText's.

The lines of a chunk are taken in random order. The original's 12 threads mix the text too, each being at another
place of it; line after line, neighbours on one subject, costs CBOW two points in analogies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ftcore.cores import usable_threads
from ftcore.corpus.encode import BagCorpus, TokenCorpus
from ftcore.engines.cpu import shared
from ftcore.engines.cpu.draws import Centres, discard_limits, draw_centres
from ftcore.engines.cpu.exact import Words, exact_kernel
from ftcore.engines.cpu.output import Output
from ftcore.engines.cpu.shared import shareable
from ftcore.engines.interface import Rate, StepResult
from ftcore.engines.ragged import Ragged
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from ftcore.errors import UserError
from ftcore.model.kernel import when_compiling
from ftcore.model.matrices import Matrices, arrays

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.model.module import TwoTables

log = logging.getLogger("ftcore.engines.cpu")
_SPLIT = 2000  # tokens a thread is worth starting for


class Part(NamedTuple):
    """What a thread made of its lines."""

    loss: float
    examples: int
    updates: int
    broken: int  # -1: none


class Cpu:
    """Numba on the CPU.

    Args:
        threads: None takes one a core. More than one makes the result depend on timing.

    Example::

        Cpu(threads=1).pretrain_lines(tables, corpus, range(len(corpus)), options, lr, rng, setup)
    """

    name = "cpu"
    speed = 16

    def __init__(self, threads: int | None = 1) -> None:
        if threads is not None and threads < 1:
            raise UserError(f"threads = {threads}; it is a number from 1 up, or None for one a core")
        self.threads = usable_threads(threads)
        self.device = "cpu"

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
        """Train on these lines; see `Engine`. The rate is read at both ends and linear in between."""
        order = rng.permutation(np.arange(lines.start, lines.stop))
        text = Ragged(corpus.ids, corpus.offsets).take(order)
        tokens = len(text.values)
        first, last = lr(0), lr(tokens)
        threads = max(1, min(self.threads, tokens // _SPLIT))
        cuts = np.searchsorted(text.offsets, np.linspace(0, tokens, threads + 1))
        cuts[-1] = len(text)
        seeds = rng.integers(0, 2**64, (threads, 2), dtype=np.uint64)
        limits = discard_limits(setup.keep)

        def work(thread: int) -> Part:
            at = text.offsets[cuts[thread] : cuts[thread + 1] + 1]
            ids = np.ascontiguousarray(text.values[at[0] : at[-1]], dtype=np.int32)
            assert len(ids) == 0 or (ids.min() >= 0 and ids.max() < len(tables.output)), (
                "another dictionary's ids"
            )
            centres = draw_centres(ids, at - at[0], limits, options.ws, seeds[thread, 0])
            return train_centres(
                tables, centres, options, (first, (last - first) / max(len(ids), 1)), setup, seeds[thread, 1]
            )

        with when_compiling(log, "the cpu engine's kernels"):
            if threads == 1:
                parts = [work(0)]
            else:
                with ThreadPoolExecutor(threads) as pool:
                    parts = list(pool.map(work, range(threads)))
        return _result(parts, tokens)

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
        """Train on documents in this order; see `Engine` and `supervised.train_bags`."""
        from ftcore.engines.cpu.supervised import train_bags

        with when_compiling(log, "the cpu engine's kernels"):
            return train_bags(tables, corpus, order, options, lr, rng, setup, self.threads)


def train_centres(
    tables: TwoTables | Matrices,
    centres: Centres,
    options: config.Pretrain,
    rate: tuple[float, float],
    setup: PretrainSetup,
    seed: int | np.uint64 = 0,
    negatives: np.ndarray | None = None,
) -> Part:
    """Train on centres whose discards and windows are drawn.

    Args:
        tables: float32, contiguous, on the CPU: input [R, D], output [nwords, D]; changed in place.
        rate: (a, b), the learning rate of a centre is ``a + b * place``.
        seed: of the negatives.
        negatives: int32[examples * neg] to take instead, example by example; not where skip-gram shares them.
    """
    input, output = arrays(tables)
    for table in (input, output):  # the kernels reckon with addresses and do not look again
        assert table.dtype == np.float32 and table.flags.c_contiguous and table.shape[1] == input.shape[1]
    assert len(output) == setup.targets.rows and len(setup.gain) == len(output)
    none = np.empty(0, np.int32)
    targets = setup.targets
    given = none if negatives is None else np.ascontiguousarray(negatives, np.int32).reshape(-1)
    alias = targets.alias if options.loss == "ns" else np.empty((0, 2), np.uint32)
    nodes, codes, paths = none, np.empty(0, np.float32), np.empty(0, np.int64)
    if targets.paths is not None:
        nodes, codes, paths = targets.paths.values, targets.codes.values, targets.paths.offsets
    elif options.loss == "softmax":
        nodes = np.arange(targets.rows)
    side = Output(alias, given, nodes.astype(np.int32, copy=False), codes, paths)
    words = Words(setup.subwords.values, setup.subwords.offsets, setup.gain)
    share = options.updates != "exact" and shareable(options.model, options.loss, options.neg, len(output))
    assert not (share and options.model == "skipgram" and len(given))
    train = _kernel(options, input.shape[1], share)
    return Part(*train(input, output, words, centres, side, *map(float, rate), np.uint64(seed)))


def _kernel(options: config.Pretrain, dim: int, share: bool) -> Callable:
    """The compiled loop for these options."""
    if share:
        make = shared.skipgram_kernel if options.model == "skipgram" else shared.cbow_kernel
        return make(dim, options.neg)
    # other losses draw no negatives: one kernel for every number of them
    return exact_kernel(options.model, options.loss, dim, options.neg if options.loss == "ns" else 0)


def _result(parts: list[Part], tokens: int) -> StepResult:
    before = np.cumsum([0, *(part.updates for part in parts)])
    broken = [int(at) + part.broken for at, part in zip(before, parts, strict=False) if part.broken >= 0]
    return StepResult(
        loss=sum(part.loss for part in parts),
        examples=sum(part.examples for part in parts),
        tokens=tokens,
        updates=sum(part.updates for part in parts),
        broken=min(broken, default=None),
    )
