"""Where the tables of a training start: at random rows, at pretrained vectors, or at another model.

Source of the second: fastText 0.9.3 ``src/fasttext.cc`` ``getInputMatrixFromFile``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ftcore.compat.arguments import Arguments
from ftcore.corpus.dictionary import Dictionary
from ftcore.corpus.introsort import sort_permutation
from ftcore.formats.classic import Args
from ftcore.model.hashing import ngram_buckets
from ftcore.model.init import initial_rows

if TYPE_CHECKING:
    from ftcore.model.module import TwoTables


class Random:
    """Fresh rows from the seed, output rows zero."""

    def __init__(self, args: Args) -> None:
        self.args = args

    def extend(self, dictionary: Dictionary) -> Dictionary:
        """The model's dictionary, from that of the input."""
        return dictionary

    def tables(self, dictionary: Dictionary, dim: int, seed: int) -> tuple[TwoTables, np.ndarray | None]:
        """Tables for it, and bool[rows] of those that came from elsewhere (None: none)."""
        import torch

        from ftcore.model.module import TwoTables

        input_RD = torch.from_numpy(initial_rows(seed, dictionary.numbers(), dim))
        outputs = dictionary.nlabels if self.args.supervised else dictionary.nwords
        return TwoTables(input_RD, torch.zeros(outputs, dim)), None


def starting_point(arguments: Arguments) -> Random:
    """What the arguments ask for."""
    return Random(arguments.args)


def add_words(dictionary: Dictionary, words: list[bytes], prefix: bytes) -> Dictionary:
    """The dictionary with all these words in it, in fastText's new order.

    Each is added as if it were read once more (``Dictionary::add``: count + 1, or a new entry; ntokens + 1),
    then all are sorted and none is dropped (``threshold(1, 0)``). A word with the label prefix is a label.
    """
    names: list[bytes | str] = [*dictionary.words, *dictionary.labels]
    counts = [*dictionary.counts.tolist(), *dictionary.label_counts.tolist()]
    place: dict[bytes | str, int] = {name: i for i, name in enumerate(names)}
    for word in words:
        key = word.decode("utf-8", "surrogateescape") if word.startswith(prefix) else word
        at = place.setdefault(key, len(names))
        if at == len(names):
            names.append(key)
            counts.append(0)
        counts[at] += 1
    values = np.array(counts, np.int64)
    label = np.array([isinstance(name, str) for name in names], np.bool_)
    order = sort_permutation(np.where(label, np.int64(1) << 62, 0) - values)
    names, values = [names[i] for i in order.tolist()], values[order]
    cut = int((~label).sum())
    made = Dictionary(
        names[:cut], names[cut:], values[:cut], values[cut:], dictionary.ntokens + len(words), dictionary.options
    )  # fmt: skip
    options = dictionary.options
    made.add_buckets(ngram_buckets(made.words, options.minn, options.maxn, made.bucket)[0])
    return made
