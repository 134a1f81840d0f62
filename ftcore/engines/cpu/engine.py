"""The cpu engine: native kernels over pre-encoded ids and the tables' own memory.

Threads split a chunk's lines and write to the tables without locks (hogwild, as fastText's own do); one
thread gives the same bytes for the same seed. Discards, windows and negatives come from generators of
the engine's own, one a thread, seeded from the chunk's; the distributions are fastText's.

The lines of a chunk are taken in random order. The original's 12 threads mix the text too, each being at another
place of it; line after line, neighbours on one subject, costs CBOW two points in analogies.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from ftcore import native
from ftcore.base.cores import usable_threads
from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus, TokenCorpus
from ftcore.engines.cpu.draws import Centres, discard_limits, draw_centres
from ftcore.engines.interface import Rate, StepResult
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from ftcore.errors import UserError
from ftcore.model.matrices import Matrices, arrays

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.model.module import TwoTables

_SPLIT = 2000  # tokens a thread is worth starting for
BLOCK, POOL = 16, 8  # centres that share negatives, times neg of these (native/kernels/skipgram.cc)
LARGEST = 20  # neg up to which all rows of a bag, or of a pool, are worth keeping at hand
T = TypeVar("T")


class ThreadResult(NamedTuple):
    """What a thread made of its lines."""

    loss: float
    examples: int
    updates: int
    broken: int  # -1: none


class Cpu:
    """The native core on the CPU.

    Args:
        threads: None takes one a core. More than one makes the result depend on timing.

    Example:
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

        assert setup.words and setup.targets.side  # made before there are threads

        def work(thread: int, stop: np.ndarray) -> ThreadResult:
            at = text.offsets[cuts[thread] : cuts[thread + 1] + 1]
            ids = np.ascontiguousarray(text.values[at[0] : at[-1]], dtype=np.int32)
            assert len(ids) == 0 or (ids.min() >= 0 and ids.max() < len(tables.output)), (
                "another dictionary's ids"
            )
            centres = draw_centres(ids, at - at[0], limits, options.ws, seeds[thread, 0])
            rate = first, (last - first) / max(len(ids), 1)
            return train_centres(tables, centres, options, rate, setup, seeds[thread, 1], stop=stop)

        return _result(in_threads(work, threads), tokens)

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

        return train_bags(tables, corpus, order, options, lr, rng, setup, self.threads)


def train_centres(
    tables: TwoTables | Matrices,
    centres: Centres,
    options: config.Pretrain,
    rate: tuple[float, float],
    setup: PretrainSetup,
    seed: int | np.uint64 = 0,
    negatives: np.ndarray | None = None,
    stop: np.ndarray | None = None,
) -> ThreadResult:
    """Train on centres whose discards and windows are drawn.

    Args:
        tables: float32, contiguous, on the CPU: input [R, D], output [nwords, D]; changed in place.
        rate: (a, b), the learning rate of a centre is ``a + b * place``.
        seed: of the negatives.
        negatives: int32[examples * neg] to take instead, example by example; not where skip-gram shares them.
        stop: int32[1], see `in_threads`.
    """
    input, output = arrays(tables)
    for table in (input, output):
        assert table.dtype == np.float32 and table.flags.c_contiguous and table.shape[1] == input.shape[1]
    assert len(output) == setup.targets.rows and len(setup.gain) == len(output)
    given = np.ascontiguousarray([] if negatives is None else negatives, np.int32).reshape(-1)
    share = options.updates != "exact" and shareable(options.model, options.loss, options.neg, len(output))
    assert not (share and options.model == "skipgram" and len(given))
    trained = native.train_centres(
        options.model, options.loss, share, input, output, setup.words, setup.targets.side, *centres, given,
        options.neg, float(rate[0]), float(rate[1]), int(seed), np.zeros(1, np.int32) if stop is None else stop,
    )  # fmt: skip
    return ThreadResult(*trained)


def shareable(model: str, loss: str, neg: int, nwords: int) -> bool:
    """Whether centres can share: negative sampling with few negatives, and for skip-gram a vocabulary that a pool is a small part of."""
    return loss == "ns" and neg <= LARGEST and (model == "cbow" or nwords >= 8 * POOL * neg)


def in_threads(work: Callable[[int, np.ndarray], T], threads: int) -> list[T]:
    """``work(thread, stop)`` of each thread, in threads of their own, be it one: this one answers Ctrl-C.

    stop: int32[1], other than 0 once the work is to end early, because of an error or Ctrl-C.
    """
    stop = np.zeros(1, np.int32)
    with ThreadPoolExecutor(threads) as pool:
        try:
            return [made.result() for made in [pool.submit(work, k, stop) for k in range(threads)]]
        except BaseException:
            stop[0] = 1
            raise


def _result(parts: list[ThreadResult], tokens: int) -> StepResult:
    before = np.cumsum([0, *(part.updates for part in parts)])
    broken = [int(at) + part.broken for at, part in zip(before, parts, strict=False) if part.broken >= 0]
    return StepResult(
        loss=sum(part.loss for part in parts),
        examples=sum(part.examples for part in parts),
        tokens=tokens,
        updates=sum(part.updates for part in parts),
        broken=min(broken, default=None),
    )
