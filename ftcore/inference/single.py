"""One line or word at a time, for loops over ``predict`` and ``get_word_vector``: one call of compiled code each.

The arithmetic is that of the kernels that batches use, called from here, so that the bits are the same.
Where a feature's row is not at hand (a row that is not folded yet, one that is made from the seed) the
answer is None, and the caller goes the long way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np

from ftcore.corpus import scan
from ftcore.corpus.lines import padded
from ftcore.corpus.scan import PAD, line_features, word_features
from ftcore.inference import kernels
from ftcore.inference.kernels import add_unit, folded_means, keep_rows, mean_features
from ftcore.inference.tables import Tables
from ftcore.model.kernel import kernel, source_stamp, when_compiling

_LOG = logging.getLogger(__name__)
Line = tuple[np.ndarray, np.ndarray]  # float32[1, C or D]; int64[2], offsets of the features that counted


class LineScores:
    """Scores of a line from a folded table.

    >>> LineScores(Tables(classic), "__label__", folded).line(text_of_line("good film"))  # doctest: +SKIP
    (array([[0.31, -0.31]], dtype=float32), array([0, 3]))
    """

    def __init__(self, tables: Tables, label: str, folded: np.ndarray) -> None:
        """folded: float32[P, C], see `kernels.folded_means`; it may be filled meanwhile."""
        self._given = tables.dictionary.line_arguments(label or None)
        self.ready = tables.whole or tables.mapped or not tables.pruned
        cut = tables.pruned and not tables.whole  # some buckets have no row
        rows = tables.bucket_rows if self.ready and cut else np.zeros(0, np.int32)
        self._tables = folded, folded.view(np.int32), rows

    def line(self, text: np.ndarray) -> Line | None:
        """Of one line: text, uint8[bytes + PAD]."""
        if not self.ready:
            return None
        out, offsets = np.empty((1, self._tables[0].shape[1]), np.float32), np.empty(2, np.int64)
        return (out, offsets) if _scores_of_line()(text, *self._given, *self._tables, out, offsets) else None


class Means:
    """Means of rows: hidden of a line, the vector of a word or a sentence.

    >>> Means(Tables(classic), "__label__").word(b"film").shape  # doctest: +SKIP
    (100,)
    """

    def __init__(self, tables: Tables, label: str) -> None:
        self._dictionary, self._label, self._dim = tables.dictionary, label or None, tables.dim
        self.ready = tables.table is not None and (tables.whole or tables.mapped)
        if self.ready:
            rows = np.zeros(0, np.int32) if tables.whole else tables.bucket_rows
            self._tables = tables.table, rows, tables.pruned, np.zeros((0, tables.dim), np.float32)
            self._words = self._dictionary.word_arguments()
        self._compiled: set[Callable] = set()

    @cached_property
    def _features(self) -> tuple:  # costs a pass over the vocabulary, which words alone do not need
        return self._dictionary.line_arguments(self._label)

    def line(self, text: np.ndarray) -> Line | None:
        """Mean of a line's features, in the supervised sense: text, uint8[bytes + PAD]."""
        if not self.ready:
            return None
        out, offsets = np.empty((1, self._dim), np.float32), np.empty(2, np.int64)
        return (out, offsets) if _mean_of_line()(text, *self._features, *self._tables, out, offsets) else None

    def word(self, word: bytes) -> np.ndarray | None:
        """Mean of a word's row and its n-grams': float32[D]."""
        return self._of(_mean_of_word(), word)

    def sentence(self, line: bytes) -> np.ndarray | None:
        """Mean of the words' vectors, each divided by its length, zero ones left out: float32[D]."""
        return self._of(_mean_of_sentence(), line)

    def _of(self, run: Callable, text: bytes) -> np.ndarray | None:
        if not self.ready:
            return None
        out = np.empty((1, self._dim), np.float32)
        given = padded(text), len(text), *self._words, *self._tables, out
        if run in self._compiled:
            return out[0] if run(*given) else None
        with when_compiling(_LOG, "the kernels of word vectors"):
            found = run(*given)
        self._compiled.add(run)
        return out[0] if found else None


