"""What stays the same over all chunks of a training: built once, handed to the engine with every chunk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ftcore import native
from ftcore.base.ragged import Ragged
from ftcore.dictionary.dictionary import Dictionary
from ftcore.engines.alias import alias_table
from ftcore.engines.draws import keep_probability
from ftcore.errors import UserError
from ftcore.model.huffman import leaf_paths
from ftcore.model.negatives import NegativeSampler

if TYPE_CHECKING:
    from ftcore import config


@dataclass(frozen=True)
class LossTables:
    """The output table's side of a loss: rows are words in pretraining, labels in fine-tuning."""

    loss: str  # softmax, ova, ns, hs
    rows: int
    sizes: np.ndarray | None = None  # int64[rows] entries of each row in fastText's table of negatives (ns)
    paths: Ragged | None = None  # output rows from each leaf to the root (hs)
    codes: Ragged | None = None  # the Huffman code of each, 1 where the node is a right child

    @classmethod
    def build(cls, loss: str, counts: np.ndarray) -> LossTables:
        """Tables for `loss` over rows that occur `counts` times, in descending order.

        Raises:
            UserError: ns with fewer than two rows.
        """
        counts = np.asarray(counts, dtype=np.int64)
        if loss == "ns":
            return cls(loss, len(counts), sizes=NegativeSampler(counts).sizes)
        if loss == "hs":
            paths_OL, sign_OL, *_ = leaf_paths(counts)
            real_OL = sign_OL != 0
            offsets = np.concatenate([[0], np.cumsum(real_OL.sum(1))]).astype(np.int64)
            return cls(
                loss,
                len(counts),
                paths=Ragged(paths_OL[real_OL], offsets),
                codes=Ragged((sign_OL[real_OL] > 0).astype(np.float32), offsets),
            )
        return cls(loss, len(counts))

    @cached_property
    def negatives(self) -> np.ndarray:
        """int32[~1e7]: fastText's table written out. 40 MB, but a draw is one look-up, not a search."""
        assert self.sizes is not None
        return np.repeat(np.arange(self.rows, dtype=np.int32), self.sizes)

    @cached_property
    def alias(self) -> np.ndarray:
        """uint32[rows, 2]: the same distribution in 8 bytes a row, see `alias_table`."""
        assert self.sizes is not None
        return alias_table(self.sizes)

    @cached_property
    def side(self) -> native.PretrainTargets:
        """What the kernels of pretraining read of these: checked once."""
        alias = self.alias.reshape(-1) if self.loss == "ns" else np.empty(0, np.uint32)
        if self.paths is None or self.codes is None:
            nodes, codes, paths = np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int64)
        else:
            nodes, codes, paths = self.paths.values.astype(np.int32), self.codes.values, self.paths.offsets
        return native.PretrainTargets(alias, nodes, codes, paths)


@dataclass(frozen=True)
class PretrainSetup:
    """Constants of pretraining."""

    subwords: Ragged  # table rows of each word: its own, then its n-grams'
    keep: np.ndarray  # float64[nwords] probability that a token survives subsampling
    targets: LossTables

    @classmethod
    def build(cls, dictionary: Dictionary, options: config.Pretrain) -> PretrainSetup:
        """From the dictionary of the corpus.

        Raises:
            UserError: a word's n-gram has no row in the table (a dictionary not made for pretraining).
        """
        keep = keep_probability(dictionary.counts, dictionary.ntokens, options.t)
        return cls(subword_rows(dictionary), keep, LossTables.build(options.loss, dictionary.counts))

    @cached_property
    def gain(self) -> np.ndarray:
        """float32[nwords]: what the mean of a word's rows moves by when each row moves by 1 as often as named.

        sum(m²) / G for rows named m times among G: 1 where all are distinct.
        """
        gain = np.empty(len(self.subwords), np.float32)
        native.gains(self.subwords.values, self.subwords.offsets, gain)
        return gain

    @cached_property
    def words(self) -> native.PretrainWords:
        """The same as the kernels take it: checked once."""
        return native.PretrainWords(self.subwords.values, self.subwords.offsets, self.gain)


