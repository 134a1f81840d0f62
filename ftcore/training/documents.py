"""What a training reads, as often as it needs to: words and labels to count, features and lines of words as ids.

A source of another kind is one more class of these methods (``docs/extending.md``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.dictionary import encode
from ftcore.dictionary.dictionary import Dictionary

if TYPE_CHECKING:
    import pyarrow as pa

    from ftcore import config
    from ftcore.base.pools import AnyPool
    from ftcore.dictionary.lines import Lines
    from ftcore.dictionary.numbering import Numbering
    from ftcore.dictionary.pieces import PieceCounts
    from ftcore.shards.shards import ShardSet


class Documents(ABC):
    """Text that can be read again and again. The documents of a classifier have labels."""

    @abstractmethod
    def count(self, options: config.DictionaryOptions | Numbering) -> Dictionary:
        """Its words and labels.

        Raises:
            UserError: no word occurs often enough.
        """

    @abstractmethod
    def bags(self, dictionary: Dictionary, grow: bool) -> encode.BagCorpus:
        """Features and labels of every document, for a classifier.

        Args:
            grow: give every bucket that occurs a row in the dictionary (training), which is changed.
        """

    @abstractmethod
    def tokens(self, dictionary: Dictionary) -> encode.TokenCorpus:
        """Lines of word ids, for word vectors."""

    def weights(self, documents: int) -> np.ndarray | None:
        """float[documents], what the loss of each counts; None: all the same.

        Raises:
            UserError: there is not one for each.
        """
        return None

    def judging(self, documents: int) -> np.ndarray | None:
        """bool[documents], which may judge what the others teach; None: all."""
        return None

    def origins(self, documents: int) -> np.ndarray | None:
        """int64[documents], the document that each is a copy of, its own number where it is none; None: no copies."""
        return None


class Tokenized(Documents):
    """Documents as Arrow batches with ``tokens`` (space-joined) and, for a classifier, ``labels``.

    Args:
        batches: makes them anew each time they are read.
        out: directory for the memory-mapped ids; None keeps them in memory.
        weights: [documents], or None.
        counted: their words and labels, where they have been counted before.

    Example:
        >>> from ftcore import config
        >>> Tokenized.of(["a b a", "b"], [["x"], ["y"]]).count(config.DictionaryOptions()).words
        [b'a', b'b', b'</s>']
    """

    def __init__(
        self,
        batches: Callable[[], Iterable[pa.RecordBatch]],
        out: Path | None = None,
        weights: np.ndarray | None = None,
        counted: Dictionary | None = None,
    ) -> None:
        self.batches, self.out, self._weights, self._counted = batches, out, weights, counted
        self.tokenizer: Any = None  # what cut them, for who changes the text
        self._pieces: Callable[..., PieceCounts | None] | None = None

    @classmethod
    def of(
        cls,
        lines: Sequence[str],
        labels: Sequence[Sequence[str]] | None = None,
        weights: np.ndarray | None = None,
    ) -> Tokenized:
        """Documents in memory: space-joined tokens, the labels and the weight of each."""
        batch = encode.as_batch(lines, labels)
        return cls(lambda: [batch], weights=weights)

    @classmethod
    def shards(
        cls,
        shards: ShardSet | str | Path,
        splits: Sequence[str],
        languages: Sequence[str] | None = None,
        labels: bool = True,
        out: Path | None = None,
        counted: Dictionary | None = None,
    ) -> Tokenized:
        """Some splits of prepared documents, in some languages.

        Args:
            labels: False for word vectors, which count none.
            out: see the class.
            counted: see the class.
        """
        from ftcore.shards.shards import iter_batches
        from ftcore.training.vocabulary import count_shards

        columns = ["tokens", "labels"] if labels else ["tokens"]
        made = cls(partial(iter_batches, shards, splits, languages, columns), out, counted=counted)
        made._pieces = partial(count_shards, shards, splits, languages, labels)
        return made

    def count(self, options: config.DictionaryOptions | Numbering) -> Dictionary:
        return self.count_on(None, None, options)

    def count_on(
        self, pool: AnyPool | None, scratch: Path | None, options: config.DictionaryOptions | Numbering
    ) -> Dictionary:
        """`count`; of shards, each alone on threads or, if there is one, on a pool whose workers see `scratch`."""
        if self._counted is not None:
            return self._counted
        piece = self._pieces and self._pieces(pool=pool, scratch=scratch)
        if piece:
            return Dictionary.of_counts(piece.found, piece.labels, options)
        return Dictionary.build(encode.documents(self.batches()), options)

    def bags(self, dictionary: Dictionary, grow: bool) -> encode.BagCorpus:
        return encode.encode_bags(self.batches(), dictionary, self.out, grow)

    def tokens(self, dictionary: Dictionary) -> encode.TokenCorpus:
        return encode.encode_tokens(self.batches(), dictionary, self.out)

    def weights(self, documents: int) -> np.ndarray | None:
        return self._weights


class LabelledLines(Documents):
    """Lines in fastText's format: files (also compressed), Parquet or lists, see `ftcore.dictionary.lines.Lines`.

    Args:
        label: prefix of the words that are labels; empty: there are none.
        threads: default: the cores this process may use. Nothing depends on it.
    """

    def __init__(self, lines: Lines, label: str = "__label__", threads: int | None = None) -> None:
        self.lines, self.label, self.threads = lines, label, threads

    def count(self, options: config.DictionaryOptions | Numbering) -> Dictionary:
        return Dictionary.read(self.lines, options, label=self.label, threads=self.threads)

    def bags(self, dictionary: Dictionary, grow: bool) -> encode.BagCorpus:
        return encode.read_bags(self.lines, dictionary, label=self.label, grow=grow, threads=self.threads)

    def tokens(self, dictionary: Dictionary) -> encode.TokenCorpus:
        return encode.read_tokens(self.lines, dictionary, label=self.label, threads=self.threads)
