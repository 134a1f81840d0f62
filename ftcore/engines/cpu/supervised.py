"""Supervised training on the CPU: fastText's sequential updates, a document at a time, in Numba.

One update, in float32 over the torch parameters' own memory::

    hidden = mean of the bag's rows
    error of each scored output row = probability - truth
    gradient += error * output row, as it was;  output row -= head rate * error * hidden
    input rows -= rate * gradient / bag size, a row named twice moving twice

Source: fastText 0.9.3 ``src/model.cc`` (``Model::update``), ``src/loss.cc``, ``src/fasttext.cc``
(``FastText::supervised``). Sigmoid, softmax and loss are exact, where the original reads tables of 512 bins.

Every draw (a label per document, negatives, dropout) is made beforehand from the chunk's generator, in the
reference engine's order: both train on the same draws, and the number of threads changes none of them.
Threads split the documents and write to the tables without locks (hogwild); one thread gives the same
bytes for the same seed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from ftcore import config
from ftcore.corpus.encode import BagCorpus
from ftcore.engines.cpu.supervised_kernels import HS, NS, OVA, SOFTMAX, train_documents
from ftcore.engines.draws import draw_labels, draw_negatives, drop_features
from ftcore.engines.interface import Rate, StepResult
from ftcore.engines.ragged import Ragged
from ftcore.engines.setup import FinetuneSetup, document_weights
from ftcore.model.module import TwoTables

_KINDS = {"softmax": SOFTMAX, "ova": OVA, "ns": NS, "hs": HS}
_SPLIT = 20_000  # features a thread is worth starting for


class Bags(NamedTuple):
    """The documents of a chunk: bag k is ``ids[offsets[order[k]] : offsets[order[k] + 1]]``."""

    ids: np.ndarray  # int32[N] input rows
    offsets: np.ndarray  # int64[B + 1]
    order: np.ndarray  # int64[E]
    rate: np.ndarray  # float32[E] learning rate of the input table
    weight: np.ndarray  # float32[E] of the document's loss, or empty where all are 1


class Truth(NamedTuple):
    """What document k is scored against; ``place[k]`` finds it.

    softmax: ``place[k]`` is the label. ova: the labels are ``row[offsets[place[k]] : offsets[place[k] + 1]]``.
    ns: that span is the label and its negatives. hs: it is the nodes of the label's path, `code` its turns.
    """

    kind: int
    place: np.ndarray  # int64[E]
    row: np.ndarray  # int32[...] output rows
    code: np.ndarray  # float32[...], 1 for a right turn
    offsets: np.ndarray  # int64[...]


class How(NamedTuple):
    """What fine-tuning adds to an update."""

    head_rate: np.float32  # learning rate of the head over that of the table
    decay: np.float32
    clip: np.float32
    train_input: bool
    frozen: np.ndarray  # bool[R] rows that stay, or empty


def train_bags(
    tables: TwoTables,
    corpus: BagCorpus,
    order: np.ndarray,
    options: config.Finetune,
    lr: Rate,
    rng: np.random.Generator,
    setup: FinetuneSetup,
    threads: int = 1,
) -> StepResult:
    """Train both tables in place on documents in this order, one at a time (``batch_size`` is not read).

    Args:
        tables: float32, contiguous, on the CPU: input [R, D], output [C, D].
        corpus: every id is a row of the table (``encode_bags(grow=True)``).
        order: int64[E], documents of the corpus. One without a feature or a label is passed over.
        lr: read at the chunk's start and end; linear in between.
        rng: of the chunk; `ftcore.engines.reference.engine.Reference` makes the same draws from it.
        threads: above 1 the bytes depend on timing.

    Returns:
        Loss in nats summed over documents; ``tokens`` counts features; an update is a document.
    """
    sizes, labelled = (np.diff(offsets)[order] for offsets in (corpus.offsets, corpus.target_offsets))
    tokens = int(sizes.sum())
    first, last = lr(0), lr(tokens)
    rate = first + (last - first) / max(tokens, 1) * (np.cumsum(sizes) - sizes)
    usable = (labelled > 0) & (sizes > 0)
    if not usable.all():
        order, rate = order[usable], rate[usable]
    labels = Ragged(corpus.targets, corpus.target_offsets).take(order)
    label = draw_labels(labels, rng)
    weight = document_weights(labels, label, order, options.loss, setup)
    ids, offsets, place = corpus.ids, corpus.offsets, order
    if options.dropout:
        left = drop_features(Ragged(ids, offsets).take(order), options.dropout, rng)
        ids, offsets, place = left.values, left.offsets, np.arange(len(order))
    bags = Bags(
        _plain(ids, np.int32),
        _plain(offsets, np.int64),
        _plain(place, np.int64),
        rate.astype(np.float32),
        np.empty(0, np.float32) if weight is None else _plain(weight, np.float32),
    )
    frozen = setup.frozen if options.freeze == "words" else None
    how = How(
        head_rate=np.float32((options.lr_head or options.lr) / options.lr if options.lr else 1),
        decay=np.float32(options.weight_decay),
        clip=np.float32(options.clip),
        train_input=options.freeze != "all",
        frozen=np.empty(0, np.bool_) if frozen is None else _plain(frozen, np.bool_),
    )
    truth = _truth(corpus, label, order, options, rng, setup)
    loss, broken = _run(tables, bags, truth, how, max(1, min(threads, tokens // _SPLIT)))
    return StepResult(loss, len(order), tokens, len(order), broken)


def _truth(
    corpus: BagCorpus,
    label: np.ndarray,
    order: np.ndarray,
    options: config.Finetune,
    rng: np.random.Generator,
    setup: FinetuneSetup,
) -> Truth:
    """The output side of the chunk; draws the negatives of all documents where the loss is ns."""
    targets, place = setup.targets, label
    row, code, offsets = np.empty(0, np.int32), np.empty(0, np.float32), np.zeros(1, np.int64)
    if targets.loss == "ova":
        row, offsets, place = corpus.targets, corpus.target_offsets, order
    elif targets.loss == "ns":
        drawn = draw_negatives(targets.negatives, label, options.neg, rng)
        row = np.concatenate([label[:, None], drawn], axis=1).ravel()
        offsets = np.arange(len(order) + 1) * (options.neg + 1)
        place = np.arange(len(order))
    elif targets.loss == "hs":
        row, code, offsets = targets.paths.values, targets.codes.values, targets.paths.offsets
    return Truth(
        _KINDS[targets.loss],
        _plain(place, np.int64),
        _plain(row, np.int32),
        _plain(code, np.float32),
        _plain(offsets, np.int64),
    )


def _run(tables: TwoTables, bags: Bags, truth: Truth, how: How, threads: int) -> tuple[float, int | None]:
    """(sum of the losses, first document whose loss is no number).

    Of T threads each takes every T-th document. With a run of documents each, one would end the training at a
    rate far from the last, which costs 0.2 points of accuracy.
    """
    input_RD, output_CD = tables.input.detach().numpy(), tables.output.detach().numpy()

    def work(thread: int) -> tuple[float, int]:
        return train_documents(input_RD, output_CD, bags, truth, how, thread, threads)

    if threads == 1:
        parts = [work(0)]
    else:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(work, range(threads)))
    broken = [int(first) for _, first in parts if first >= 0]
    return float(sum(loss for loss, _ in parts)), min(broken, default=None)


class _Unlocked:
    """The memory of a read-only array, without saying so."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array  # kept alive
        self.__array_interface__ = array.__array_interface__ | {"data": (array.ctypes.data, False)}


def _plain(array: np.ndarray, dtype: type) -> np.ndarray:
    """The one type the kernel is compiled for: contiguous, and not marked read-only.

    A memory-mapped corpus is read-only, for which Numba would compile the kernel once more; it only reads.
    """
    array = np.ascontiguousarray(array, dtype=dtype)
    return array if array.flags.writeable else np.asarray(_Unlocked(array))
