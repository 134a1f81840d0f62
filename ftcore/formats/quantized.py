"""A whole model quantised: rows that matter least cut off, the rest as codes; what a `.ftz` holds.

Source: fastText 0.9.3 ``src/fasttext.cc`` (``quantize``, ``selectEmbeddings``) and ``src/dictionary.cc``
(``prune``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ftcore import native
from ftcore.errors import IncompatibleModel, UserError
from ftcore.formats.expand import AllRows
from ftcore.model.model import Model
from ftcore.model.quantize import QuantizableRows, QuantMatrix, row_norms

_QOUT_DSUB = 2  # the output's, whatever the input's is


def quantize(
    classic: Model,
    *,
    cutoff: int = 0,
    qnorm: bool = False,
    qout: bool = False,
    dsub: int = 2,
    retrain: Callable[[Model], Model] | None = None,
    threads: int | None = None,
    fused: bool = False,
) -> Model:
    """A product-quantised model; bit for bit what the original makes of the same file and options.

    The original refuses word vectors (skipgram, cbow); here they are quantised in the same way.

    Args:
        classic: a dense model; it stays as it is.
        cutoff: keep the rows of words and n-grams with the longest vectors, the end of line in any
            case; 0, or as many as there are, keeps all.
        qnorm: quantise the rows' lengths apart.
        qout: quantise the output too.
        dsub: columns of the input that share a code.
        retrain: called with the cut-off, still dense model before it is quantised, to let the remaining
            rows make up for the others; it returns the model to quantise. Only called with a cutoff.
        threads: see `QuantMatrix.train`.
        fused: see `QuantMatrix.train`.

    Raises:
        UserError: a model quantised already, with less than 256 rows to quantise, or with NaN.

    Example:
        ``write_binary(quantize(read_binary("m.bin"), cutoff=100_000, qnorm=True), "m.ftz")``
    """
    if not isinstance(classic.input, np.ndarray) or not isinstance(classic.output, np.ndarray):
        raise IncompatibleModel("the model is already quantized; quantise the .bin it was made from")
    if cutoff < 0:
        raise UserError(f"cutoff must be 0 (keep all rows) or a number of rows, not {cutoff}")
    rows: QuantizableRows = AllRows(classic)
    if 0 < cutoff < rows.shape[0]:
        classic = cut_off(classic, cutoff)
        classic = classic if retrain is None else retrain(classic)
        rows = classic.dense[0]
    else:  # a file has rows for all buckets
        classic = replace(classic, dictionary=classic.dictionary.complete())
    table = QuantMatrix.train(rows, dsub, qnorm, threads, fused)
    output = (
        QuantMatrix.train(classic.dense[1], _QOUT_DSUB, qnorm, threads, fused) if qout else classic.output
    )
    return replace(classic, input=table, output=output, version=12, path="", kept={})


def cut_off(classic: Model, cutoff: int) -> Model:
    """The model with its ``cutoff`` longest input rows only; its dictionary has `KeptBuckets`.

    The end of line comes first, then rows by length, equal ones as ``std::sort`` leaves them. Words keep
    the order of their ids, n-grams stand in the order of length. A model of word vectors loses the
    outputs of the words that went.
    """
    dictionary, nwords = classic.dictionary, classic.dictionary.nwords
    rows = AllRows(classic)
    norms = np.concatenate([row_norms(part) for part in rows.parts()])
    keys = -norms.view(np.int32).astype(np.int64)  # floats from 0 up are in the order of their bits
    if dictionary.eos >= 0:
        keys[dictionary.eos] = -(1 << 32)
    best = native.sort_permutation(keys)[:cutoff]
    words, ngrams = np.sort(best[best < nwords]), best[best >= nwords]
    pairs = np.stack([ngrams - nwords, np.arange(len(ngrams))], axis=1).astype(np.int32)
    made = dictionary.cut_off(words, pairs)
    output = classic.output if classic.args.supervised else classic.dense[1][words]
    return replace(classic, dictionary=made, input=rows[np.concatenate([words, ngrams])], output=output)
