"""The reference engine in plain torch, on CPU or GPU: it defines what training means.

`batch_size` 1 is fastText, sequential: an update for every (centre, context) pair of skip-gram, every
context bag of CBOW, every document. A larger batch is an approximation: the gradients of `batch_size`
centres or documents are computed at the batch's start and summed. In skip-gram and CBOW the full
gradient of hidden goes to every input row; in supervised it is divided by the bag's size
(`fasttext.cc`, `model.cc`: `grad_.mul(1.0 / input.size())`).

An update, whatever the task::

    hidden_BD = mean of the bags' input rows
    loss, d hidden, d output rows = head                    (closed form: engines/gradients.py)
    output rows -= lr * their gradient;  input rows -= lr * d hidden  [/ bag size]

Random draws and ragged arithmetic are done by numpy for a whole chunk, so an update is about ten torch
calls. No gradient is ever as large as a table. Shapes: B units, D dim, R input rows.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore import config
from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus, TokenCorpus
from ftcore.engines.draws import context_pairs, draw_labels, draw_windows, drop_features
from ftcore.engines.interface import Rate, StepResult
from ftcore.engines.reference.heads import (
    DenseHead,
    Examples,
    HeadGradient,
    RowsHead,
    make_head,
    to_device,
)
from ftcore.engines.setup import FinetuneSetup, PretrainSetup, document_weights
from ftcore.model.matrices import Matrices
from ftcore.model.module import TwoTables


@dataclass(frozen=True)
class UpdateOptions:
    """What fine-tuning adds to an update; the defaults are fastText."""

    head_rate: float = 1.0  # learning rate of the head over that of the table
    decay: float = 0.0
    clip: float = 0.0
    mean_gradient: bool = False  # divide the gradient of hidden by the bag's size
    train_input: bool = True
    frozen_R: np.ndarray | None = None  # bool[R]


class Reference:
    """Plain torch on one device.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        deterministic: one CPU thread, or torch's deterministic kernels on a GPU, while it trains; the
            settings are put back after every chunk.
    """

    name = "reference"
    speed = 1

    def __init__(self, device: str | torch.device = "cpu", deterministic: bool = True):
        self.device = torch.device(device)
        self.deterministic = deterministic
        if deterministic and self.device.type == "cuda":
            # torch refuses matrix products in its deterministic mode unless cuBLAS is told so beforehand
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

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
        """Train on consecutive lines; see `Engine`."""
        offsets = np.asarray(corpus.offsets[lines.start : lines.stop + 1], dtype=np.int64)
        ids = np.asarray(corpus.ids[offsets[0] : offsets[-1]])
        windows = draw_windows(ids, offsets - offsets[0], setup.keep, options.ws, rng)
        centre_E, context_E = context_pairs(windows)
        units, first_E = np.unique(centre_E, return_index=True)  # centres with a context
        unit_E = np.searchsorted(units, centre_E)
        if options.model == "cbow":
            subwords = setup.subwords.take(windows.words[context_E])
            bags = Ragged(subwords.values, subwords.offsets[np.append(first_E, len(centre_E))])
            unit_E, target_E = np.arange(len(units)), windows.words[units]
        else:
            if options.batch_size == 1:  # fastText moves the centre's rows after every single pair
                units, unit_E = centre_E, np.arange(len(centre_E))
            bags, target_E = setup.subwords.take(windows.words[units]), windows.words[context_E]
        examples = Examples(unit_E, target_E, len(units), options.batch_size)
        with _fixed(self.deterministic, self.device):
            head = make_head(setup.targets, examples, options.neg, rng, self.device)
            rates = [lr(int(place)) for place in windows.place[units[:: options.batch_size]]]
            losses = self._train(tables, bags, head, rates, options.batch_size, UpdateOptions())
        return _result(losses, examples=len(target_E), tokens=len(ids))

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
        """Train on documents in this order; see `Engine`."""
        bags = Ragged(corpus.ids, corpus.offsets).take(order)
        place = bags.offsets[: -1 : options.batch_size].tolist()
        tokens = int(bags.offsets[-1])
        labels = Ragged(corpus.targets, corpus.target_offsets).take(order)
        examples = _documents(labels, order, options, rng, setup)
        if options.dropout:
            bags = drop_features(bags, options.dropout, rng)
        extras = UpdateOptions(
            head_rate=(options.lr_head or options.lr) / options.lr if options.lr else 1.0,
            decay=options.weight_decay,
            clip=options.clip,
            mean_gradient=True,
            train_input=options.freeze != "all",
            frozen_R=setup.frozen if options.freeze == "words" else None,
        )
        with _fixed(self.deterministic, self.device):
            head = make_head(setup.targets, examples, options.neg, rng, self.device)
            rates = [lr(done) for done in place]
            losses = self._train(tables, bags, head, rates, options.batch_size, extras)
        return _result(losses, examples=len(order), tokens=tokens)

    def _train(
        self,
        tables: TwoTables | Matrices,
        bags: Ragged,
        head: DenseHead | RowsHead,
        rates: list[float],
        per_update: int,
        extras: UpdateOptions,
    ) -> list[Tensor]:
        """All updates of a chunk, in place; the loss of each, left on the device."""
        assert not isinstance(tables, Matrices), "torch computes on tensors: `TwoTables.over`"
        input_RD, output_CD = tables.input.detach(), tables.output.detach()
        losses = []
        for k, batch in enumerate(_updates(bags, per_update, extras, self.device)):
            rate, head_rate = rates[k], rates[k] * extras.head_rate
            hidden_BD = F.embedding_bag(batch.ids, input_RD, batch.offsets, mode="mean")
            gradient = None
            if not (extras.clip or extras.decay) and isinstance(head, RowsHead):
                gradient = head.one_by_one(k, hidden_BD, output_CD, head_rate)
            done = gradient is not None  # the output rows have moved already
            gradient = gradient or head.gradient(k, hidden_BD, output_CD)
            losses.append(gradient.loss)
            grad_BD = gradient.hidden_BD
            if batch.share_B1 is not None:
                grad_BD *= batch.share_B1
            if extras.clip or extras.decay:
                _clip_and_decay(input_RD, output_CD, batch, gradient, rate, head_rate, extras)
            if not done:
                _descend(output_CD, gradient.row_T, gradient.output_TD, head_rate)
            if extras.train_input:
                _descend(input_RD, batch.moved, grad_BD.index_select(0, batch.bag), rate)
        return losses


@dataclass(frozen=True)
class Batch:
    """The input side of one update."""

    ids: Tensor  # int64[N] input rows, bag after bag
    offsets: Tensor  # int64[B] where each bag starts
    moved: Tensor  # int64[M] the rows that learn: ids, less the frozen ones
    bag: Tensor  # int64[M] the bag of each
    share_B1: Tensor | None  # 1 / size of each bag


def _updates(bags: Ragged, per_update: int, extras: UpdateOptions, device: torch.device) -> Iterator[Batch]:
    """Cut a chunk's bags into updates. Every array goes to the device once and is split into views."""
    units = len(bags)
    starts = bags.offsets[:-1:per_update]
    sizes = np.diff(np.append(starts, bags.offsets[-1])).tolist()
    counts = np.diff(np.append(np.arange(0, units, per_update), units)).tolist()
    relative = bags.offsets[:-1] - np.repeat(starts, counts)
    ids = bags.values.astype(np.int64)
    bag = np.repeat(np.arange(units) % per_update, bags.sizes)
    ids_of = to_device(ids, device).split(sizes)
    moved_of, bag_of = ids_of, to_device(bag, device).split(sizes)
    if extras.frozen_R is not None:
        learns = ~extras.frozen_R[ids]
        kept = np.diff(np.concatenate([[0], np.cumsum(learns)])[np.append(starts, len(ids))]).tolist()
        moved_of, bag_of = (to_device(a[learns], device).split(kept) for a in (ids, bag))
    offsets_of = to_device(relative, device).split(counts)
    share_of = [None] * len(counts)
    if extras.mean_gradient:
        share_of = to_device((1.0 / bags.sizes).astype(np.float32)[:, None], device).split(counts)
    for fields in zip(ids_of, offsets_of, moved_of, bag_of, share_of, strict=True):
        yield Batch(*fields)


