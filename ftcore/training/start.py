"""Where the tables of a training start: at fresh rows, at the vectors of a file, at another model.

A start first extends the dictionary of the text (by words that only it has), then makes tables for it. One of
another kind is one more class of these methods (``docs/extending.md``).
Source of `FromVectors`: fastText 0.9.3 ``src/fasttext.cc`` ``getInputMatrixFromFile``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike, fspath
from os.path import isdir
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ftcore.dictionary.additions import add_words, in_order
from ftcore.dictionary.bucket_rows import OccurringBuckets
from ftcore.dictionary.dictionary import Dictionary, label_bytes
from ftcore.dictionary.hashing import ngram_buckets
from ftcore.dictionary.init import initial_rows
from ftcore.errors import IncompatibleModel, MissingLabels
from ftcore.model.adapted import SMOOTH
from ftcore.model.matrices import Matrices, as_array
from ftcore.model.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from ftcore.formats.static import StaticEmbeddings
    from ftcore.model.module import TwoTables
    from ftcore.training.documents import Documents

log = logging.getLogger(__name__)
Started = tuple[
    "TwoTables | Matrices", "np.ndarray | None"
]  # tables, and bool[rows] of those that came from elsewhere: what ``freeze=words`` keeps


class Start(ABC):
    """Where tables start.

    ``options`` below: `ftcore.config.Finetune` or `Pretrain`, or what has their attributes.
    """

    dim: int | None = None  # of its rows; None: any
    grows = True  # whether n-grams that occur in the text get a row
    # weights of `pretrained_rows` in a linear head that are tried, (): the usual ones; and the one where nothing can judge
    shares: tuple[float, ...] = ()
    share: float | None = None

    def dictionary(self, documents: Documents, options: Any) -> Dictionary:
        """The model's dictionary for a text. Errors: `UserError` for one without words."""
        return self.extend(documents.count(options), options)

    @abstractmethod
    def extend(self, dictionary: Dictionary, options: Any) -> Dictionary:
        """The model's dictionary, from the text's."""

    @abstractmethod
    def tables(self, dictionary: Dictionary, options: Any, seed: int, threads: int | None = 1) -> Started:
        """Tables for it: input [rows, dim], output [labels or words, dim].

        Args:
            options: with a number for ``dim``.
            threads: that fill large ones; nothing depends on it.
        """

    def pretrained_rows(self, dictionary: Dictionary, options: Any, seed: int) -> np.ndarray | None:
        """What a linear head takes from elsewhere: float32[rows, dim], each row the more the rarer its feature is.

        A row that is not known there is zero. None where nothing is.
        """
        return None


