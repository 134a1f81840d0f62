"""The cuda engine: one Triton kernel a chunk, tables and corpus on the device.

As many units are in flight as ``in_flight`` says: each reads rows that the others are about to move. That is what
fastText's threads do, thousands at a time instead of a dozen; what it costs is measured in `docs/log.md`. With
``deterministic`` the same updates are made in waves by `twins`, which repeat bit for bit and are slower.

All draws follow from the chunk's generator: tokens, windows and negatives of pretraining by Philox on the device,
those of the classifier as the other engines make them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus, TokenCorpus
from ftcore.engines.cpu.supervised import truth_of
from ftcore.engines.cuda import twins
from ftcore.engines.cuda.launch import (
    launch_bags,
    launch_draws,
    launch_pretraining,
    launch_shared,
    launch_shared_cbow,
)
from ftcore.engines.cuda.resident import Resident
from ftcore.engines.cuda.twins_shared import shared_cbow
from ftcore.engines.cuda.windows import find_centres
from ftcore.engines.draws import draw_labels, drop_features
from ftcore.engines.interface import Rate, StepResult
from ftcore.engines.setup import FinetuneSetup, PretrainSetup, document_weights
from ftcore.errors import InvalidOptions
from ftcore.model.matrices import Matrices
from ftcore.model.module import TwoTables

if TYPE_CHECKING:
    from ftcore import config

LARGEST = 20  # neg up to which a block's pool stands for all pairs' own draws
SHARING = {
    "skipgram": (twins.shared, launch_shared),
    "cbow": (shared_cbow, launch_shared_cbow),
}  # twin, kernel
_RUN = 64  # units that a program is worth starting for


class Cuda:
    """Triton on one GPU.

    Args:
        device: ``cuda:N``; ``cpu`` where Triton's interpreter runs the kernels (``TRITON_INTERPRET=1``).
        deterministic: the same bytes for the same seed, by `twins` in place of the kernels.
        in_flight: centres or documents at most that are worked on at once; None takes the options' number.

    Example:
        Cuda("cuda:0").pretrain_lines(tables, corpus, range(len(corpus)), options, lr, rng, setup)
    """

    name = "cuda"
    speed = 256

    def __init__(
        self, device: str | torch.device, deterministic: bool = True, in_flight: int | None = None
    ) -> None:
        self.device = torch.device(device)
        self.deterministic, self.in_flight = deterministic, in_flight
        self.resident = Resident(self.device)
        if deterministic and self.device.type == "cuda":
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
        """Train on consecutive lines; see `Engine`. The rate is read at both ends and linear in between."""
        offsets = np.asarray(corpus.offsets[lines.start : lines.stop + 1], np.int64)
        tokens = int(offsets[-1] - offsets[0])
        ids = self.resident.ids(corpus.ids, int(offsets[0]), int(offsets[-1]), setup.targets.rows)
        seeds = rng.integers(0, 2**63, 2).tolist()
        input, output = _tensors(tables)
        words, side, limits = self.resident.pretraining(setup)
        relative = self.resident.copy(offsets - offsets[0], np.int64)
        with _exact(self.deterministic, self.device):
            drawn = (twins.draw if self.deterministic else launch_draws)(ids, limits, seeds[0], options.ws)
            centres = find_centres(
                ids, relative, *drawn, lambda n: self.programs(n, options.in_flight), (lr(0), lr(tokens))
            )
            programs = self.programs(len(centres), options.in_flight)
            given = (input, output, centres, words, side, seeds[1], options.neg, programs)
            if options.updates == "shared" and shareable(options.loss, options.neg):
                sharing = SHARING[options.model]
                loss = sharing[0 if self.deterministic else 1](*given)
            elif self.deterministic:
                loss = (twins.cbow if options.model == "cbow" else twins.skipgram)(*given)
            else:
                loss = launch_pretraining(options.model, *given)
        context = centres.last.long() - centres.first.long() - 1
        units = int((context > 0).sum())
        examples = units if options.model == "cbow" else int(context.sum())
        return StepResult(loss, examples, tokens, units, None if np.isfinite(loss) else 0)

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
        """Train on documents in this order; see `Engine`.

        Raises:
            UserError: ``clip`` or ``weight_decay``, which need a whole update before the next.
        """
        for name in ("clip", "weight_decay"):
            if getattr(options, name):
                raise InvalidOptions(
                    f"{name}={getattr(options, name)}: engine=cuda has none; set engine=cpu or engine=reference"
                )
        sizes, labelled = (np.diff(o)[order] for o in (corpus.offsets, corpus.target_offsets))
        tokens = int(sizes.sum())
        first, last = lr(0), lr(tokens)
        rate = first + (last - first) / max(tokens, 1) * (np.cumsum(sizes) - sizes)
        usable = (labelled > 0) & (sizes > 0)
        order, rate = order[usable], rate[usable]
        labels = Ragged(corpus.targets, corpus.target_offsets).take(order)
        label = draw_labels(labels, rng)
        weight = document_weights(labels, label, order, options.loss, setup)
        copy, keep = self.resident.copy, self.resident.keep
        ids, offsets, bag = keep(corpus.ids, np.int32), keep(corpus.offsets, np.int64), order
        if options.dropout:
            left = drop_features(Ragged(corpus.ids, corpus.offsets).take(order), options.dropout, rng)
            ids, offsets = copy(left.values, np.int32), copy(left.offsets, np.int64)
            bag = np.arange(len(order))
        truth = truth_of(corpus, label, order, options, rng, setup)
        code = truth.code
        if setup.targets.loss == "ns":
            code = np.tile(np.eye(1, options.neg + 1, dtype=np.float32)[0], len(order))
        documents = twins.BagBatch(
            ids, offsets, copy(bag, np.int64), copy(rate, np.float32), copy(truth.place, np.int64),
            copy(truth.row, np.int32), copy(code, np.float32), copy(truth.spans, np.int64),
            None if weight is None else copy(weight, np.float32),
            keep(setup.frozen, np.int8) if options.freeze == "words" and setup.frozen is not None else None,
        )  # fmt: skip
        head_rate = (options.lr_head or options.lr) / options.lr if options.lr else 1.0
        input, output = _tensors(tables)
        train = twins.bags if self.deterministic else launch_bags
        with _exact(self.deterministic, self.device):
            loss = train(
                input, output, documents, setup.targets.loss, head_rate, options.freeze != "all",
                self.programs(len(order), options.in_flight),
            )  # fmt: skip
        return StepResult(loss, len(order), tokens, len(order), None if np.isfinite(loss) else 0)

    def programs(self, units: int, most: int) -> int:
        """How many of so many units are in flight: few of a small text, or all would miss each other's work."""
        return max(1, min(self.in_flight or most, units // _RUN))


def shareable(loss: str, neg: int) -> bool:
    """Whether neighbouring centres can share their negatives: where a few of them are drawn."""
    return loss == "ns" and neg <= LARGEST


def _tensors(tables: TwoTables | Matrices) -> tuple[Tensor, Tensor]:
    assert not isinstance(tables, Matrices), "torch computes on tensors: `TwoTables.over`"
    input, output = tables.input.detach(), tables.output.detach()
    for table in (input, output):
        assert table.dtype == torch.float32 and table.is_contiguous() and table.shape[1] == input.shape[1]
    return input, output


@contextlib.contextmanager
def _exact(deterministic: bool, device: torch.device) -> Iterator[None]:
    """torch's deterministic kernels on a GPU while `deterministic`, put back afterwards; no autograd at all."""
    strict, mild = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    threads = torch.get_num_threads()
    try:
        if deterministic and device.type == "cuda":
            torch.use_deterministic_algorithms(True)
        if deterministic and device.type == "cpu":
            torch.set_num_threads(1)
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=mild)
