"""Labels of texts: fastText's predictions, in batches and threads.

Where the labels are few, the head is folded into the table: a feature's row times outputᵀ is computed
once, when it first occurs, and a line's scores are then the mean of rows of C numbers instead of D. A
row's folded value depends on nothing else, and whether a model is folded depends on the model alone, so
that a line has the same bits whatever was predicted before, with it, or on how many threads.

Source: fastText 0.9.3 ``src/loss.cc`` (``computeOutput``, ``predict``, ``findKBest``, ``dfs``) and
``FastText::predict`` of ``src/fasttext.cc``.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ftcore import native
from ftcore.base.cores import cores
from ftcore.base.threads import ahead
from ftcore.dictionary.tokens import text_of_lines
from ftcore.errors import Diverged, IncompatibleModel, UserError
from ftcore.inference.tables import Tables
from ftcore.model.huffman import children
from ftcore.model.model import Model
from ftcore.native import PAD

FOLDED_BYTES = 256 << 20  # the largest folded table
_BYTES = 1 << 18  # text of a batch
_LINES = 4096  # lines of a batch
_SCORES = 1 << 20  # scores of a batch (label counts go up to some hundred thousand)


@dataclass(frozen=True)
class Predictions:
    """Labels of B lines: those of line b are ``labels[offsets[b]:offsets[b + 1]]``, the best first.

    labels: int32[N], label ids. scores: float32[N], probability + 1e-5 as the original's, but at most 1.
    offsets: int64[B + 1].
    """

    labels: np.ndarray
    scores: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:  # lines
        return len(self.offsets) - 1

    def named(self, names: np.ndarray) -> tuple[list[list[str]], list[np.ndarray]]:
        """A list of names and an array of scores for each line.

        Args:
            names: object[C], `Predictor.names`.
        """
        if len(self) == 1:
            return [[names[i] for i in self.labels.tolist()]], [self.scores]
        found = names[self.labels]
        width = len(self.labels) // len(self) if len(self) else 0
        with _collector_paused():
            if width and (np.diff(self.offsets) == width).all():
                return found.reshape(-1, width).tolist(), list(self.scores.reshape(-1, width))
            labels, cuts = found.tolist(), self.offsets.tolist()
            pairs = list(zip(cuts[:-1], cuts[1:], strict=True))
            return [labels[a:b] for a, b in pairs], [self.scores[a:b] for a, b in pairs]


class Predictor:
    """A supervised model's answers.

    Args:
        classic: the model. It must not change: folded rows are kept.
        threads: for many lines; default as many as there are cores.
        fold: False where the matrices change: then every answer is of their present values.

    Raises:
        UserError: a model without labels.

    Example:
        >>> Predictor(classic).predict(["good film", "dull film"], k=1).labels.tolist()
        [0, 1]
    """

    def __init__(
        self, classic: Model, threads: int | None = None, tables: Tables | None = None, *, fold: bool = True
    ) -> None:
        if not classic.args.supervised:
            raise IncompatibleModel(
                f"Model needs to be supervised for prediction! This one is {classic.args.model}: "
                "use its vectors, or train_supervised"
            )
        if not classic.dictionary.labels:
            raise IncompatibleModel(
                f"{classic.path or 'the model'} has no labels; train it on labelled texts"
            )
        self.classic, self.dictionary = classic, classic.dictionary
        self.dictionary.prepare(classic.args.label or None)
        self.tables = tables or Tables(classic)
        self.threads = threads or cores()
        output = classic.output
        self.output = np.ascontiguousarray(
            output if isinstance(output, np.ndarray) else output.gather(np.arange(output.shape[0])),
            np.float32,
        )
        self.names = np.array(self.dictionary.labels, object)
        self.kind = {"softmax": native.SOFTMAX, "hs": native.TREE}.get(classic.args.loss, native.SIGMOID)
        if self.kind == native.TREE:
            self.children = children(self.dictionary.label_counts)
        size = 4 * len(self.output) * self.tables.places
        self.folded = None
        codes = self.tables.table is None  # rows that have to be decoded are folded, or slow
        if (fold or codes) and len(self.output) <= self.tables.dim and size <= FOLDED_BYTES:
            # memory that is touched only where a feature occurs
            self.folded = np.zeros((self.tables.places, len(self.output)), np.float32)
        self.core = self._core()

    def _core(self) -> native.Predictor | None:
        """What answers by itself, from bytes to labels; None where rows have to be searched for or decoded."""
        if self.tables.rows is None or (self.folded is None and self.tables.table is None):
            return None
        vocabulary = self.dictionary.vocabulary(self.classic.args.label or None)
        tree = self.children if self.kind == native.TREE else (_NO_NODES, _NO_NODES)
        return native.Predictor(
            vocabulary, self.tables.rows, self.output, self.folded, self.kind, _SIGMOID, *tree
        )

    # ------------------------------------------------------------------------------------------ lines
    def predict(self, lines: Sequence[str | bytes], k: int = 1, threshold: float = 0.0) -> Predictions:
        """The k most probable labels of each line (-1: all) whose probability is at least ``threshold``.

        A line ends in ``</s>``, also an empty one; without any known feature it gets no label. Labels in
        the text (words that start with the model's prefix) are no features.

        Raises:
            UserError: a k that is neither -1 nor at least 1.
        """
        if isinstance(lines, str | bytes):
            raise UserError(f"predict takes a list of lines, not {lines[:40]!r}; put it into a list")
        k = self.check(k)
        if self.core is not None:
            found = self._asked(self.core.lines, lines, k, threshold, self.threads)
            if found is not None:
                return found
        batches = list(_cut(lines))
        if len(batches) == 1:
            return self._lines(batches[0], k, threshold)
        return joined(list(self.stream(batches, k, threshold)))

    def stream(
        self, batches: Iterable[Sequence[str | bytes]], k: int = 1, threshold: float = 0.0
    ) -> Iterator[Predictions]:
        """`predict` of each batch in turn, computed on the threads, some batches ahead."""
        k = self.check(k)
        yield from ahead(self._lines, ((batch, k, threshold) for batch in batches), self.threads)

    def check(self, k: int) -> int:
        """k as a number of labels."""
        if k != -1 and k < 1:
            raise UserError(f"k = {k}: k needs to be 1 or higher! (-1: all labels)")
        return len(self.output) if k == -1 else min(k, len(self.output))

    def _lines(self, lines: Sequence[str | bytes], k: int, threshold: float) -> Predictions:
        found = None if self.core is None else self._asked(self.core.lines, lines, k, threshold)
        return self.from_text(text_of_lines(lines), k, threshold) if found is None else found

    def from_text(self, text: np.ndarray, k: int = 1, threshold: float = 0.0) -> Predictions:
        """`predict` of the lines of one text.

        Args:
            text: uint8[bytes + PAD], lines with a newline behind each, as `Lines.blocks` gives them. A last
                line without a newline has no end of line, as in a file of the original's.
        """
        k = self.check(k)
        pieces = [text] if len(text) <= _BYTES else _pieces(text)
        return joined([self._text(piece, k, threshold) for piece in pieces])

    def _text(self, text: np.ndarray, k: int, threshold: float) -> Predictions:
        found = None if self.core is None else self._asked(self.core.text, text, k, threshold)
        if found is not None:
            return found
        ids, offsets, *_ = self.dictionary.line_features(text, label=self.classic.args.label or None)
        return self.from_features(ids, offsets, k, threshold)

    # ------------------------------------------------------------------------------------------- scores
    def raw(self, lines: Sequence[str | bytes], threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Which lines have a word or an n-gram with a row, bool[B], and the scores of all labels, float32[B, C].

        A score is hidden · outputᵀ, in the order of the labels; of a tree (hs) those of its inner nodes.
        """
        if self.core is not None:
            while isinstance(found := self.core.scores(lines, threads or self.threads), np.ndarray):
                self._fold(np.unique(found))
            if found is not None:
                return found[0].astype(np.bool_), found[1].reshape(-1, len(self.output))
        ids, offsets, *_ = self.dictionary.line_features(
            text_of_lines(lines), label=self.classic.args.label or None
        )
        values = self.scores(*self.tables.known(ids, offsets))
        if self.kind == native.TREE and self.folded is None:
            hidden, values = values, np.empty((len(values), len(self.output)), np.float32)
            native.products(hidden, self.output, values)
        return self._told(ids, offsets), values

    def _told(self, ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """bool[B]: whether a line has a feature with a row; the end of line, which each has, does not count."""
        told = (self.dictionary.to_signed(ids) >= 0) & (ids != self.dictionary.eos)
        before = np.concatenate([[0], np.cumsum(told)])
        return before[offsets[1:]] > before[offsets[:-1]]

    def _asked(
        self, ask: Callable, given: object, k: int, threshold: float, *more: int
    ) -> Predictions | None:
        """The native core's answer. Rows that are codes are folded for it first."""
        while isinstance(found := ask(given, k, float(threshold), *more), np.ndarray):
            self._fold(np.unique(found))
        if found is None:
            return None
        labels, scores, offsets, sound = found
        return self._sound(Predictions(labels, scores, offsets), sound)

    # --------------------------------------------------------------------------------------- features
    def from_features(
        self, ids: np.ndarray, offsets: np.ndarray, k: int = 1, threshold: float = 0.0
    ) -> Predictions:
        """`predict` from the lines' features.

        Args:
            ids: int32[N], full numbering.
            offsets: int64[B + 1], as `Dictionary.features_of` gives them.
        """
        k = self.check(k)
        places, offsets = self.tables.known(ids, offsets)
        step = max(1, _SCORES // max(len(self.output), self.tables.dim))
        if len(offsets) <= step:
            return self._batch(places, offsets, k, threshold)
        parts = []
        for at in range(0, len(offsets) - 1, step):
            cuts = offsets[at : at + step + 1]
            parts.append(self._batch(places[cuts[0] : cuts[-1]], cuts - cuts[0], k, threshold))
        return joined(parts)

    def scores(self, places: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """What `_best` reads, from `Tables.known` places: hidden · outputᵀ, float32[B, C].

        It is hidden, float32[B, D], where the labels are a tree's leaves and nothing is folded.
        """
        if self.folded is None:
            return self._ready(self.tables.mean(places, offsets))
        out = np.empty((len(offsets) - 1, len(self.output)), np.float32)
        places = np.ascontiguousarray(places, np.int32)
        missing = np.empty(len(places), np.int32)
        count = native.folded_means(self.folded, places, offsets, out, missing)
        if count:
            self._fold(np.unique(missing[:count]))
            native.folded_means(self.folded, places, offsets, out, missing)
        return out

    def _ready(self, hidden: np.ndarray) -> np.ndarray:
        if self.kind == native.TREE:
            return hidden
        out = np.empty((len(hidden), len(self.output)), np.float32)
        native.products(hidden, self.output, out)
        return out

    def _fold(self, places: np.ndarray) -> None:
        assert self.folded is not None
        step = max(1, _SCORES // self.tables.dim)
        for at in range(0, len(places), step):
            part = places[at : at + step]
            native.fold_rows(self.tables.gather(part), self.output, part, self.folded)

    def _batch(self, places: np.ndarray, offsets: np.ndarray, k: int, threshold: float) -> Predictions:
        return self._best(self.scores(places, offsets), offsets, k, threshold)

    def _best(self, values: np.ndarray, offsets: np.ndarray, k: int, threshold: float) -> Predictions:
        lines = len(offsets) - 1
        labels, found = np.empty(lines * k, np.int32), np.empty(lines * k, np.float32)
        ends, threshold = np.empty(lines + 1, np.int64), float(np.float32(threshold))
        if self.kind == native.TREE:
            folded = self.folded is not None
            sound = native.best_leaves(
                values, self.output, folded, offsets, *self.children, k, threshold, labels, found, ends
            )
        else:
            sound = native.best_labels(
                values, offsets, self.kind, _SIGMOID, k, threshold, labels, found, ends
            )
        return self._sound(Predictions(labels[: ends[-1]], found[: ends[-1]], ends), sound)

    def _sound(self, found: Predictions, sound: bool) -> Predictions:
        if not sound:
            raise Diverged(
                f"Encountered NaN. {self.classic.path or 'The model'} holds numbers that are none; its training "
                "diverged: train it again with a smaller lr"
            )
        return found


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Without Python's cyclic collector, as long as many lists without a cycle are made at once.

    It would look at each of them, and sooner or later at every object there is: 0.15 s, for an answer of 0.06 s.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _cut(lines: Sequence[str | bytes]) -> Iterator[Sequence[str | bytes]]:
    """Batches small enough for the caches, large enough that a call costs nothing beside its work."""
    size, at = 64, 0
    while at < len(lines):
        part = lines[at : at + size]
        yield part
        at += size
        size = min(_LINES, max(16, _BYTES * len(part) // (1 + sum(map(len, part)))))


def _pieces(text: np.ndarray) -> Iterator[np.ndarray]:
    """A text in pieces of whole lines that fit the caches with their features (they overlap by `PAD` bytes)."""
    start, size = 0, len(text) - PAD
    while start < size:
        stop = start + _BYTES
        while stop < size and text[stop - 1] != 10:
            found = np.flatnonzero(text[stop : stop + 4096] == 10)
            stop += int(found[0]) + 1 if len(found) else 4096
        stop = min(stop, size)
        yield text[start : stop + PAD]
        start = stop


def joined(parts: list[Predictions]) -> Predictions:
    """One after another."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.labels) for part in parts)])
    ends = [part.offsets[1:] + start for part, start in zip(parts, starts, strict=False)]
    return Predictions(
        np.concatenate([np.zeros(0, np.int32), *(part.labels for part in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(part.scores for part in parts)]),
        np.concatenate([np.zeros(1, np.int64), *ends]),
    )


def _sigmoid_table() -> np.ndarray:
    """The 513 values of ``Loss::Loss``: x = -8, ..., 8 and 1 / (1 + exp(-x)), both rounded as there."""
    x = np.arange(513, dtype=np.float32) * np.float32(16) / np.float32(512) - np.float32(8)
    return (1.0 / (1.0 + np.exp(-x).astype(np.float64))).astype(np.float32)


_SIGMOID = _sigmoid_table()
_NO_NODES = np.zeros(0, np.int32)