def weighed(rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Rows [R, D] by their smooth inverse frequency.

    Args:
        shares: float[R], how many of all features each is.
    """
    return rows * (SMOOTH / (SMOOTH + shares)).astype(np.float32)[:, None]


def kind_of(options: Any) -> str:
    """What the options train: supervised, skipgram or cbow."""
    return getattr(options, "model", "supervised")


def fresh_tables(dictionary: Dictionary, dim: int, kind: str, seed: int, threads: int | None = 1) -> Matrices:
    """Input rows U(-1/dim, 1/dim) from the seed, output rows zero."""
    input_RD = initial_rows(seed, dictionary.numbers(), dim, threads=threads)
    outputs = dictionary.nlabels if kind == "supervised" else dictionary.nwords
    return Matrices(input_RD, np.zeros((outputs, dim), np.float32))


class Fresh(Start):
    """Random rows, a head of zeros."""

    def extend(self, dictionary: Dictionary, options: Any) -> Dictionary:
        return dictionary

    def tables(self, dictionary: Dictionary, options: Any, seed: int, threads: int | None = 1) -> Started:
        return fresh_tables(dictionary, options.dim, kind_of(options), seed, threads), None


class FromVectors(Fresh):
    """Rows of vectors by word; all these words enter the vocabulary. Rows of n-grams start at random.

    Args:
        words: n of them, as bytes.
        vectors: float32[n, D].
        label: prefix of words that are labels; empty: none is.
    """

    def __init__(self, words: Sequence[bytes], vectors: np.ndarray, label: str = "") -> None:
        self.words, self.vectors, self.label = words, vectors, label
        self.dim = vectors.shape[1]

    @classmethod
    def read(cls, path: str | PathLike, label: str = "") -> FromVectors:
        """Those of a `.vec`.

        Raises:
            UserError: it names the line that is wrong.
        """
        from ftcore.formats.vec import read_vec

        return cls(*read_vec(path), label)

    def extend(self, dictionary: Dictionary, options: Any) -> Dictionary:
        return add_words(dictionary, self.words, label_bytes(self.label))

    def tables(self, dictionary: Dictionary, options: Any, seed: int, threads: int | None = 1) -> Started:
        made = fresh_tables(dictionary, options.dim, kind_of(options), seed, threads)
        rows = dictionary.word_ids(self.words)
        known = np.flatnonzero(rows >= 0)
        made.input[rows[known]] = self.vectors[known]  # of a word named twice the last row stays
        pretrained = np.zeros(dictionary.rows, np.bool_)
        pretrained[rows[known]] = True
        return made, pretrained

    def pretrained_rows(self, dictionary: Dictionary, options: Any, seed: int) -> np.ndarray | None:
        """A file's words are in the order of their counts, which go as one over the place (Zipf's law)."""
        rows = dictionary.word_ids(self.words)
        known = np.flatnonzero(rows >= 0)
        made, shares = (
            np.zeros((dictionary.rows, self.vectors.shape[1]), np.float32),
            np.zeros(dictionary.rows),
        )
        made[rows[known]] = self.vectors[known]
        shares[rows[known]] = 1 / ((known + 1) * (np.log(len(self.words)) + 1))
        return weighed(made, shares)


class FromPieces(Fresh):
    """Rows of static embeddings: of every word that the text has, by its pieces, and of those that are a piece.

    Args:
        static: from `ftcore.formats.static.read_static`.
    """

    def __init__(self, static: StaticEmbeddings) -> None:
        self.static = static
        self.dim = static.dim

    def extend(self, dictionary: Dictionary, options: Any) -> Dictionary:
        return add_words(dictionary, self.static.words()[0], b"")

    def tables(self, dictionary: Dictionary, options: Any, seed: int, threads: int | None = 1) -> Started:
        made = fresh_tables(dictionary, options.dim, kind_of(options), seed, threads)
        rows, places = self.static.vectors(dictionary.words)
        pretrained = np.zeros(dictionary.rows, np.bool_)
        pretrained[: dictionary.nwords] = places < self.static.size
        made.input[pretrained] = rows[pretrained[: dictionary.nwords]]
        return made, pretrained

    def pretrained_rows(self, dictionary: Dictionary, options: Any, seed: int) -> np.ndarray | None:
        """A tokenizer's pieces are in the order of their counts, which go as one over the place (Zipf's law)."""
        rows, places = self.static.vectors(dictionary.words, root=True)
        made = np.zeros((dictionary.rows, self.static.dim), np.float32)
        made[: dictionary.nwords] = rows
        if self.static.weighed:
            return made
        shares = np.zeros(dictionary.rows)
        shares[: dictionary.nwords] = 1 / ((places + 1) * (np.log(self.static.size) + 1))
        return weighed(made, shares)


class FromModel(Start):
    """Rows of another model, by what they mean: a word's by the word, an n-gram's by its bucket (`transfer`).

    Args:
        source: stays as it is.
        words: where the text's words and the source's stand:
            behind: those that only the source has follow the text's; no label comes from it.
            ahead: the source goes on learning: its words and labels keep their ids, new ones follow.
            counted: all in fastText's order, labels too where both classify.
        head: take the output rows of labels (or words) that both have.
        own: the tables that `source` is of. They are themselves the start where nothing has to be added.

    Raises:
        UserError: a quantised source.
    """

    def __init__(
        self,
        source: Model,
        words: Literal["behind", "ahead", "counted"] = "behind",
        *,
        head: bool = True,
        own: TwoTables | Matrices | None = None,
    ) -> None:
        if source.quantized:
            raise IncompatibleModel(
                "a quantised model cannot be trained further; give the .bin it was made from"
            )
        self.source, self.words, self.head, self.own = source, words, head, own
        self.dim = source.args.dim

    def extend(self, dictionary: Dictionary, options: Any) -> Dictionary:
        source = self.source.dictionary
        if self.words == "ahead":
            return source.merge(dictionary, labels=True)
        if self.words == "behind":
            return dictionary.merge(source)
        both = self.head and self.source.args.supervised and kind_of(options) == "supervised"
        merged = in_order(dictionary.merge(source, labels=both))
        if self._alike(dictionary):
            merged.add_buckets(source.buckets)
        return merged

    def tables(self, dictionary: Dictionary, options: Any, seed: int, threads: int | None = 1) -> Started:
        import torch

        from ftcore.training.transfer import transfer

        supervised = kind_of(options) == "supervised"
        if self.own is not None and supervised and self._is_whole(dictionary):
            return self.own, np.ones(dictionary.rows, np.bool_)
        before, tables = self._slim(dictionary)
        moved = transfer(
            before, tables, dictionary, seed=seed, source_seed=self.source.seed, loss=options.loss
        )
        log.info("%d words carried over, %d composed, %d n-grams", moved.words, moved.composed, moved.buckets)
        made, pretrained = moved.tables, moved.pretrained
        if self._alike(dictionary) and dictionary.options.maxn == 0:
            shared, here, there = np.intersect1d(  # rows of word n-grams
                dictionary.buckets, before.buckets, assume_unique=True, return_indices=True
            )
            with torch.no_grad():
                rows = torch.from_numpy(there + before.nwords)
                made.input[torch.from_numpy(here + dictionary.nwords)] = tables.input[rows]
            pretrained[dictionary.nwords + here] = True
        if not supervised:
            made.output = torch.nn.Parameter(torch.from_numpy(self._context(dictionary, options)))
        elif not self.head:
            made.output = torch.nn.Parameter(torch.zeros(dictionary.nlabels, options.dim))
        return made, pretrained

    def pretrained_rows(self, dictionary: Dictionary, options: Any, seed: int) -> np.ndarray | None:
        """The source's rows as `tables` moves them; n-grams, whose counts no model keeps, weigh half."""
        made, pretrained = self.tables(dictionary, options, seed)
        rows = np.where(np.asarray(pretrained)[:, None], as_array(made.input), np.float32(0))
        source = self.source.dictionary
        shares = np.full(dictionary.rows, SMOOTH)
        ids = dictionary.word_ids(source.words)
        shares[ids[ids >= 0]] = (source.counts / max(source.counts.sum(), 1))[ids >= 0]
        return weighed(rows, shares)

    def _is_whole(self, dictionary: Dictionary) -> bool:
        """Whether the source's own tables fit: it classifies, and no label and no row is new."""
        own = self.source.dictionary
        same = dictionary.nlabels == own.nlabels and dictionary.rows == own.rows
        return same and self.source.args.supervised

    def _alike(self, dictionary: Dictionary) -> bool:
        """Whether both number n-grams, of characters and of words, alike."""
        a, b = self.source.dictionary.options, dictionary.options
        grams = a.maxn > 0 or (a.word_ngrams > 1 and b.word_ngrams > 1)
        return grams and a.maxn == b.maxn and a.bucket == b.bucket and (a.minn == b.minn or a.maxn == 0)

    def _slim(self, dictionary: Dictionary) -> tuple[Dictionary, TwoTables]:
        """The source with rows for the buckets that are asked for, which `transfer` reads."""
        from ftcore.model.module import TwoTables

        model, source = self.source, self.source.dictionary
        own_input, own_output = model.dense
        if not source.bucket_rows.whole:
            return source, TwoTables(_tensor(own_input), _tensor(own_output), model.sparse)
        o = source.options
        none = np.zeros(0, np.int32)
        own = ngram_buckets(dictionary.packed_words, o.minn, o.maxn, source.bucket)[0]
        asked = np.union1d(own, dictionary.buckets if self._alike(dictionary) else none).astype(np.int32)
        slim = source.changed(bucket_rows=OccurringBuckets(asked))
        input = np.concatenate([own_input[: source.nwords], own_input[source.nwords + asked]])
        return slim, TwoTables(_tensor(input), _tensor(own_output))

    def _context(self, dictionary: Dictionary, options: Any) -> np.ndarray:
        """Output rows of a model of word vectors: those the source has, zero elsewhere."""
        rows = np.zeros((dictionary.nwords, options.dim), np.float32)
        source = self.source
        if not self.head or source.args.supervised or options.loss != source.args.loss:
            return rows
        old = source.dictionary.word_ids(dictionary.words)
        if options.loss == "hs" and not (  # a row is a node of the tree, and the tree is made of the counts
            np.array_equal(old, np.arange(len(old)))
            and np.array_equal(source.dictionary.counts, dictionary.counts)
        ):
            return rows
        rows[old >= 0] = source.dense[1][old[old >= 0]]
        return rows


