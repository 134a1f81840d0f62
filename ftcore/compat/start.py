"""Where the tables of a training start: at random rows, at pretrained vectors, or at another model.

Source of the second: fastText 0.9.3 ``src/fasttext.cc`` ``getInputMatrixFromFile``. Each start first extends
the dictionary of the input, then makes tables for it (`ftcore.training.autotune.Start`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore import native
from ftcore.base.cores import cores
from ftcore.dictionary.bucket_rows import OccurringBuckets
from ftcore.dictionary.dictionary import Dictionary, label_bytes, label_text
from ftcore.dictionary.hashing import ngram_buckets
from ftcore.dictionary.init import initial_rows
from ftcore.errors import UserError
from ftcore.model.matrices import Matrices
from ftcore.model.model import Args, Model

if TYPE_CHECKING:
    from ftcore.compat.arguments import Arguments
    from ftcore.model.module import TwoTables

Start = tuple[
    "TwoTables | Matrices", "np.ndarray | None"
]  # tables, and bool[rows] of those that came from elsewhere


def starting_point(arguments: Arguments) -> Random:
    """What ``init_model`` or ``pretrainedVectors`` ask for.

    Raises:
        UserError: both are given, no such file, vectors of another size.
    """
    source, vectors = arguments.extras.init_model, arguments.pretrained
    if source is not None and vectors:
        raise UserError("init_model and pretrainedVectors are both given; rows can start at one of them only")
    if source is not None:
        return FromModel(arguments.args, classic_of(source))
    if not vectors:
        return Random(arguments.args)
    if isinstance(vectors, str | PathLike) and fspath(vectors).endswith(".vec"):
        return FromVectors(arguments.args, fspath(vectors))
    if isinstance(vectors, str | PathLike) and not _is_binary(vectors):
        return FromVectors(arguments.args, fspath(vectors))
    return FromModel(arguments.args, classic_of(vectors), head=False)


def classic_of(model: Any) -> Model:
    """A model from what `init_model` may be: one of ours, its path, or an `ftcore.FastText`."""
    from ftcore.compat.model import _FastText
    from ftcore.compat.opening import open_model

    if isinstance(model, str | PathLike):
        return open_model(model)
    if isinstance(model, _FastText):
        return model.classic
    if isinstance(model, Model):
        return model
    if hasattr(model, "to_model"):  # ftcore.FastText, whose import is not needed for this
        return model.to_model().with_prefix()
    raise UserError(f"init_model = {model!r}: give a model, or the path of a .bin or of a model's directory")


def _is_binary(path: str | PathLike) -> bool:
    import os

    return fspath(path).endswith((".bin", ".ftz")) or os.path.isdir(path)


class Random:
    """Fresh rows from the seed, output rows zero."""

    def __init__(self, args: Args) -> None:
        self.args = args

    def extend(self, dictionary: Dictionary) -> Dictionary:
        """The model's dictionary, from that of the input."""
        return dictionary

    def tables(self, dictionary: Dictionary, dim: int, seed: int) -> Start:
        """Tables for it: input [rows, dim], output [labels or words, dim]."""
        input_RD = initial_rows(seed, dictionary.numbers(), dim, threads=min(self.args.thread, cores()))
        outputs = dictionary.nlabels if self.args.supervised else dictionary.nwords
        return Matrices(input_RD, np.zeros((outputs, dim), np.float32)), None


class FromVectors(Random):
    """Rows of a `.vec`; all its words enter the vocabulary, n-gram rows start at random."""

    def __init__(self, args: Args, path: str) -> None:
        from ftcore.formats.vec import read_vec

        super().__init__(args)
        self.words, self.vectors = read_vec(path)
        _require_dim(self.vectors.shape[1], args.dim)

    def extend(self, dictionary: Dictionary) -> Dictionary:
        return add_words(dictionary, self.words, label_bytes(self.args.label))

    def tables(self, dictionary: Dictionary, dim: int, seed: int) -> Start:
        made, _ = super().tables(dictionary, dim, seed)
        rows = dictionary.word_ids(self.words)
        known = np.flatnonzero(rows >= 0)
        made.input[rows[known]] = self.vectors[known]  # of a word named twice the last row stays
        pretrained = np.zeros(dictionary.rows, np.bool_)
        pretrained[rows[known]] = True
        return made, pretrained


