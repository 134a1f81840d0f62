"""Word vectors for gensim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ftcore.ecosystem.models import AnyModel, model_of, need
from ftcore.errors import IncompatibleModel
from ftcore.inference.tables import Tables
from ftcore.inference.vectors import Vectors
from ftcore.model.model import Model

if TYPE_CHECKING:
    from gensim.models import KeyedVectors


def to_keyed_vectors(model: AnyModel, subwords: bool | None = None) -> KeyedVectors:
    r"""A model's word vectors as gensim's `FastTextKeyedVectors` or, without n-grams, `KeyedVectors`.

    The vectors are the same; of words out of the vocabulary too, where there are n-grams. Words that are
    no UTF-8 are named as gensim names them when it loads a `.bin` (``\xff`` for the byte).

    Args:
        model: `ftcore.FastText`, a model of fastText's API, a `Model`, or a path.
        subwords: keep the rows of all buckets (float32[bucket, D]: 800 MB at the defaults; those of an
            opened `.bin` stay on disk) for the vectors of other words; False: vectors of the vocabulary
            alone; None: True where the model has character n-grams, unless it was cut off.

    Raises:
        UserError: without gensim; for subwords of a model that has none, or of a cut-off one, where gensim
            would count the buckets that are gone as zeros.

    Example:
        ``to_keyed_vectors(ftcore.load_model("cc.zh.300.bin")).most_similar("中国")``
    """
    classic = model_of(model)
    dictionary = classic.dictionary
    has = dictionary.options.maxn > 0 and dictionary.bucket > 0
    pruned = dictionary.bucket_rows.leaves_out
    if subwords and (pruned or not has):
        why = "was cut off and lacks buckets" if pruned else "has no character n-grams"
        raise IncompatibleModel(f"subwords=True: the model {why}; leave subwords out")
    whole = has and not pruned if subwords is None else subwords
    words = [word.decode("utf-8", "backslashreplace") for word in dictionary.words]
    keyed = _with_subwords(classic) if whole else _plain(classic)
    keyed.index_to_key = words
    keyed.key_to_index = {word: i for i, word in enumerate(words)}
    keyed.vectors = Vectors(classic).all()
    keyed.expandos["count"] = np.array(dictionary.counts)
    return keyed


def _plain(classic: Model) -> KeyedVectors:
    return need("gensim.models", "gensim").KeyedVectors(classic.args.dim)


def _with_subwords(classic: Model) -> KeyedVectors:
    dictionary, options = classic.dictionary, classic.dictionary.options
    made = need("gensim.models.fasttext", "gensim").FastTextKeyedVectors(
        classic.args.dim, options.minn, options.maxn, dictionary.bucket
    )
    tables, nwords = Tables(classic), dictionary.nwords
    if tables.whole and tables.table is not None:
        made.vectors_vocab, made.vectors_ngrams = tables.table[:nwords], tables.table[nwords:]
    else:
        made.vectors_vocab = tables.gather(np.arange(nwords))
        made.vectors_ngrams = tables.gather(np.arange(nwords, nwords + dictionary.bucket))
    # that every row may be trained, which gensim keeps beside them
    made.vectors_vocab_lockf = made.vectors_ngrams_lockf = np.ones(1, np.float32)
    return made
