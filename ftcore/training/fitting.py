"""A trained classifier made to fit a file of a given size: rows cut off, retrained, quantised.

Source: fastText 0.9.3 ``src/autotune.cc`` (``getCutoffForFileSize``, ``quantize``) and ``src/args.cc``
(``getAutotuneModelSize``). The original reckons ten bytes for a word or n-gram whatever its length, so that
its files can come out larger than asked; here rows are taken away until the file fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ftcore.corpus.dictionary import Dictionary
from ftcore.corpus.encode import BagCorpus
from ftcore.errors import UserError
from ftcore.formats.classic import Classic
from ftcore.formats.quantized import cut_off, quantize
from ftcore.model.kmeans import KSUB

LEAST = 256  # rows: a quantiser needs as many as it has centroids
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}
_QOUT_DSUB = 2
_TRIES = 8  # one or two are enough where names are about as long everywhere


class TooSmall(Exception):
    """No model of these settings fits the size."""


@dataclass(frozen=True)
class Fitted:
    """A quantised model and what made it."""

    classic: Classic
    cutoff: int
    qout: bool
    bytes: int  # of its file


def parse_size(text: str) -> int | None:
    """Bytes of a size with k, M or G; None for no limit (``Args::getAutotuneModelSize``).

    >>> parse_size("2M"), parse_size("1500"), parse_size("")
    (2000000, 1500, None)
    """
    if not text:
        return None
    unit = _UNITS.get(text[-1].lower(), 1)
    digits = text if unit == 1 else text[:-1]
    if not (digits.isascii() and digits.isdecimal()) or int(digits) == 0:
        raise UserError(f"Unable to parse model size {text}; write a number of bytes, or one with k, M or G")
    return int(digits) * unit


def file_size(classic: Classic, dsub: int, qnorm: bool, qout: bool) -> int:
    """Bytes of the `.ftz` that a dense model becomes when all its rows are quantised."""
    dictionary, dim, classes = classic.dictionary, classic.args.dim, len(classic.output)
    rows = dictionary.nwords + dictionary.bucket if dictionary.prune is None else len(classic.input)
    entries = int(dictionary.packed_words.offsets[-1] + dictionary.packed_labels.offsets[-1])
    entries += 10 * (dictionary.nwords + dictionary.nlabels)  # a zero byte, the count, the kind
    pruned = 0 if dictionary.prune is None else 8 * len(dictionary.prune)
    head = 8 + 56 + 28 + 2  # magic and version, arguments, sizes of the dictionary, two flags
    output = _quantised(classes, dim, _QOUT_DSUB, qnorm) if qout else 16 + 4 * classes * dim
    return head + entries + pruned + _quantised(rows, dim, dsub, qnorm) + output


def _quantised(rows: int, dim: int, dsub: int, qnorm: bool) -> int:
    lengths = rows + 16 + 4 * KSUB if qnorm else 0
    return 21 + rows * -(-dim // dsub) + 16 + 4 * KSUB * dim + lengths


def cutoff_for(size: int, dim: int, classes: int, dsub: int, qnorm: bool, qout: bool) -> int:
    """Rows that fit a file of ``size`` bytes by the original's reckoning, at least `LEAST`."""
    output = 16 + 4 * classes * dim
    if qout:
        output = 21 + classes * -(-dim // 2) + 16 + 4 * KSUB * dim + (classes if qnorm else 0)
    left = size - 107 - 4 * KSUB * dim - output
    return max(left // (-(-dim // dsub) + qnorm + 10), LEAST)


def fit(
    classic: Classic,
    size: int,
    *,
    dsub: int = 2,
    retrain: Callable[[Classic], Classic] | None = None,
    threads: int | None = None,
) -> Fitted:
    """Quantise a model so that its file has at most ``size`` bytes; the lengths of rows apart (qnorm).

    The output is quantised where there are at least `LEAST` labels. Where all rows fit, none is cut off.

    Args:
        classic: a dense classifier. retrain: of the rows that are kept, see `quantize`.

    Raises:
        TooSmall: not even `LEAST` rows fit.
    """
    classes = len(classic.output)
    qout = classes >= LEAST
    cutoff = cutoff_for(size, classic.args.dim, classes, dsub, True, qout)
    rows = classic.dictionary.nwords + classic.dictionary.bucket
    for _ in range(_TRIES):
        if cutoff <= LEAST:
            raise TooSmall(f"{size} bytes leave no room for {LEAST} rows of {classic.args.dim} columns")
        whole = cutoff >= rows
        kept = classic if whole else cut_off(classic, cutoff)
        found = file_size(kept, dsub, True, qout)
        if found <= size:
            break
        share = _of_rows(kept, dsub)  # the rest does not shrink with the rows
        cutoff = min(int(min(cutoff, rows) * (size - found + share) / share), min(cutoff, rows) - 1)
    else:
        raise TooSmall(f"no model of {classic.args.dim} columns fits {size} bytes")
    cutoff = 0 if whole else cutoff
    made = quantize(
        classic, cutoff=cutoff, qnorm=True, qout=qout, dsub=dsub, retrain=retrain, threads=threads
    )
    return Fitted(made, cutoff, qout, found)


def _of_rows(classic: Classic, dsub: int) -> int:
    """Bytes of a `.ftz` that go with its rows: names, codes, lengths."""
    dictionary = classic.dictionary
    rows = dictionary.nwords + (dictionary.bucket if dictionary.prune is None else len(dictionary.prune))
    names = 10 * dictionary.nwords + int(dictionary.packed_words.offsets[-1])
    names += 0 if dictionary.prune is None else 8 * len(dictionary.prune)
    return names + rows * (1 + -(-classic.args.dim // dsub))


def renumber(bags: BagCorpus, before: Dictionary, after: Dictionary) -> BagCorpus:
    """Bags by the rows of a cut-off dictionary; features that have no row there are left out.

    Args:
        bags: encoded with `before`, whose storage is "occurring"; a bucket without a row is ``-1 - bucket``.
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


def dense(classic: Classic) -> tuple[np.ndarray, np.ndarray]:
    """Input and output of a quantised model as matrices."""
    tables = (classic.input, classic.output)
    first, second = (t if isinstance(t, np.ndarray) else t.dense() for t in tables)
    return first, second
