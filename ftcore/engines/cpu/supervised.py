"""Supervised training on the CPU: fastText's sequential updates, a document at a time, in the native core.

The update itself, and what threads do, is told in ``native/kernels/supervised.h`` and ``native/training/supervised.h``.
Source: fastText 0.9.3 ``src/model.cc`` (``Model::update``), ``src/loss.cc``, ``src/fasttext.cc``
(``FastText::supervised``). Sigmoid, softmax and loss are exact, where the original reads tables of 512 bins.

Every draw (a label per document, negatives, dropout) is made beforehand from the chunk's generator, in the
reference engine's order: both train on the same draws, and the number of threads changes none of them.
One thread gives the same bytes for the same seed; the bytes of several depend on timing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ftcore import native
from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus
from ftcore.engines.draws import draw_labels, draw_negatives, drop_features
from ftcore.engines.interface import Rate, StepResult
from ftcore.engines.setup import FinetuneSetup, document_weights
from ftcore.model.matrices import Matrices, arrays

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.model.module import TwoTables

_LOSSES = ["softmax", "ova", "ns", "hs"]  # as the native core numbers them
_SPLIT = 20_000  # features a thread is worth starting for


class Truth(NamedTuple):
    """What document k is scored against; ``place[k]`` finds it.

    softmax: ``place[k]`` is the label. ova: the labels are ``row[spans[place[k]] : spans[place[k] + 1]]``.
    ns: that span is the label and its negatives. hs: it is the nodes of the label's path, `code` its turns.
    """

    place: np.ndarray  # int64[E]
    row: np.ndarray  # int32[...] output rows
    code: np.ndarray  # float32[...], 1 for a right turn
    spans: np.ndarray  # int64[...]


def train_bags(
    tables: TwoTables | Matrices,
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
    sizes, labelled = (
        offsets[order + 1] - offsets[order] for offsets in (corpus.offsets, corpus.target_offsets)
    )
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
    frozen = setup.frozen if options.freeze == "words" else None
    truth = truth_of(corpus, label, order, options, rng, setup)
    loss, broken = native.train_documents(
        *arrays(tables),
        np.ascontiguousarray(ids, np.int32),
        np.ascontiguousarray(offsets, np.int64),
        np.ascontiguousarray(place, np.int64),
        rate.astype(np.float32),
        _given(weight, np.float32),
        loss=_LOSSES.index(setup.targets.loss),
        **truth._asdict(),
        head_rate=(options.lr_head or options.lr) / options.lr if options.lr else 1.0,
        decay=options.weight_decay,
        clip=options.clip,
        train_input=options.freeze != "all",
        frozen=_given(frozen, np.bool_),
        threads=max(1, min(threads, tokens // _SPLIT)),
    )
    return StepResult(loss, len(order), tokens, len(order), broken if broken >= 0 else None)


def truth_of(
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
        paths, codes = targets.paths, targets.codes
        assert paths is not None and codes is not None
        row, code, offsets = paths.values, codes.values, paths.offsets
    return Truth(
        np.ascontiguousarray(place, np.int64),
        np.ascontiguousarray(row, np.int32),
        np.ascontiguousarray(code, np.float32),
        np.ascontiguousarray(offsets, np.int64),
    )


def _given(array: np.ndarray | None, dtype: type) -> np.ndarray:
    """The array, or an empty one for none."""
    return np.empty(0, dtype) if array is None else np.ascontiguousarray(array, dtype)
