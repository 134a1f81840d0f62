"""Word vectors from lines of tokens: skip-gram or CBOW over a `TokenCorpus`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ftcore.dictionary.encode import TokenCorpus
from ftcore.engines.draws import chunk_generator
from ftcore.engines.interface import Rate, StepResult
from ftcore.engines.setup import PretrainSetup
from ftcore.errors import UserError
from ftcore.model.matrices import Matrices
from ftcore.training.conditions import Conditions, Prepared
from ftcore.training.loop import Loop, TrainingResult, content_key
from ftcore.training.schedule import linear

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.model.module import TwoTables


def pretrain(
    tables: TwoTables | Matrices,
    prepared: Prepared,
    options: config.Pretrain,
    conditions: Conditions,
) -> TrainingResult:
    """Train both tables in place, `options.epoch` passes over the corpus in its order.

    The learning rate falls to 0 over the in-vocabulary tokens of all passes.

    Args:
        tables: input [dictionary.rows, dim], output [nwords, dim].
        prepared: lines of words.
        conditions: a checkpoint is resumed from if it belongs to the same data, options, seed and initial
            tables. With ``whole`` an epoch goes round the corpus as often as it takes to train as many words
            as the text has, unknown ones included, as in the original (``fasttext.cc``, ``trainThread``): it
            makes epoch / coverage passes.

    Raises:
        UserError: an empty corpus; a loss that is not a number any more (names step and lr).

    Example:
        result = pretrain(tables, Prepared(dictionary, encode_tokens(batches, dictionary)), Pretrain(dim=100),
                          Conditions(choose_engine("auto", "auto")))
        result.history[-1]["loss"]
    """
    dictionary, corpus, seed = prepared.dictionary, prepared.train, conditions.seed
    assert isinstance(corpus, TokenCorpus)
    assert len(tables.input) == dictionary.rows and len(tables.output) == dictionary.nwords
    if len(corpus.ids) == 0:
        raise UserError(
            f"pretraining found no token of the vocabulary in the corpus; "
            f"add text or lower min_count (now {options.min_count})"
        )
    backend = conditions.backend()
    setup = PretrainSetup.build(dictionary, options)
    chunk = chunk_tokens(options, len(corpus.ids), backend.speed)
    borders = chunk_borders(corpus.offsets, chunk)
    each = (conditions.whole and corpus.ntokens) or len(corpus.ids)
    total = options.epoch * each
    key = ""
    if conditions.checkpoint is not None:
        arrays = (corpus.ids, corpus.offsets, tables.input, tables.output)
        about = f"pretrain 1 {backend.name} {str(backend.device).partition(':')[0]} {chunk} {each} {seed} {options.model_dump_json()}"
        key = content_key(about, dictionary.counts, *arrays)
    loop = Loop(
        "pretrain",
        tables,
        backend,
        conditions,
        epochs=options.epoch,
        total=total,
        lr=linear(options.lr, total),
        key=key,
        advice=f"use a smaller lr (now {options.lr:g}) or batch_size (now {options.batch_size})",
    )

    @lru_cache(maxsize=1)
    def chunks(epoch: int) -> list[range]:
        return lines_of_epoch(corpus.offsets, borders, epoch * each, (epoch + 1) * each)

    def train(epoch: int, chunk: int, lr: Rate) -> StepResult:
        lines = chunks(epoch)[chunk]
        rng = chunk_generator(seed, "pretrain", epoch, chunk)
        return backend.pretrain_lines(tables, corpus, lines, options, lr, rng, setup)

    return loop.run(lambda epoch: len(chunks(epoch)), train)


def chunk_tokens(options: config.Pretrain, total: int = 0, speed: int = 1) -> int:
    """Tokens a chunk: about a second of work.

    The reference holds a chunk's pairs and negatives, some 10 MB at most. A quick engine's chunks are longer,
    yet an eighth of the corpus (`total` tokens) at most, so that progress is seen and little is lost.
    """
    if options.loss == "softmax":
        return 2048  # every pair scores the whole vocabulary
    if speed > 1:
        return int(np.clip(total // 8, 2048, 32768 * speed))
    per_token = options.ws * (options.neg + 1 if options.loss == "ns" else 6)
    most = 32768 if options.batch_size > 1 else 8192  # batch 1 makes an update for every pair
    return int(np.clip(32768 * 30 // per_token, 1024, most))


def chunk_borders(offsets: np.ndarray, tokens: int) -> list[int]:
    """First line of each chunk, and the number of lines: a line belongs to the chunk it starts in.

    Example:
        >>> chunk_borders(np.array([0, 3, 6, 9]), tokens=5)
        [0, 2, 3]
    """
    starts = np.asarray(offsets[:-1], dtype=np.int64)
    firsts = np.flatnonzero(np.diff(starts // tokens, prepend=-1))
    return [*firsts.tolist(), len(starts)]


def lines_of_epoch(offsets: np.ndarray, borders: list[int], start: int, stop: int) -> list[range]:
    """The chunks of tokens `start` to `stop` of a corpus that is read round and round.

    A line belongs where its first token does. Chunks end at `borders`, at the corpus's end and at `stop`.

    Example:
        >>> lines_of_epoch(np.array([0, 3, 6, 9]), [0, 2, 3], 4, 13)  # 4 to 9, and round to 4
        [range(2, 3), range(0, 2)]
    """
    starts, size = np.asarray(offsets[:-1], dtype=np.int64), int(offsets[-1])
    found: list[range] = []
    while start < stop:
        base = start - start % size
        first, last = np.searchsorted(starts, [start - base, min(stop - base, size)])
        inside = [border for border in borders if first < border < last]
        cuts = [int(first), *inside, int(last)]
        found += [range(a, b) for a, b in zip(cuts[:-1], cuts[1:], strict=True) if a < b]
        start = base + size
    return found