@dataclass(frozen=True)
class FinetuneSetup:
    """Constants of fine-tuning."""

    targets: LossTables
    frozen: np.ndarray | None = None  # bool[R] rows that came from pretraining
    class_weights: np.ndarray | None = None  # float32[C]
    document_weights: np.ndarray | None = None  # float32[B] of every document of the corpus

    @classmethod
    def build(
        cls,
        dictionary: Dictionary,
        options: config.Finetune,
        frozen: np.ndarray | None = None,
        label_counts: np.ndarray | None = None,
        document_weights: np.ndarray | None = None,
    ) -> FinetuneSetup:
        """From the dictionary of the labelled documents.

        Args:
            frozen: bool[R], used where ``freeze=words``.
            label_counts: int64[C] in the documents trained on; default: the dictionary's.
            document_weights: [B], on top of the class weights.
        """
        counts = dictionary.label_counts if label_counts is None else label_counts
        return cls(
            LossTables.build(options.loss, dictionary.label_counts),
            frozen,
            class_weights(options.class_weights, dictionary.labels, counts),
            None if document_weights is None else np.asarray(document_weights, np.float32),
        )


def subword_rows(dictionary: Dictionary) -> Ragged:
    """Table rows of every word's features, its own row first: ragged int32, a row a word."""
    rows, offsets = dictionary.subword_rows()
    if (rows < 0).any():
        raise UserError("some n-grams of the vocabulary have no row; build the dictionary from this corpus")
    return Ragged(rows, offsets)


def class_weights(option: str | dict[str, float], labels: list[str], counts: np.ndarray) -> np.ndarray | None:
    """float32[C] weight of each label's examples in the loss, or None where all are 1.

    ``balanced`` is documents / (labels * count): the labels weigh the same in total, the mean weight of a
    document is 1. Labels left out of a dict weigh 1.

    Raises:
        UserError: a dict names a label that does not occur, or a weight is negative or not finite.

    Example:
        >>> class_weights("balanced", ["a", "b"], np.array([3, 1])).tolist()
        [0.6666666865348816, 2.0]
    """
    if option == "none":
        return None
    if option == "balanced":
        counts = np.asarray(counts, dtype=np.float64)
        present = max(int((counts > 0).sum()), 1)
        return (counts.sum() / (present * np.maximum(counts, 1))).astype(np.float32)
    assert isinstance(option, dict)
    weights = np.ones(len(labels), dtype=np.float32)
    for label, weight in option.items():
        if label not in labels:
            shown = ", ".join(map(repr, labels[:10])) + (", ..." if len(labels) > 10 else "")
            raise UserError(f"class_weights: label {label!r} does not occur; the labels are {shown}")
        if not (np.isfinite(weight) and weight >= 0):
            raise UserError(f"class_weights: {label!r} = {weight!r}; a weight is a number from 0 up")
        weights[labels.index(label)] = weight
    return weights


def document_weights(
    labels: Ragged, drawn: np.ndarray, order: np.ndarray, loss: str, setup: FinetuneSetup
) -> np.ndarray | None:
    """float32[documents] factor of each document's loss, or None where all are 1.

    Args:
        labels: of the documents.
        drawn: int64[documents], the one each is trained on (ova: all).
        order: int64[documents], their numbers in the corpus.
    """
    weight = None
    if setup.class_weights is not None:
        weight = setup.class_weights[drawn]
        if loss == "ova" and len(labels):  # a document weighs the mean of its labels' weights
            total = np.add.reduceat(setup.class_weights[labels.values], labels.offsets[:-1])
            weight = (total / labels.sizes).astype(np.float32)
    if setup.document_weights is not None:
        own = setup.document_weights[order]
        weight = own if weight is None else weight * own
    return weight