class FromScores(FromModel):
    """A linear head goes on: what an earlier classifier says of a document stands beside the counts.

    The machines learn anew, from new documents and kept ones; that the earlier classifier had seen more of its labels than
    were kept is in its scores, one number a label, which are sums over features and fold into rows as vectors do.

    Args:
        source: a classifier with either head; it stays as it is.

    Raises:
        UserError: a quantised source, one whose scores are no sums (loss hs).
    """

    # where all documents were kept perhaps none, of many little, of few much; parts of the training set, which it has learnt
    # from, would trust it too much
    shares, share = (0.0, 0.25, 0.5, 1.0), 0.5

    def __init__(self, source: Model) -> None:
        super().__init__(source, "ahead")
        if source.args.loss == "hs":
            raise IncompatibleModel(
                "an earlier model of loss hs has a path of scores for each label, which no linear head can take over; train "
                "it with loss softmax"
            )

    def pretrained_rows(self, dictionary: Dictionary, options: Any, seed: int) -> np.ndarray | None:
        """float32[rows, labels of the source], what each feature adds to its scores."""
        made, pretrained = self.tables(dictionary, options, seed)
        rows = np.where(np.asarray(pretrained)[:, None], as_array(made.input), np.float32(0))
        return rows @ self.source.dense[1].T

    def check(self, dictionary: Dictionary, targets: np.ndarray) -> None:
        """Every label of the source is to be learnt again.

        Args:
            targets: label numbers of the documents to learn from.

        Raises:
            UserError: one that no document has.
        """
        found = np.bincount(targets, minlength=dictionary.nlabels)
        names = zip(self.source.dictionary.labels, self.source.labels, strict=True)
        lost = [shown for name, shown in names if not found[dictionary.label_index[name]]]
        if lost:
            raise MissingLabels(
                f"no document has the earlier model's label {lost[0]!r}, which a linear head would forget; give texts of every "
                "label (the pipeline's finetune.replay keeps some), or set head sgd, here and for the earlier model"
            )


