"""A dictionary with more words, in fastText's order: how rows of a file or of another model find their place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ftcore import native
from ftcore.dictionary.dictionary import Dictionary, label_bytes, label_text
from ftcore.dictionary.hashing import ngram_buckets


def add_words(dictionary: Dictionary, words: Sequence[bytes], prefix: bytes) -> Dictionary:
    """The dictionary with all these words in it, in fastText's new order.

    Each is added as if it were read once more (``Dictionary::add``: count + 1, or a new entry; ntokens + 1),
    then all are sorted and none is dropped (``threshold(1, 0)``). A word with the label prefix is a label.
    """
    known = [*dictionary.words, *map(label_bytes, dictionary.labels)]
    counts = [*dictionary.counts.tolist(), *dictionary.label_counts.tolist()]
    kinds = [False] * dictionary.nwords + [True] * dictionary.nlabels
    place = {name: i for i, name in enumerate(known)}
    for word in words:
        at = place.setdefault(word, len(known))
        if at == len(known):
            known.append(word)
            kinds.append(word.startswith(prefix) and bool(prefix))
            counts.append(0)
        counts[at] += 1
    return _ordered(
        dictionary, known, np.array(counts, np.int64), np.array(kinds), dictionary.ntokens + len(words)
    )


def in_order(dictionary: Dictionary) -> Dictionary:
    """A merged dictionary in fastText's order, counts descending."""
    names = [*dictionary.words, *map(label_bytes, dictionary.labels)]
    counts = np.concatenate([dictionary.counts, dictionary.label_counts])
    made = _ordered(dictionary, names, counts, np.arange(len(names)) >= dictionary.nwords, dictionary.ntokens)
    made.add_buckets(dictionary.buckets)
    return made


def _ordered(
    dictionary: Dictionary, names: list[bytes], counts: np.ndarray, label: np.ndarray, ntokens: int
) -> Dictionary:
    order = native.sort_permutation(np.where(label, np.int64(1) << 62, 0) - counts)
    names, counts = [names[i] for i in order.tolist()], counts[order]
    cut = len(names) - int(label.sum())
    made = Dictionary(
        names[:cut], [label_text(name) for name in names[cut:]], counts[:cut], counts[cut:], ntokens,
        dictionary.options,
    )  # fmt: skip
    options = dictionary.options
    made.add_buckets(ngram_buckets(made.packed_words, options.minn, options.maxn, made.bucket)[0])
    return made