def _descend(table: Tensor, rows: Tensor | None, gradient: Tensor, rate: float) -> None:
    """table[rows] -= rate * gradient, a row named twice moving twice."""
    if rows is None:
        table.add_(gradient.reshape(-1, table.shape[1]), alpha=-rate)
    else:
        table.index_add_(0, rows, gradient, alpha=-rate)


def _clip_and_decay(
    input_RD: Tensor,
    output_CD: Tensor,
    batch: Batch,
    gradient: HeadGradient,
    rate: float,
    head_rate: float,
    extras: UpdateOptions,
) -> None:
    """Shrink the rows in use by rate * decay, and the gradient to norm `clip`, both in place.

    The norm is that of the whole update's gradient, over input and output rows together, a row's
    gradient summed over its occurrences first. As in torch's SGD the decay is not clipped.
    """
    if extras.clip:
        square = gradient.output_TD.square().sum()
        if gradient.row_T is not None:
            square = _summed(gradient.row_T, gradient.output_TD).square().sum()
        if extras.train_input:
            moved = gradient.hidden_BD.index_select(0, batch.bag)
            square = square + _summed(batch.moved, moved).square().sum()
        scale = (extras.clip / (square.sqrt() + 1e-6)).clamp(max=1.0)
        gradient.hidden_BD.mul_(scale)
        gradient.output_TD.mul_(scale)
    if extras.decay:
        if gradient.row_T is None:
            output_CD.mul_(1 - head_rate * extras.decay)
        else:
            used = gradient.row_T.unique()
            output_CD[used] *= 1 - head_rate * extras.decay
        if extras.train_input:
            used = batch.moved.unique()
            input_RD[used] *= 1 - rate * extras.decay


