"""Vectors of words and sentences, nearest neighbours and analogies.

Source: fastText 0.9.3 ``src/fasttext.cc``: ``getWordVector``, ``getSentenceVector``,
``precomputeWordVectors``, ``getNN``, ``getAnalogies``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ftcore import native
from ftcore.base.cores import cores
from ftcore.base.threads import ahead
from ftcore.dictionary.dictionary import encode
from ftcore.dictionary.hashing import char_ngrams, ngram_buckets
from ftcore.dictionary.lookup import Words
from ftcore.errors import UserError
from ftcore.inference.tables import Tables
from ftcore.model.model import Model

_WORDS = 4096  # words of a batch


class Vectors:
    """A model's vectors. Words are str or bytes (a `.bin` may hold words that are no UTF-8).

    Args:
        classic: the model. It must not change once `neighbors` or `analogies` were asked for.
        threads: for many words; default as many as there are cores.

    Example:
        >>> Vectors(classic).word("film").shape
        (100,)
    """

    def __init__(self, classic: Model, threads: int | None = None, tables: Tables | None = None) -> None:
        self.classic, self.dictionary = classic, classic.dictionary
        self.tables = tables or Tables(classic)
        self.threads = threads or cores()

    @property
    def names(self) -> list[str]:
        """The vocabulary by id (bytes that are no UTF-8 are shown as �)."""
        return [word.decode("utf-8", "replace") for word in self.dictionary.words]

    # ------------------------------------------------------------------------------------------ words
    def word(self, word: str | bytes) -> np.ndarray:
        """A word's vector, float32[D]: the mean of its row and its n-grams' rows.

        Out of the vocabulary it is the mean of these alone, and zero without any.
        """
        found = None if self._words is None else self._words.word(word)
        return self.words([word])[0] if found is None else found

    @cached_property
    def _words(self) -> native.WordVectors | None:
        """What answers by itself, from bytes to vectors; None where rows have to be searched for or decoded."""
        if self.tables.rows is None or self.tables.table is None:
            return None
        return native.WordVectors(self.dictionary.word_vocabulary, self.tables.rows)

    @cached_property
    def _lines(self) -> native.WordVectors | None:
        """The same for lines in the supervised sense. It costs a pass over the vocabulary, which words do not need."""
        if self._words is None:
            return None
        return native.WordVectors(
            self.dictionary.vocabulary(self.classic.args.label or None), self.tables.rows
        )

    def words(self, words: Sequence[str | bytes]) -> np.ndarray:
        """`word` of each: float32[n, D]."""
        keys = [_bytes(word) for word in words]
        if self._words is not None:
            return self._filled(self._words, Words.of(keys))
        return self._means(keys, self.dictionary.word_ids(keys))

    def _filled(self, core: native.WordVectors, words: Words) -> np.ndarray:
        out = np.empty((len(words), self.tables.dim), np.float32)
        core.words(words.blob, words.offsets, out)
        return out

    def all(self) -> np.ndarray:
        """`word` of the whole vocabulary by id: float32[nwords, D]."""
        out = np.empty((self.dictionary.nwords, self.tables.dim), np.float32)

        def fill(start: int) -> None:
            stop = min(start + _WORDS, len(out))
            if self._words is None:
                out[start:stop] = self._means(self.dictionary.words[start:stop], np.arange(start, stop))
            else:
                packed = self.dictionary.packed_words
                self._words.words(packed.blob, packed.offsets[start : stop + 1], out[start:stop])

        for _ in ahead(fill, ((at,) for at in range(0, len(out), _WORDS)), self.threads):
            pass
        return out

    def _means(self, keys: list[bytes], own: np.ndarray) -> np.ndarray:
        options = self.dictionary.options
        grams, cuts = ngram_buckets(keys, options.minn, options.maxn, self.dictionary.bucket)
        before = np.concatenate([[0], np.cumsum(own >= 0)])  # a word's own row comes first
        offsets = cuts + before
        ids = np.empty(offsets[-1], np.int32)
        heads = offsets[:-1][own >= 0]
        rest = np.ones(len(ids), np.bool_)
        rest[heads] = False
        ids[heads] = own[own >= 0]
        ids[rest] = grams + self.dictionary.nwords
        return self.tables.mean(*self.tables.known(ids, offsets))

    def subwords(self, word: str | bytes) -> tuple[list[bytes], np.ndarray]:
        """The word, if it is in the vocabulary, and its n-grams; and their numbers int64 (-1: no row)."""
        key, options = _bytes(word), self.dictionary.options
        ids = self.dictionary.subwords(key)
        names = char_ngrams(key, options.minn, options.maxn) if self.dictionary.bucket else []
        if len(ids) > len(names):
            names.insert(0, key)
        return names, self.dictionary.to_rows(ids) if self.tables.pruned else ids

    def input(self, number: int) -> np.ndarray:
        """Row of a feature by number (in a cut-off model: row of the matrix): float32[D].

        Raises:
            UserError: a number out of range.
        """
        rows = max(self.tables.places, len(self.classic.input))
        if not 0 <= number < rows:
            raise UserError(f"row {number} is out of range: the input matrix has rows 0 to {rows - 1}")
        return self.tables.gather(np.array([number]))[0]

    # -------------------------------------------------------------------------------------- sentences
    def sentence(self, line: str | bytes) -> np.ndarray:
        """A line's vector, float32[D].

        Supervised: the mean of the line's features, end of line included. Otherwise: the mean of its words'
        vectors, each divided by its length, zero ones left out.
        """
        supervised = self.classic.args.supervised
        made = self._lines if supervised else self._words
        found = None if made is None else made.line(line) if supervised else made.sentence(line)
        return self._sentence_from_batches(line) if found is None else found

    def sentences(self, lines: Sequence[str | bytes]) -> np.ndarray:
        """`sentence` of each: float32[n, D]."""
        out = np.empty((len(lines), self.tables.dim), np.float32)
        for i, line in enumerate(lines):
            out[i] = self.sentence(line)
        return out

    def _sentence_from_batches(self, line: str | bytes) -> np.ndarray:
        """`sentence` where some row is in no table."""
        if self.classic.args.supervised:
            features = self.dictionary.features_of([line], label=self.classic.args.label or None)
            return self.tables.mean(*self.tables.known(*features))[0]
        vectors = self.words(_bytes(line).split())
        length = np.sqrt((vectors * vectors).sum(axis=1))
        units = vectors[length > 0] / length[length > 0, None]
        return units.mean(axis=0) if len(units) else np.zeros(self.tables.dim, np.float32)

    # ------------------------------------------------------------------------------------- neighbours
    @cached_property
    def _units(self) -> np.ndarray:
        """Word vectors divided by their length."""
        vectors = self.all()
        length = np.sqrt((vectors * vectors).sum(axis=1))
        vectors /= np.where(length > 0, length, 1)[:, None]
        return vectors

    def neighbors(self, word: str | bytes, k: int = 10) -> list[tuple[float, bytes]]:
        """The k words (-1: all) with the greatest cosine to a word, itself left out: (cosine, word)."""
        return self.nearest(self.word(word), k, [word])

    def analogies(
        self, a: str | bytes, b: str | bytes, c: str | bytes, k: int = 10
    ) -> list[tuple[float, bytes]]:
        """The k words nearest to a - b + c, of unit vectors; the three left out."""
        vectors = self.words([a, b, c])
        scale = 1.0 / (np.sqrt((vectors * vectors).sum(axis=1)).astype(np.float64) + 1e-8)
        units = vectors * scale.astype(np.float32)[:, None]
        return self.nearest(units[0] - units[1] + units[2], k, [a, b, c])

    def nearest(
        self, vector: np.ndarray, k: int = 10, banned: Sequence[str | bytes] = ()
    ) -> list[tuple[float, bytes]]:
        """The k words (-1: all) with the greatest cosine to a vector float32[D], but for the banned ones.

        Raises:
            UserError: a k that is neither -1 nor at least 1.
        """
        if k != -1 and k < 1:
            raise UserError(f"k = {k}: give a number of neighbours from 1 up, or -1 for all")
        words = self.dictionary.words
        length = np.float32(np.sqrt(vector @ vector))
        cosines = np.empty((1, len(words)), np.float32)
        native.products(np.ascontiguousarray(vector, np.float32)[None], self._units, cosines)
        cosines /= length if length >= 1e-8 else np.float32(1)
        ids = self.dictionary.word_ids([_bytes(word) for word in banned])
        scores, places = native.best_of(cosines[0], ids, len(words) if k == -1 else min(k, len(words)))
        return [(score, words[i]) for score, i in zip(scores.tolist(), places.tolist(), strict=True)]


def _bytes(word: str | bytes) -> bytes:
    return word if isinstance(word, bytes) else encode(word)