class FromModel(Random):
    """Rows of another model, by what they mean (`ftcore.training.transfer`).

    Where both hash alike, n-gram rows are taken too, and words and buckets that only the other has stay in
    the model; elsewhere a word starts from its whole vector.

    Args:
        head: take the output rows of labels (or words) that both have.
    """

    def __init__(self, args: Args, source: Model, head: bool = True) -> None:
        super().__init__(args)
        if source.quantized:
            raise UserError("a quantised model cannot be trained further; give the .bin it was made from")
        _require_dim(source.args.dim, args.dim)
        self.source, self.head = source, head

    def extend(self, dictionary: Dictionary) -> Dictionary:
        source = self.source.dictionary
        both = self.head and self.args.supervised and self.source.args.supervised
        merged = in_order(dictionary.merge(source, labels=both))
        if self._alike(dictionary):
            merged.add_buckets(source.buckets)
        return merged

    def tables(self, dictionary: Dictionary, dim: int, seed: int) -> Start:
        import torch

        from ftcore.training.transfer import transfer

        dictionary_, tables = self._slim(dictionary)
        start = transfer(
            dictionary_, tables, dictionary, seed=seed, source_seed=self.source.seed, loss=self.args.loss
        )
        made, pretrained = start.tables, start.pretrained
        if self._alike(dictionary) and dictionary.options.maxn == 0:  # word n-grams alone
            shared, here, there = np.intersect1d(
                dictionary.buckets, dictionary_.buckets, assume_unique=True, return_indices=True
            )
            with torch.no_grad():
                rows = torch.from_numpy(there + dictionary_.nwords)
                made.input[torch.from_numpy(here + dictionary.nwords)] = tables.input[rows]
            pretrained[dictionary.nwords + here] = True
        if not self.args.supervised:
            made.output = torch.nn.Parameter(torch.from_numpy(self._context(dictionary, dim)))
        elif not self.head:
            made.output = torch.nn.Parameter(torch.zeros(dictionary.nlabels, dim))
        return made, pretrained

    def _alike(self, dictionary: Dictionary) -> bool:
        """Whether both number n-grams, of characters and of words, alike."""
        a, b = self.source.dictionary.options, dictionary.options
        grams = a.maxn > 0 or (a.word_ngrams > 1 and b.word_ngrams > 1)
        return grams and a.maxn == b.maxn and a.bucket == b.bucket and (a.minn == b.minn or a.maxn == 0)

    def _slim(self, dictionary: Dictionary) -> tuple[Dictionary, TwoTables]:
        """The source with rows for the buckets that are asked for, which `transfer` reads."""
        import torch

        from ftcore.model.module import TwoTables

        classic, source = self.source, self.source.dictionary
        table = classic.input
        if source.bucket_rows.whole:
            o = source.options
            asked = ngram_buckets(dictionary.words, o.minn, o.maxn, source.bucket)[0] if o.maxn > 0 else []
            asked = np.union1d(asked, dictionary.buckets if self._alike(dictionary) else []).astype(np.int32)
            source = Dictionary(
                source.packed_words, source.packed_labels, source.counts, source.label_counts,
                source.ntokens, o, OccurringBuckets(asked),
            )  # fmt: skip
            table = np.concatenate([table[: source.nwords], table[source.nwords + asked]])
        tables = TwoTables(torch.from_numpy(np.array(table)), torch.from_numpy(np.array(classic.output)))
        return source, tables

    def _context(self, dictionary: Dictionary, dim: int) -> np.ndarray:
        """Output rows of a model of word vectors: those the source has, zero elsewhere."""
        rows = np.zeros((dictionary.nwords, dim), np.float32)
        source = self.source
        if not self.head or source.args.supervised or self.args.loss != source.args.loss:
            return rows
        old = source.dictionary.word_ids(dictionary.words)
        if self.args.loss == "hs" and not (  # a row is a node of the tree, and the tree is made of the counts
            np.array_equal(old, np.arange(len(old)))
            and np.array_equal(source.dictionary.counts, dictionary.counts)
        ):
            return rows
        rows[old >= 0] = source.output[old[old >= 0]]
        return rows


def adopt(arguments: Arguments) -> Arguments:
    """Arguments that were not given become those of ``init_model``: dim and how n-grams are made; and, where
    both are of a kind, word n-grams and the loss."""
    if arguments.extras.init_model is None:
        return arguments
    source = classic_of(arguments.extras.init_model)
    own, other = arguments.args, source.args
    names = {"dim": "dim", "minn": "minn", "maxn": "maxn", "bucket": "bucket"}
    if own.supervised == other.supervised:
        names |= {"word_ngrams": "wordNgrams", "loss": "loss"}
    taken = {ours: getattr(other, ours) for ours, name in names.items() if name not in arguments.manual}
    args = replace(own, **taken)
    if args.bucket == 0 and (args.maxn > 0 or args.word_ngrams > 1):
        args = replace(args, bucket=Args.bucket)
    extras = replace(arguments.extras, init_model=source)
    return replace(arguments, args=args, extras=extras)


def _require_dim(found: int, wanted: int) -> None:
    if found != wanted:
        raise UserError(
            f"Dimension of pretrained vectors ({found}) does not match dimension ({wanted})! Set dim={found}"
        )


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
    made.add_buckets(ngram_buckets(made.words, options.minn, options.maxn, made.bucket)[0])
    return made