# A kernel that calls kernels of other files is made with a stamp of their sources, see `source_stamp`.
@lru_cache(maxsize=1)
def _scores_of_line() -> Callable:
    made_of = source_stamp(scan, kernels)

    @kernel
    def scores_of_line(
        text, slots, blob, starts, nwords, eos, prefix, known, cuts, minn, maxn, n, bucket,
        folded, bits, rows, out, offsets,
    ):  # fmt: skip
        assert made_of
        ids, lines, _, _ = line_features(
            text, len(text) - PAD, True, False, slots, blob, starts, nwords, eos, prefix, known, cuts,
            minn, maxn, n, bucket,
        )  # fmt: skip
        if len(lines) != 2:
            return False
        missing = np.empty(len(ids), np.int32)
        if len(rows):
            kept = np.empty(len(ids), np.int32)
            keep_rows(ids, lines, nwords, rows, kept, offsets)
            return folded_means(folded, bits, kept, offsets, out, missing) == 0
        offsets[:] = lines
        return folded_means(folded, bits, ids, lines, out, missing) == 0

    return scores_of_line


@lru_cache(maxsize=1)
def _mean_of_line() -> Callable:
    made_of = source_stamp(scan, kernels)

    @kernel
    def mean_of_line(
        text, slots, blob, starts, nwords, eos, prefix, known, cuts, minn, maxn, n, bucket,
        table, rows, pruned, none, out, offsets,
    ):  # fmt: skip
        assert made_of
        ids, lines, _, _ = line_features(
            text, len(text) - PAD, True, False, slots, blob, starts, nwords, eos, prefix, known, cuts,
            minn, maxn, n, bucket,
        )  # fmt: skip
        return len(lines) == 2 and mean_features(ids, lines, nwords, table, rows, pruned, none, out, offsets)

    return mean_of_line


@lru_cache(maxsize=1)
def _mean_of_word() -> Callable:
    made_of = source_stamp(scan, kernels)

    @kernel
    def mean_of_word(
        word, size, slots, blob, starts, nwords, minn, maxn, bucket, table, rows, pruned, none, out
    ):  # fmt: skip
        assert made_of
        ids = word_features(word, size, slots, blob, starts, nwords, minn, maxn, bucket)
        ids = ids[1:] if ids[0] < 0 else ids
        lines = np.array([0, len(ids)])
        return mean_features(ids, lines, nwords, table, rows, pruned, none, out, np.empty(2, np.int64))

    return mean_of_word


@lru_cache(maxsize=1)
def _mean_of_sentence() -> Callable:
    made_of = source_stamp(scan, kernels)

    @kernel
    def mean_of_sentence(
        line, size, slots, blob, starts, nwords, minn, maxn, bucket, table, rows, pruned, none, out
    ):  # fmt: skip
        assert made_of
        vector, offsets = np.empty_like(out), np.empty(2, np.int64)
        out[:] = 0
        count = begin = 0
        while begin < size:
            if line[begin] == 32 or 9 <= line[begin] <= 13:  # C++'s white space
                begin += 1
                continue
            end = begin + 1
            while end < size and not (line[end] == 32 or 9 <= line[end] <= 13):
                end += 1
            word = line[begin : end + PAD]
            ids = word_features(word, end - begin, slots, blob, starts, nwords, minn, maxn, bucket)
            ids = ids[1:] if ids[0] < 0 else ids
            lines = np.array([0, len(ids)])
            if not mean_features(ids, lines, nwords, table, rows, pruned, none, vector, offsets):
                return False
            count += add_unit(vector[0], out[0])
            begin = end
        if count:
            out[:] *= np.float32(1) / np.float32(count)
        return True

    return mean_of_sentence