def going_on(
    source: Model,
    words: Literal["behind", "ahead", "counted"],
    options: Any,
    *,
    own: TwoTables | Matrices | None = None,
) -> Start:
    """How a model goes on learning with a head: of a classifier a linear one takes what it says, another its rows.

    Args:
        words: of `FromModel`.
        options: of the training.
        own: of `FromModel`.
    """
    linear = getattr(options, "head", "sgd") == "linear"
    if linear and source.labels and not source.quantized and source.dense[1].any():
        return FromScores(source)
    return FromModel(source, words, own=own)


def kept_ngrams(model: Model, asked: Any) -> tuple[dict[str, int], list[str]]:
    """The n-grams that a model goes on with, whatever is asked for: its rows and its words' have been numbered by them.

    Args:
        asked: attributes of their names.

    Returns:
        the options by name, and the names of those that are not as asked for. The number of buckets is never among them:
        a linear head takes as many as it needs.
    """
    own = model.dictionary.options
    kept = {name: getattr(own, name) for name in ("word_ngrams", "minn", "maxn")}
    others = [name for name, value in kept.items() if getattr(asked, name) != value]
    return kept | ({"bucket": own.bucket} if own.buckets else {}), others


def has_linear_head(model: Model) -> bool:
    """Whether a model's rows are what each feature adds to the scores of its labels: its head is no more than a factor."""
    if not model.labels or model.quantized:
        return False
    output = model.dense[1]
    square = output.shape[0] == output.shape[1] > 1
    return square and bool(output.any()) and np.count_nonzero(output - np.diag(np.diag(output))) == 0


def check_steps(start: Start) -> None:
    """Refuse a start whose rows no training by steps can take.

    Raises:
        UserError: a model with a linear head.
    """
    source = (
        start.source if isinstance(start, FromModel) else start.model if isinstance(start, AsItIs) else None
    )
    if source is not None and has_linear_head(source):
        raise IncompatibleModel(
            "the model to start from has a linear head: its rows are scores of its labels, which a training by steps would "
            "spoil; set head linear, or start from other vectors"
        )


def _tensor(table: np.ndarray) -> Tensor:
    """Over the same memory; a copy where it is mapped, and then seldom aligned."""
    import torch

    return torch.from_numpy(np.require(np.asarray(table), requirements=["C", "A", "W"]))


def start_at(path: str | PathLike, label: str = "") -> Start:
    """The start that a path names: a `.vec`, a model (`.bin`, a directory) or static embeddings.

    Args:
        label: prefix of words of a `.vec` that are labels; empty: none is.

    Raises:
        UserError: no such file, one that cannot be read, a quantised model.
    """
    from ftcore.formats.opening import read_model
    from ftcore.formats.static import is_static, read_static

    if is_static(path):
        return FromPieces(read_static(path))
    if fspath(path).endswith((".bin", ".ftz")) or isdir(path):
        return FromModel(read_model(path).of_tokens(told=False), "counted", head=False)
    return FromVectors.read(path, label)


class AsItIs(Start):
    """A model's own tables and dictionary: what has no row is left out of the text, no label is new.

    Args:
        model: dense; its tables stay as they are, copies are trained.
    """

    grows = False

    def __init__(self, model: Model) -> None:
        self.model = model
        self.dim = model.args.dim

    def dictionary(self, documents: Documents, options: Any) -> Dictionary:
        return self.model.dictionary

    def extend(self, dictionary: Dictionary, options: Any) -> Dictionary:
        return self.model.dictionary

    def tables(self, dictionary: Dictionary, options: Any, seed: int, threads: int | None = 1) -> Started:
        return Matrices(np.array(self.model.input, np.float32), np.array(self.model.output, np.float32)), None
