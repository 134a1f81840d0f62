"""A classifier from labelled bags, from random or pretrained rows."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.engines.draws import chunk_generator
from ftcore.engines.interface import Rate, StepResult
from ftcore.engines.setup import FinetuneSetup
from ftcore.errors import MissingLabels, UserError
from ftcore.model.matrices import Matrices, assign, copied
from ftcore.training.anchor import Anchor
from ftcore.training.conditions import Conditions, Prepared
from ftcore.training.loop import Loop, TrainingResult, content_key
from ftcore.training.schedule import linear

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.model.module import TwoTables

log = logging.getLogger(__name__)
_CHUNK = 1_000_000  # features, an update counting as 250: about a second of the reference at any batch size
_UPDATE = 250
WEIGHTLESS = "nothing to fine-tune on: every labelled document has a weight of 0; give some of them more"


def finetune(
    tables: TwoTables | Matrices,
    prepared: Prepared,
    options: config.Finetune,
    conditions: Conditions,
    frozen: np.ndarray | None = None,
) -> TrainingResult:
    """Train both tables in place over the documents that have a feature and a label.

    The documents are shuffled anew each epoch, from the seed. With a validation set, every epoch is
    scored; where `keep_best` is on, the tables end as they were after the epoch with the best macro-F1
    (the lower loss among equals), and `patience` epochs without gain end the training.

    Args:
        tables: input [dictionary.rows, dim], output [nlabels, dim].
        prepared: bags; what each document's loss counts is on top of the class weights.
        conditions: a checkpoint is resumed from if it belongs to the same data, options, seed and initial
            tables. Draws follow the chunks, of which ``parts`` makes more.
        frozen: bool[rows], the rows that came from pretraining (`Transfer.pretrained`); what
            ``freeze=words`` keeps as they are.

    Raises:
        UserError: nothing to train on, a new head for one class only, class weights of an unknown label, a
            loss that is not a number any more (names step and lr).

    Example:
        result = finetune(tables, Prepared(dictionary, train, valid), Finetune(epoch=5),
                          Conditions(choose_engine("auto", "auto")))
        result.best_epoch, result.history[-1]["valid_accuracy"]
    """
    dictionary, train, valid, seed = prepared.dictionary, prepared.train, prepared.valid, conditions.seed
    assert isinstance(train, BagCorpus)
    assert len(tables.input) == dictionary.rows and len(tables.output) == dictionary.nlabels
    usable = np.flatnonzero((np.diff(train.offsets) > 0) & (np.diff(train.target_offsets) > 0))
    counts = np.bincount(train.targets, minlength=dictionary.nlabels)
    _check(tables, dictionary, train, options, usable, counts, frozen)
    own = _weights(prepared.weights, len(train))
    if own is not None and not own[usable].any():
        raise MissingLabels(WEIGHTLESS)
    backend = conditions.backend()
    setup = FinetuneSetup.build(dictionary, options, frozen, counts, own)
    sizes = np.diff(train.offsets)
    total = options.epoch * int(sizes[usable].sum())
    key = ""
    if conditions.checkpoint is not None:
        weights = [] if setup.document_weights is None else [setup.document_weights]
        corpora = [getattr(c, name) for c in (train, valid) if c is not None for name in _ARRAYS]
        mask = np.zeros(0, dtype=bool) if frozen is None else frozen
        about = f"finetune {conditions.parts} {backend.name} {str(backend.device).partition(':')[0]} {seed} {options.model_dump_json()}"
        key = content_key(
            about, "\0".join(dictionary.labels), mask, tables.input, tables.output, *weights, *corpora
        )
    loop = Loop(
        "finetune",
        tables,
        backend,
        conditions,
        epochs=options.epoch,
        total=total,
        lr=linear(options.lr, total),
        key=key,
        advice=f"use a smaller lr (now {options.lr:g}) or batch_size (now {options.batch_size})",
    )
    plan = _Plan(usable, sizes, options.batch_size, seed, _CHUNK * backend.speed, conditions.parts)

    anchor = _anchor(tables, options, frozen)

    def train_chunk(epoch: int, chunk: int, lr: Rate) -> StepResult:
        rng = chunk_generator(seed, "finetune", epoch, chunk)
        order = plan.chunks(epoch)[chunk]
        done = backend.finetune_bags(tables, train, order, options, lr, rng, setup)
        if anchor is not None:
            anchor.pull(loop.tables, len(order) / len(usable))
        return done

    @cache
    def tree() -> Any:
        from ftcore.model.losses import huffman_tree

        return huffman_tree(dictionary.label_counts) if options.loss == "hs" else None

    def end_epoch(epoch: int) -> dict[str, float]:
        if valid is None or len(valid) == 0:
            return {}
        from ftcore.model.module import TwoTables
        from ftcore.training.validation import validate

        scores = validate(TwoTables.over(tables), valid, options.loss, seed=seed, tree=tree())
        _judge(loop, scores, options)
        return scores

    result = loop.run(lambda epoch: len(plan.chunks(epoch)), train_chunk, end_epoch)
    assign(tables, loop.best)
    return result


_ARRAYS = ("ids", "offsets", "targets", "target_offsets")


def _check(
    tables: TwoTables | Matrices,
    dictionary: Dictionary,
    train: BagCorpus,
    options: config.Finetune,
    usable: np.ndarray,
    counts: np.ndarray,
    frozen: np.ndarray | None,
) -> None:
    if len(usable) == 0:
        raise MissingLabels(
            f"nothing to fine-tune on: of {len(train)} documents none has both a label and a token of the vocabulary"
        )
    if len(train.ids) and int(np.min(train.ids)) < 0:
        raise ValueError("the training bags name buckets without a row; encode them with grow=True")
    present = int((counts > 0).sum())
    new_head = not bool((tables.output != 0).any())
    if present < 2 and new_head:
        only = dictionary.labels[int(counts.argmax())]
        raise MissingLabels(
            f"every training document has the label {only!r}; a new classifier needs at least two labels "
            "(check the label column, or start from a trained model)"
        )
    if options.freeze == "words" and (frozen is None or not frozen.any()):
        log.warning("freeze=words has nothing to freeze: no row came from pretraining")


def _anchor(tables: Any, options: config.Finetune, known: np.ndarray | None) -> Anchor | None:
    """What holds the tables to their start; None where nothing is asked for, or there is nothing to hold to."""
    if not options.anchor:
        return None
    if known is None or not known.any():
        log.warning("anchor has nothing to hold to: no row came from an earlier model")
        return None
    return Anchor(tables, known, options.anchor)


def _weights(weights: np.ndarray | None, documents: int) -> np.ndarray | None:
    """float32[B], checked."""
    if weights is None:
        return None
    made = np.asarray(weights, np.float32)
    if made.shape != (documents,):
        raise UserError(f"{made.shape} document weights for {documents} documents; give one for each")
    wrong = np.flatnonzero(~(np.isfinite(made) & (made >= 0)))
    if len(wrong):
        raise UserError(f"weight {made[wrong[0]]} of document {wrong[0]}; a weight is a number from 0 up")
    return made


class _Plan:
    """The order of documents of an epoch, cut into chunks at the borders of updates."""

    def __init__(
        self, usable: np.ndarray, sizes: np.ndarray, batch_size: int, seed: int, chunk: float, parts: int = 1
    ):
        self.usable, self.sizes, self.batch_size, self.seed = usable, sizes, batch_size, seed
        self.chunk, self.parts = chunk, parts
        self.whole = int(sizes[usable].sum()) + _UPDATE * (
            len(usable) // batch_size
        )  # what an epoch costs, at most
        self._epoch = -1
        self._chunks: list[np.ndarray] = []

    def chunks(self, epoch: int) -> list[np.ndarray]:
        """Document numbers of every chunk; the last epoch asked for is remembered."""
        if epoch != self._epoch:
            order = chunk_generator(self.seed, "order", epoch, 0).permutation(self.usable)
            self._chunks = [part for part in np.split(order, self._ends(order)) if len(part)]
            self._epoch = epoch
        return self._chunks

    def _ends(self, order: np.ndarray) -> np.ndarray:
        """Where chunks end: whole updates only; what is left over belongs to the last chunk."""
        updates = len(order) // self.batch_size
        if self.parts == 1 and self.whole <= self.chunk:
            return np.array([updates * self.batch_size])
        cost = np.cumsum(self.sizes[order])[self.batch_size - 1 :: self.batch_size]
        cost = cost + _UPDATE * np.arange(1, updates + 1)
        chunk = min(self.chunk, cost[-1] / self.parts) if updates else self.chunk
        return (1 + np.flatnonzero(np.diff(cost // chunk, prepend=0))) * self.batch_size


def _judge(loop: Loop, scores: dict[str, float], options: config.Finetune) -> None:
    """Keep the tables of a new best epoch; stop after `patience` epochs without one."""
    place = loop.position
    score = [scores["macro_f1"], -scores["loss"]]
    if place.best_score is None or score > place.best_score:
        place.best_score, place.best_epoch = score, place.epoch + 1
        if options.keep_best:
            loop.best = copied(loop.tables)
    elif options.patience and place.epoch + 1 - (place.best_epoch or 0) >= options.patience:
        place.stopped_early = True
