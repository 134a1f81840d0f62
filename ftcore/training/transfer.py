"""From a trained pair (dictionary, tables) to the start of another: rows carried over by what they mean.

A word's row is found by the word, an n-gram's by its bucket number, a label's by the label. What has no
counterpart starts as it would without pretraining, except that a new word starts from its subwords.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch

from ftcore.base.ragged import spans
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.hashing import ngram_buckets
from ftcore.dictionary.init import initial_rows
from ftcore.errors import IncompatibleModel
from ftcore.model.module import TwoTables, make_bags

log = logging.getLogger(__name__)
_WORDS = 1 << 15  # composed at a time


@dataclass(frozen=True)
class Transfer:
    """The start of a training, and what of it came from the source."""

    tables: TwoTables
    pretrained: np.ndarray  # bool[rows] rows of words and buckets the source knew; `freeze=words` keeps them
    words: int  # carried over
    composed: int  # new words that start from their subwords
    buckets: int  # carried over
    labels: int  # head rows carried over


def transfer(
    source: Dictionary,
    tables: TwoTables,
    dictionary: Dictionary,
    *,
    seed: int = 0,
    source_seed: int | None = None,
    loss: str = "softmax",
) -> Transfer:
    """Tables for `dictionary` that start from the source's.

    Where both number character n-grams alike (minn, maxn, bucket), word and bucket rows are copied, and a
    new word's row starts as the mean of its n-grams' rows in the source (a bucket without a row there has
    one all the same: its pure-function row). Otherwise n-gram rows have no counterpart, and a word's row
    becomes its whole source vector, the mean of word and n-gram rows: what a classifier with ``maxn=0``
    wants.

    Args:
        source: of the trained model; stays as it is.
        tables: of the trained model; stay as they are.
        dictionary: of the new one; `Dictionary.merge` keeps words that only the source has.
        seed: of the new model's rows.
        source_seed: of the source's absent rows; default: `seed`.
        loss: of the new model. A tree's rows (hs) are carried only where the tree is the same.

    Returns:
        new tables: a head row for each label (zero where new), and the mask of pretrained rows.

    Raises:
        UserError: the source's tables do not fit its dictionary.

    Example:
        start = transfer(pretrained_dictionary, pretrained_tables, dictionary, seed=0)
        finetune(start.tables, Prepared(dictionary, train, valid), options, conditions, start.pretrained)
    """
    if len(tables.input) != source.rows:
        raise IncompatibleModel(
            f"the pretrained table has {len(tables.input)} rows and its dictionary {source.rows}; "
            "they do not belong together"
        )
    source_seed = seed if source_seed is None else source_seed
    alike = source.same_subwords(dictionary)
    if not alike:
        _warn_of_ngrams(source, dictionary)
    from_RD = tables.input.detach().cpu().numpy()
    input_RD = initial_rows(seed, dictionary.numbers(), tables.dim)
    pretrained_R = np.zeros(dictionary.rows, dtype=bool)

    old = np.array([source.index.get(word, -1) for word in dictionary.words], dtype=np.int64)
    known, new = np.flatnonzero(old >= 0), np.flatnonzero(old < 0)
    if alike or source.options.maxn == 0:
        input_RD[known] = from_RD[old[known]]
    else:
        input_RD[known], _ = _compose(source, tables, old[known], None, source_seed)
    pretrained_R[known] = True
    composed = 0
    if source.options.maxn > 0 and len(new):
        words = [dictionary.words[i] for i in new]
        vectors, has_ngrams = _compose(source, tables, None, words, source_seed)
        input_RD[new[has_ngrams]] = vectors[has_ngrams]
        composed = int(has_ngrams.sum())
    buckets = 0
    if alike:
        shared, here, there = np.intersect1d(
            dictionary.buckets, source.buckets, assume_unique=True, return_indices=True
        )
        input_RD[dictionary.nwords + here] = from_RD[source.nwords + there]
        pretrained_R[dictionary.nwords + here] = True
        buckets = len(shared)
    output_CD, labels = _head(source, tables, dictionary, loss)
    made = TwoTables(torch.from_numpy(input_RD), torch.from_numpy(output_CD), sparse=tables.sparse)
    return Transfer(made, pretrained_R, len(known), composed, buckets, labels)


def _warn_of_ngrams(source: Dictionary, dictionary: Dictionary) -> None:
    a, b = source.options, dictionary.options
    if a.maxn > 0 and b.maxn > 0:
        log.warning(
            "n-gram rows cannot be carried over: the pretrained model has minn=%d maxn=%d bucket=%d, "
            "the new one minn=%d maxn=%d bucket=%d; words start from their composed vectors",
            a.minn, a.maxn, a.bucket, b.minn, b.maxn, b.bucket,
        )  # fmt: skip


@torch.no_grad()
def _compose(
    source: Dictionary, tables: TwoTables, ids: np.ndarray | None, words: list[bytes] | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Source vectors of known words or of new ones [n, D], and bool[n], whether a word has any row there."""
    device = tables.input.device
    if ids is not None:
        rows, offsets = source.subword_rows()
        starts, sizes = offsets[ids], np.diff(offsets)[ids]
    else:
        assert words is not None
        options = source.options
        buckets, cuts = ngram_buckets(words, options.minn, options.maxn, options.bucket)
        rows = source.to_signed(buckets.astype(np.int64) + source.nwords)
        starts, sizes = cuts[:-1], np.diff(cuts)
    out_ND = np.empty((len(sizes), tables.dim), dtype=np.float32)
    for first in range(0, len(sizes), _WORDS):
        some = slice(first, first + _WORDS)
        place, at = spans(starts[some], sizes[some])
        bags = make_bags(rows[place], at, seed, tables.dim).to(device)
        out_ND[some] = tables.hidden(bags.ids, bags.offsets, bags.absent).cpu().numpy()
    return out_ND, sizes > 0


def _head(source: Dictionary, tables: TwoTables, dictionary: Dictionary, loss: str) -> tuple[np.ndarray, int]:
    """Output rows [C, D]: those of labels the source's head knows, zero elsewhere; and how many."""
    output_CD = np.zeros((dictionary.nlabels, tables.dim), dtype=np.float32)
    from_OD = tables.output.detach().cpu().numpy()
    if source.nlabels == 0 or len(from_OD) != source.nlabels:
        return output_CD, 0  # a pretrained model: its output rows are words
    if loss == "hs":  # a row is a node of the tree, and the tree is made of the counts
        same = source.labels == dictionary.labels
        if not (same and np.array_equal(source.label_counts, dictionary.label_counts)):
            log.warning("the head starts anew: with loss=hs its rows are nodes of a tree that changed")
            return output_CD, 0
    old = np.array([source.label_index.get(label, -1) for label in dictionary.labels], dtype=np.int64)
    output_CD[old >= 0] = from_OD[old[old >= 0]]
    return output_CD, int((old >= 0).sum())
