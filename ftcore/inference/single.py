"""One line or word at a time, for loops over ``predict`` and ``get_word_vector``.

The arithmetic is that of the kernels that batches use, so that the bits are the same. Where a feature's row
is not at hand (a row that is not folded yet, one that is made from the seed) the answer is None, and the
caller goes the long way.
"""

from __future__ import annotations

import numpy as np

from ftcore import native
from ftcore.corpus.lines import padded
from ftcore.corpus.scan import word_features
from ftcore.inference.tables import Tables

Line = tuple[np.ndarray, np.ndarray]  # float32[1, C or D]; int64[2], offsets of the features that counted


class LineScores:
    """Scores of a line from a folded table.

    >>> LineScores(Tables(classic), "__label__", folded).line(text_of_line("good film"))  # doctest: +SKIP
    (array([[0.31, -0.31]], dtype=float32), array([0, 3]))
    """

    def __init__(self, tables: Tables, label: str, folded: np.ndarray) -> None:
        """folded: float32[P, C], see `native.folded_means`; it may be filled meanwhile."""
        self._tables, self._label, self._folded = tables, label or None, folded
        self.ready = tables.whole or tables.mapped or not tables.pruned

    def line(self, text: np.ndarray) -> Line | None:
        """Of one line: text, uint8[bytes + PAD]."""
        ids, offsets, *_ = self._tables.dictionary.line_features(text, label=self._label)
        if not self.ready or len(offsets) != 2:
            return None
        ids, offsets = self._tables.known(ids, offsets)
        out, missing = np.empty((1, self._folded.shape[1]), np.float32), np.empty(len(ids), np.int32)
        return None if native.folded_means(self._folded, ids, offsets, out, missing) else (out, offsets)


class Means:
    """Means of rows: hidden of a line, the vector of a word or a sentence.

    >>> Means(Tables(classic), "__label__").word(b"film").shape  # doctest: +SKIP
    (100,)
    """

    def __init__(self, tables: Tables, label: str) -> None:
        self._tables, self._label, self._dim = tables, label or None, tables.dim
        self.ready = tables.table is not None and (tables.whole or tables.mapped)
        if self.ready:
            self._words = tables.dictionary.word_arguments()

    def line(self, text: np.ndarray) -> Line | None:
        """Mean of a line's features, in the supervised sense: text, uint8[bytes + PAD]."""
        ids, offsets, *_ = self._tables.dictionary.line_features(text, label=self._label)
        return self._mean(ids, offsets) if self.ready and len(offsets) == 2 else None

    def word(self, word: bytes) -> np.ndarray | None:
        """Mean of a word's row and its n-grams': float32[D]."""
        if not self.ready:
            return None
        ids = word_features(padded(word), len(word), *self._words)
        ids = ids[1:] if ids[0] < 0 else ids
        found = self._mean(ids, np.array([0, len(ids)]))
        return None if found is None else found[0][0]

    def sentence(self, line: bytes) -> np.ndarray | None:
        """Mean of the words' vectors, each divided by its length, zero ones left out: float32[D]."""
        out, count = np.zeros(self._dim, np.float32), 0
        for word in line.split():
            vector = self.word(word)
            if vector is None:
                return None
            count += native.add_unit(vector, out)
        return out * (np.float32(1) / np.float32(count)) if count else out

    def _mean(self, ids: np.ndarray, lines: np.ndarray) -> Line | None:
        tables, kept, offsets = self._tables, ids, lines
        if not tables.whole:
            kept, offsets = np.empty(len(ids), np.int32), np.empty(2, np.int64)
            size = native.keep_rows(ids, lines, tables.nwords, tables.bucket_rows, kept, offsets)
            if size < len(ids) and not tables.pruned:
                return None
            kept = kept[:size]
        out, none = np.empty((1, self._dim), np.float32), np.zeros((0, self._dim), np.float32)
        native.mean_rows(tables.table, none, kept, offsets, out)
        return out, offsets
