"""A classifier of raw texts: its segmenter, the native predictor behind it, probabilities of all labels or the best.

Example:
    >>> from ftcore.formats.directory import read_directory
    >>> [found.labels for found in Classifier(read_directory("model")).predict(["很好看", ""])]
    [['good'], []]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from ftcore import given
from ftcore.errors import IncompatibleModel
from ftcore.inference import answers
from ftcore.inference.answers import Prediction
from ftcore.inference.predict import Predictor
from ftcore.inference.tables import Tables
from ftcore.model.huffman import log_leaves
from ftcore.model.model import Model

_LINES, _SCORES = 1 << 15, 1 << 24  # made at a time, at most


class Classifier:
    """A supervised model's answers to raw texts. A text's bits depend on the text alone.

    Shapes: N texts, C labels.

    Args:
        model: it must not change while `fold` is true.
        threads: for many texts; default as many as there are cores.
        fold: keep rows of the head's products, see `ftcore.inference.predict`; without, tables may be trained on.

    Raises:
        UserError: a model without a classifier.
    """

    def __init__(
        self, model: Model, threads: int | None = None, tables: Tables | None = None, *, fold: bool = True
    ) -> None:
        if not model.labels:
            raise IncompatibleModel(
                f"this {model.args.model} model has no classifier; fit it on labelled texts first"
            )
        self.model, self.labels, self.thresholds = model, model.labels, model.thresholds
        self.abstention, self.rules = model.abstention, model.rules
        if self.rules is not None:
            self.rules.check(self.labels)
        self.predictor = Predictor(model.in_float32(), threads, tables, fold=fold)

    # -------------------------------------------------------------------------------------- from tokens
    def scores(
        self, lines: Iterable[str | bytes], threads: int | None = None, batch: int | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Some lines of tokens at a time: which have a word or n-gram with a row, and the scores of all labels.

        bool[n] and float32[n, C], each line's hidden · outputᵀ; under hs the labels' log-probabilities. An empty
        line has scores, too.

        Args:
            batch: lines at a time; default as many as keep the threads busy.
        """
        source = iter(lines)
        size = batch or max(1, min(_LINES, _SCORES // len(self.labels)))
        while some := list(islice(source, size)):
            told, found = self.predictor.raw(some, threads)
            if self.model.args.loss == "hs":
                found = log_leaves(found, self.model.dictionary.label_counts)
            yield told, found

    def probabilities(self, lines: Iterable[str | bytes], batch: int | None = None) -> np.ndarray:
        """Probabilities float32[N, C] of lines of tokens; softmax's and hs's sum to 1, ova's and ns's stand alone."""
        return self.told(lines, batch)[1]

    def told(
        self, lines: Iterable[str | bytes], batch: int | None = None, *, rules: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which lines of tokens have an answer, bool[N], and the `probabilities` of all, float32[N, C].

        Args:
            rules: whether the model's `rules` overrule it.
        """
        ruled = self.rules if rules else None
        heard: list[str | bytes] = []
        parts = []
        for told, found in self.scores(_kept(lines, heard) if ruled else lines, batch=batch):
            answer = told, probabilities(found, self.model.args.loss)
            if ruled:
                answer = ruled.over(heard, *answer, self.labels, self.model.args.loss)
                heard.clear()
            parts.append(answer)
        none = np.zeros(0, np.bool_), np.zeros((0, len(self.labels)), np.float32)
        told, found = zip(none, *parts, strict=True)
        return np.concatenate(told), np.concatenate(found)

    # --------------------------------------------------------------------------------------- from texts
    def tokens(self, texts: Sequence[str]) -> list[str]:
        """The model's own tokens of raw texts, with spaces between; without a segmenter the texts as they are."""
        return list(texts) if self.model.tokenizer is None else self.model.tokenizer.tokenize(texts)

    def answers(
        self, texts: Any, batch: int | None = None, *, rules: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which of N texts have an answer, bool[N], and the probabilities of these n, float32[n, C].

        A text without any word or n-gram that has a row has none, nor has a missing one (None, NaN).

        Args:
            rules: whether the model's `rules` overrule it.

        Raises:
            UserError: it names the place of a value that is no text.
        """
        texts = [texts] if isinstance(texts, str | bytes) else texts
        return self.answers_to_tokens(self.tokens(answers.texts_of(texts)), batch, rules=rules)

    def answers_to_tokens(
        self, lines: Iterable[str | bytes], batch: int | None = None, *, rules: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """`answers` to lines of tokens."""
        told, found = self.told(lines, batch, rules=rules)
        return (told, found) if told.all() else (told, found[told])

    def certain(
        self, known: np.ndarray, rows: np.ndarray, lines: Sequence[str | bytes]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The `answers` that the model is certain enough of to give, by its `abstention`; all where it has none.

        Args:
            known: bool[N].
            rows: float32[n, C].
            lines: of tokens, N.
        """
        if self.abstention is None:
            return known, rows
        texts = (line if isinstance(line, str) else line.decode("utf-8", "replace") for line in lines)
        lengths = np.array([len(text) for text in texts], np.float64)[known]  # characters, not bytes
        sure = self.abstention.certain(rows, self.model.args.loss, lengths)
        given = known.copy()
        given[known] = sure
        answers.count_withheld(len(sure) - int(sure.sum()), len(known))
        return given, rows[sure]

    def given(
        self, texts: Any, batch: int | None = None, *, abstain: bool = True, rules: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """The `answers` that are given: those that the model is `certain` of; a warning counts the texts without one."""
        texts = [texts] if isinstance(texts, str | bytes) else texts
        lines = self.tokens(answers.texts_of(texts))
        known, rows = self.answers_to_tokens(lines, batch, rules=rules)
        answers.count_unanswered(known)
        return self.certain(known, rows, lines) if abstain else (known, rows)

    def predict(
        self,
        texts: Any,
        k: int | None = None,
        threshold: float | None = None,
        batch: int | None = None,
        *,
        abstain: bool = True,
        rules: bool = True,
    ) -> list[Prediction]:
        """The labels of each text, the most probable first; a warning counts the texts without an answer.

        Args:
            k: how many, -1 for all.
            threshold: the least probability of a label. With neither, a model with `thresholds` says all
                labels that reach theirs, any other its best one.
            abstain: whether a model with an `abstention` says nothing to texts that it is not certain of.
            rules: whether the model's `rules` overrule it: what they say is certain.

        Raises:
            UserError: another k or threshold, or a value that is no text.
        """
        own = self.thresholds if k is None and threshold is None else None
        k = answers.labels_wanted(k if k is not None else -1 if own else 1, len(self.labels))
        threshold = 0.0 if threshold is None else given.number("threshold", threshold)
        least = own.row(self.labels) if own else threshold
        known, rows = self.given(texts, batch, abstain=abstain, rules=rules)
        found = (answers.best_labels(row, self.labels, k, least) for row in rows)
        return [next(found) if ok else answers.NO_ANSWER for ok in known.tolist()]


def _kept(lines: Iterable[str | bytes], kept: list[str | bytes]) -> Iterator[str | bytes]:
    """The lines, which are put into a list as they are taken."""
    for line in lines:
        kept.append(line)
        yield line


def probabilities(scores: np.ndarray, loss: str) -> np.ndarray:
    """Probabilities [N, C] of scores [N, C], of the same dtype.

    The softmax over the labels; of hs, whose scores are log-probabilities, their exponential; of ova and ns the
    sigmoid of each.

    Example:
        >>> probabilities(np.array([[0.0, 0.0]]), "softmax").tolist(), probabilities(np.array([[0.0]]), "ova").tolist()
        ([[0.5, 0.5]], [[0.5]])
    """
    if loss == "hs":
        return np.exp(scores)
    if loss == "softmax":
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)
    small = np.exp(-np.abs(scores))  # never more than 1
    return np.where(scores >= 0, 1, small) / (1 + small)
