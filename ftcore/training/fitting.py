"""A trained classifier made to fit a file of a given size: rows cut off, retrained, quantised.

Source: fastText 0.9.3 ``src/autotune.cc`` (``getCutoffForFileSize``, ``quantize``) and ``src/args.cc``
(``getAutotuneModelSize``). The original reckons ten bytes for a word or n-gram whatever its length, so that
its files come out smaller or larger than asked; here the bytes of each row are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import InvalidOptions
from ftcore.formats.quantized import quantize
from ftcore.model.kmeans import KSUB
from ftcore.model.model import Model
from ftcore.model.quantize import row_norms

LEAST = 256  # rows: a quantiser needs as many as it has centroids
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}
_QOUT_DSUB = 2


class TooSmall(Exception):
    """No model of these settings fits the size."""


@dataclass(frozen=True)
class Fitted:
    """A model that fits and what made it: quantised, or as it was where that is small enough as it is."""

    classic: Model
    cutoff: int
    qout: bool
    bytes: int  # of its file


def parse_size(text: str) -> int | None:
    """Bytes of a size with k, M or G; None for no limit (``Args::getAutotuneModelSize``).

    Example:
        >>> parse_size("2M"), parse_size("1500"), parse_size("")
        (2000000, 1500, None)
    """
    if not text:
        return None
    unit = _UNITS.get(text[-1].lower(), 1)
    digits = text if unit == 1 else text[:-1]
    if not (digits.isascii() and digits.isdecimal()) or int(digits) == 0:
        raise InvalidOptions(
            f"Unable to parse model size {text}; write a number of bytes, or one with k, M or G"
        )
    return int(digits) * unit


def file_size(classic: Model, dsub: int, qnorm: bool, qout: bool) -> int:
    """Bytes of the `.ftz` that a dense model becomes when all its rows are quantised."""
    dim, classes = classic.args.dim, len(classic.output)
    output = _quantised(classes, dim, _QOUT_DSUB, qnorm) if qout else _dense(classes, dim)
    return _without_tables(classic.dictionary) + _quantised(_rows(classic), dim, dsub, qnorm) + output


def plain_size(classic: Model) -> int:
    """Bytes of the `.bin` of a dense model, with a row for every bucket."""
    dim = classic.args.dim
    return (
        _without_tables(classic.dictionary) + _dense(_rows(classic), dim) + _dense(len(classic.output), dim)
    )


def dense_bytes(dictionary: Dictionary, dim: int) -> int:
    """Bytes of the `.bin` of a classifier of this dictionary with so many columns."""
    rows = dictionary.nwords + dictionary.bucket
    return _without_tables(dictionary.complete()) + _dense(rows, dim) + _dense(dictionary.nlabels, dim)


def _rows(classic: Model) -> int:
    return classic.dictionary.complete().rows


def _without_tables(dictionary: Dictionary) -> int:
    entries = int(dictionary.packed_words.offsets[-1] + dictionary.packed_labels.offsets[-1])
    entries += 10 * (dictionary.nwords + dictionary.nlabels)  # a zero byte, the count, the kind
    pairs = dictionary.bucket_rows.pairs
    pruned = 0 if pairs is None else pairs.nbytes
    return (
        8 + 56 + 28 + 2 + entries + pruned
    )  # magic and version, arguments, sizes of the dictionary, two flags


def _dense(rows: int, dim: int) -> int:
    return 16 + 4 * rows * dim


def _quantised(rows: int, dim: int, dsub: int, qnorm: bool) -> int:
    lengths = rows + 16 + 4 * KSUB if qnorm else 0
    return 21 + rows * -(-dim // dsub) + 16 + 4 * KSUB * dim + lengths


def fit(
    classic: Model,
    size: int,
    *,
    dsub: int = 2,
    retrain: Callable[[Model], Model] | None = None,
    threads: int | None = None,
) -> Fitted:
    """Quantise a model so that its file has at most ``size`` bytes; the lengths of rows apart (qnorm).

    Rows are kept by length, the end of line first (``FastText::selectEmbeddings``), as many as there is
    room for; a bucket that never occurred is not kept. The output is quantised where there are at least
    `LEAST` labels. A model of fewer than `LEAST` rows cannot be quantised; it is taken as it is where its
    file, a `.bin`, has at most ``size`` bytes.

    Args:
        classic: a dense classifier trained here (rows for `OccurringBuckets`).
        retrain: called with the model of the kept rows, if some went; returns it trained again.

    Raises:
        TooSmall: not even `LEAST` rows fit, or there are fewer and the model is larger than that.

    Example:
        ``write_binary(fit(classic, 2_000_000).classic, "model.ftz")``
    """
    dictionary, nwords = classic.dictionary, classic.dictionary.nwords
    qout = len(classic.output) >= LEAST
    if len(classic.input) < LEAST:
        if (bytes_ := plain_size(classic)) <= size:
            return Fitted(classic, 0, False, bytes_)
        raise TooSmall(
            f"the model has {bytes_} bytes, and its {len(classic.input)} rows are too few to quantise, which takes {LEAST}"
        )
    pruned = _keep(classic, np.arange(len(classic.input)))
    whole = classic if not len(dictionary.buckets) else pruned
    if (bytes_ := file_size(whole, dsub, True, qout)) <= size:
        made = quantize(whole, qnorm=True, qout=qout, dsub=dsub, threads=threads)
        return Fitted(made, 0, qout, bytes_)
    lengths = -row_norms(classic.dense[0])
    if dictionary.eos >= 0:
        lengths[dictionary.eos] = -np.inf
    order = np.argsort(lengths, kind="stable")
    names = np.full(len(order), 8)  # an n-gram's bucket and row
    names[:nwords] = 10 + np.diff(dictionary.packed_words.offsets)
    costs = (names + 1 + -(-classic.args.dim // dsub))[order]
    room = size - (file_size(pruned, dsub, True, qout) - int(costs.sum()))
    cutoff = int(np.searchsorted(np.cumsum(costs), room, side="right"))
    if cutoff < LEAST:
        raise TooSmall(f"{size} bytes leave no room for {LEAST} rows of {classic.args.dim} columns")
    kept = _keep(classic, order[:cutoff])
    bytes_ = file_size(kept, dsub, True, qout)
    kept = kept if retrain is None else retrain(kept)
    return Fitted(quantize(kept, qnorm=True, qout=qout, dsub=dsub, threads=threads), cutoff, qout, bytes_)


def _keep(classic: Model, rows: np.ndarray) -> Model:
    """The model with some of its input rows: words in the order of their ids, n-grams in the order given."""
    old, nwords = classic.dictionary, classic.dictionary.nwords
    words, ngrams = np.sort(rows[rows < nwords]), rows[rows >= nwords]
    pairs = np.stack([old.buckets[ngrams - nwords], np.arange(len(ngrams))], axis=1).astype(np.int32)
    return replace(
        classic, dictionary=old.cut_off(words, pairs), input=classic.dense[0][np.concatenate([words, ngrams])]
    )


def renumber(bags: BagCorpus, before: Dictionary, after: Dictionary) -> BagCorpus:
    """Bags by the rows of a cut-off dictionary; features that have no row there are left out.

    Args:
        bags: encoded with `before`, which was trained here; a bucket without a row is ``-1 - bucket``.
        after: what `cut_off` (or a quantisation of all rows) made of it.
    """
    words = after.word_index.find(before.packed_words).astype(np.int64)
    known = after.to_signed(after.nwords + before.buckets.astype(np.int64))
    rows = np.concatenate([words, known])
    ids = np.asarray(bags.ids, np.int64)
    made = np.where(ids >= 0, rows[np.maximum(ids, 0)], 0)
    gone = ids < 0
    made[gone] = after.to_signed(after.nwords + (-1 - ids[gone]))
    kept = made >= 0
    ends = np.concatenate([[0], np.cumsum(kept)])
    return BagCorpus(made[kept].astype(np.int32), ends[bags.offsets], bags.targets, bags.target_offsets)


def dense(classic: Model) -> tuple[np.ndarray, np.ndarray]:
    """Input and output of a quantised model as matrices."""
    tables = (classic.input, classic.output)
    first, second = (t if isinstance(t, np.ndarray) else t.dense() for t in tables)
    return first, second