def _summed(rows: Tensor, gradient: Tensor) -> Tensor:
    """One gradient per distinct row."""
    distinct, place = rows.unique(return_inverse=True)
    return gradient.new_zeros(len(distinct), gradient.shape[1]).index_add_(0, place, gradient)


def _documents(
    labels: Ragged,
    order: np.ndarray,
    options: config.Finetune,
    rng: np.random.Generator,
    setup: FinetuneSetup,
) -> Examples:
    """One example a document: a label drawn among its own, or all of them for ova."""
    documents = len(labels)
    target_E = draw_labels(labels, rng)
    truth_EC = None
    if options.loss == "ova":
        truth_EC = np.zeros((documents, setup.targets.rows), dtype=np.float32)
        truth_EC[np.repeat(np.arange(documents), labels.sizes), labels.values] = 1
    weight_E = document_weights(labels, target_E, order, options.loss, setup)
    return Examples(np.arange(documents), target_E, documents, options.batch_size, weight_E, truth_EC)


def _result(losses: list[Tensor], examples: int, tokens: int) -> StepResult:
    """One transfer from the device a chunk: the sum of the losses and the first that is no number."""
    if not losses:
        return StepResult(0.0, 0, tokens, 0)
    loss_K = torch.stack(losses).to("cpu", torch.float64)
    bad = torch.nonzero(~torch.isfinite(loss_K))
    return StepResult(
        loss=float(loss_K.sum()),
        examples=examples,
        tokens=tokens,
        updates=len(losses),
        broken=int(bad[0]) if len(bad) else None,
    )


@contextlib.contextmanager
def _fixed(deterministic: bool, device: torch.device) -> Iterator[None]:
    """One CPU thread and torch's deterministic kernels, put back afterwards; no autograd in either case."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    mild = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        if deterministic:
            torch.set_num_threads(1)
            if device.type == "cuda":
                torch.use_deterministic_algorithms(True)
        with torch.no_grad():
            yield
    finally:
        if deterministic:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict, warn_only=mild)
