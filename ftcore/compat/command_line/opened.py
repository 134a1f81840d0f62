"""A model as the commands use it: lines of bytes in, labels and vectors out, in bounded memory.

Where the model is a directory of ours it has a tokenizer, and lines are raw text; otherwise they are tokens. Its `rules`, its
`abstention` and, where neither k nor a threshold is given, its `thresholds` are obeyed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from ftcore.compat.command_line import printing
from ftcore.compat.evaluation import Answer, Tally, answers, count_answers, counted
from ftcore.compat.model import _FastText
from ftcore.dictionary.dictionary import label_bytes
from ftcore.dictionary.lines import Block
from ftcore.dictionary.tokens import padded
from ftcore.formats.opening import read_model
from ftcore.inference.answers import NO_ANSWER, best_labels, labels_wanted
from ftcore.inference.classifier import Classifier
from ftcore.inference.predict import Predictions
from ftcore.model.model import PREFIX
from ftcore.native import PAD

_BLOCK = 1 << 20  # bytes of text at a time
_ADDED = 1e-5  # to every probability that fastText prints


class Opened:
    """A model from a path.

    Attributes:
        model: with fastText's methods.
        thresholds: float64[C], where a label is said from its own probability on.
        tokenizer: of a directory's model, else None.
        names: object[C], labels as they are printed (a directory's without prefix).
    """

    def __init__(self, path: str) -> None:
        own = read_model(path)
        self.tokenizer = own.tokenizer
        self.names = np.array(own.dictionary.labels, object)
        self.model = _FastText(classic=own.of_tokens(told=False))
        self.thresholds = own.thresholds.row(own.labels) if own.thresholds else None
        self._judge: Classifier | None = None  # of a model that does not always answer as it computes
        if own.labels and (own.rules or own.abstention or own.thresholds):
            self._judge = Classifier(own)

    def predict(
        self, stream: BinaryIO, k: int, threshold: float | np.ndarray, scores: bool
    ) -> Iterator[bytes]:
        """The labels of every line (with their probabilities) as text, as soon as lines have come.

        Args:
            threshold: the least probability; of a model with `thresholds` [C] as well, one for each label.
        """
        names = [label_bytes(name) for name in self.names]
        if self._judge is not None:
            for data in whole_lines(stream):
                yield printing.predictions(self._judged(self._judge, data, k, threshold), names, scores)
            return
        threads = None if _is_file(stream) else 1
        assert not isinstance(threshold, np.ndarray)
        for answer in answers(self.model._predictor, self._blocks(stream), k, threshold, threads):
            yield printing.predictions(answer.found, names, scores)

    def score(self, stream: BinaryIO, k: int, threshold: float) -> Tally:
        """Counts over labelled lines, of the answers that `predict` gives; one that is withheld is not predicted."""
        if self._judge is not None:
            return counted(self._answered(self._judge, stream, k, threshold), self.names.tolist())
        tally = count_answers(self.model._predictor, self._blocks(stream), k, threshold)
        tally.names = self.names.tolist()
        return tally

    def sentence_vectors(self, stream: BinaryIO) -> Iterator[np.ndarray]:
        """float32[D] of every line."""
        classic, tables = self.model.classic, self.model._tables
        for block in self._blocks(stream):
            text = block()
            if classic.args.supervised:
                ids, cuts, *_ = classic.dictionary.line_features(text, rest=True, label=classic.args.label)
                yield from tables.mean(*tables.known(ids, cuts))
                continue
            lines = text[:-PAD].tobytes().split(b"\n")
            yield from self.model._vectors.sentences(lines if lines[-1] else lines[:-1])

    def _blocks(self, stream: BinaryIO) -> Iterator[Block]:
        for data in whole_lines(stream):
            if self.tokenizer is not None:
                data = self._tokens(data)
            yield partial(padded, data)

    def _judged(self, judge: Classifier, data: bytes, k: int, threshold: float | np.ndarray) -> Predictions:
        """The answers that a model with rules, thresholds or an abstention gives to lines."""
        tokens = judge.tokens(_without(_lines(data), PREFIX))
        known, rows = judge.certain(*judge.answers_to_tokens(tokens), tokens)
        wanted, ids = labels_wanted(k, len(judge.labels)), list(range(len(judge.labels)))
        some = iter([best_labels(row, ids, wanted, threshold) for row in rows])
        found = [next(some) if told else NO_ANSWER for told in known.tolist()]
        shares = np.array([p for one in found for p in one.probabilities], np.float32)
        return Predictions(
            np.array([i for one in found for i in one.labels], np.int32),
            np.minimum(shares + np.float32(_ADDED), 1),
            np.cumsum([0, *(len(one.labels) for one in found)]),
        )

    def _answered(self, judge: Classifier, stream: BinaryIO, k: int, threshold: float) -> Iterator[Answer]:
        """Those answers, with the labels that lines have."""
        classic = self.model.classic
        for data in whole_lines(stream):
            text = padded(data if self.tokenizer is None else self._tokens(data))
            ids, cuts, labels, offsets = classic.dictionary.line_features(
                text, rest=True, label=classic.args.label
            )[:4]
            _, kept = self.model._tables.known(ids, cuts)
            found = self._judged(judge, data, k, threshold)
            yield Answer(found, np.diff(kept), labels, offsets)

    def _tokens(self, data: bytes) -> bytes:
        """Raw lines as tokens, the labels among their words put first."""
        prefix = self.model.classic.args.label
        lines = _lines(data)
        labels = [" ".join(w for w in line.split(" ") if w.startswith(prefix)) for line in lines]
        texts = _without(lines, prefix)
        assert self.tokenizer is not None
        tokens = self.tokenizer.tokenize(texts)
        return "".join(f"{a} {b}\n" for a, b in zip(labels, tokens, strict=True)).encode(
            "utf-8", "surrogatepass"
        )


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").removesuffix("\n").split("\n")


def _without(lines: list[str], prefix: str) -> list[str]:
    """The lines without their labels."""
    return [" ".join(w for w in line.split(" ") if not w.startswith(prefix)) for line in lines]


def _is_file(stream: BinaryIO) -> bool:
    """Whether all of it is there already, unlike what comes through a pipe."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # no file at all
        return False


def whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Pieces of a stream that end behind a newline (the last may not), each as soon as it has come."""
    read: Any = getattr(stream, "read1", stream.read)
    held: list[bytes] = []
    while data := read(_BLOCK):
        cut = data.rfind(b"\n") + 1
        if cut:
            yield b"".join([*held, data[:cut]])
            held = []
        if cut < len(data):
            held.append(data[cut:])
    if held:
        yield b"".join(held)


def words_of(stream: BinaryIO) -> Iterator[bytes]:
    """Words between white space, as soon as they have come (C++'s ``>>``)."""
    for line in iter(stream.readline, b""):
        yield from line.split()
