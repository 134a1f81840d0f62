"""fastText's single-thread training, step by step: slow, obvious, with its own generator and arithmetic.

Written from fastText 0.9.3 ``src/fasttext.cc`` (``trainThread``, ``supervised``, ``cbow``, ``skipgram``),
``src/dictionary.cc`` (``getLine``, ``initTableDiscard``), ``src/model.cc`` and ``src/loss.cc``. Everything that
decides a bit is here: the order of draws, the staircase of the learning rate, the sigmoid's table, float32
sums in order. Not here: reading a vocabulary (its words come in order, with counts) and the initial input
matrix, which the original fills only in part below 11 threads; both are given.

Only words that are their own single feature (maxn 0, word_ngrams 1) are trained.

`Original.run` yields a `Step` for each update, so that other engines can be fed the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tests.reference.dictionary import tokens
from tests.reference.sequential import tree_paths

F = np.float32
EOS = b"</s>"


class Minstd:
    """std::minstd_rand, and libstdc++'s distributions over it (``bits/uniform_int_dist.h``, ``random.tcc``)."""

    MODULUS, LOWEST, HIGHEST = 2**31 - 1, 1, 2**31 - 2

    def __init__(self, seed: int):
        self.x = seed % self.MODULUS or 1

    def next(self) -> int:
        self.x = self.x * 48271 % self.MODULUS
        return self.x

    def below(self, n: int) -> int:
        """uniform_int_distribution(0, n - 1)."""
        scaling = (self.HIGHEST - self.LOWEST) // n
        while True:
            drawn = self.next() - self.LOWEST
            if drawn < n * scaling:
                return drawn // scaling

    def unit(self) -> float:
        """uniform_real_distribution<double>(0, 1): two draws make 53 bits."""
        span = float(self.HIGHEST - self.LOWEST + 1)
        low, high = self.next() - self.LOWEST, self.next() - self.LOWEST
        return (low + high * span) / (span * span)


@dataclass(frozen=True)
class Step:
    """One update: these input rows, this target, and what was drawn for it."""

    rows: list[int]
    target: int  # a row of the output; ova: -1, the line's labels are the targets
    rate: float
    labels: list[int]  # of the line (supervised)
    drawn: int = 0  # which label of them
    negatives: list[int] = field(default_factory=list)  # rows
    entries: list[int] = field(default_factory=list)  # places in the table of negatives they were read from
    line: int = 0  # lines read before this one
    centre: int = 0  # place in the line, after the discard


class Original:
    """A training.

    Args:
        model: ``sg``, ``cbow`` or ``sup``. loss: ``ns``, ``hs``, ``softmax`` or ``ova``.
        words: in the order of their ids. counts: of each, as the dictionary has them.
        labels, label_counts: in supervised.
        ntokens: of the dictionary, which counts the words of pretrained vectors too.
        input: float32[words, dim]; copied. The output starts at zero.
        exact: compute sigmoids instead of reading them from the table.
        fused: multiply and add in one rounding, as ``-march=native`` compiles it.
    """

    def __init__(
        self,
        model: str,
        loss: str,
        words: list[bytes],
        counts: list[int],
        ntokens: int,
        input: np.ndarray,
        labels: list[bytes] = (),
        label_counts: list[int] = (),
        *,
        lr: float,
        epoch: int,
        ws: int = 5,
        neg: int = 5,
        t: float = 1e-4,
        lr_update_rate: int = 100,
        seed: int = 0,
        exact: bool = False,
        fused: bool = True,
    ):
        self.model, self.loss, self.exact, self.fused = model, loss, exact, fused
        self.word_id = {word: i for i, word in enumerate(words)}
        self.label_id = {label: i for i, label in enumerate(labels)}
        self.ntokens, self.lr, self.epoch, self.ws, self.neg = ntokens, lr, epoch, ws, neg
        self.lr_update_rate, self.rng = lr_update_rate, Minstd(seed)
        self.input = np.array(input, dtype=F)
        targets = list(label_counts if model == "sup" else counts)
        self.output = np.zeros((len(targets), self.input.shape[1]), dtype=F)
        self.paths = tree_paths(targets) if loss == "hs" else []
        self.negatives = negative_table(targets) if loss == "ns" else np.zeros(0, np.int32)
        self.keep = []
        for count in counts:
            f = float(F(count) / F(ntokens))
            self.keep.append(F(math.sqrt(t / f) + t / f))
        table = [F(F(i * 16) / F(512) - F(8)) for i in range(513)]
        self.sigmoids = [F(1.0 / (1.0 + float(F(math.exp(-x))))) for x in table]

    # ------------------------------------------------------------------------------------- reading
    def lines(self, text: bytes) -> Iterator[tuple[int, list[int], list[int]]]:
        """For ever, from the start again at the end: (tokens counted, word ids kept, label ids)."""
        stream = []
        for number, line in enumerate(text.split(b"\n")):
            stream += [EOS] if number else []
            stream += tokens(line)
        while True:
            count, kept, labels = 0, [], []
            for token in stream:
                word, label = self.word_id.get(token, -1), self.label_id.get(token, -1)
                if self.model == "sup":
                    count += 1
                    kept += [word] if word >= 0 else []
                    labels += [label] if label >= 0 else []
                    ends = token == EOS
                else:
                    if word < 0:
                        continue
                    count += 1
                    if F(self.rng.unit()) <= self.keep[word]:
                        kept.append(word)
                    ends = count > 1024 or token == EOS
                if ends:
                    yield count, kept, labels
                    count, kept, labels = 0, [], []
            yield count, kept, labels  # what follows the last line end, nothing as a rule

    # ------------------------------------------------------------------------------------ training
    def run(self, text: bytes) -> Iterator[Step]:
        """Train; the matrices are final when the iterator ends."""
        done, local = 0, 0
        lines = self.lines(text)
        number = -1
        while done < self.epoch * self.ntokens:
            progress = F(done) / F(self.epoch * self.ntokens)
            rate = F(self.lr * (1.0 - float(progress)))
            count, line, labels = next(lines)
            local += count
            number += 1
            for step in self.steps(line, labels, rate, number):
                self.update(step)
                yield step
            if local > self.lr_update_rate:
                done, local = done + local, 0

    def steps(self, line: list[int], labels: list[int], rate: float, number: int) -> Iterator[Step]:
        """The updates of a line. The next one's draws are made after this one's update."""
        if self.model == "sup":
            if line and labels:
                if self.loss == "ova":
                    yield Step(line, -1, rate, labels, line=number)
                else:
                    drawn = self.rng.below(len(labels))
                    yield self.step(line, labels[drawn], rate, labels, drawn, line=number)
            return
        for centre, word in enumerate(line):
            width = 1 + self.rng.below(self.ws)
            around = [
                line[place]
                for place in range(centre - width, centre + width + 1)
                if place != centre and 0 <= place < len(line)
            ]
            if self.model == "cbow":
                if around:
                    yield self.step(around, word, rate, [], line=number, centre=centre)
            else:
                for context in around:
                    yield self.step([word], context, rate, [], line=number, centre=centre)

    def step(self, rows, target, rate, labels, drawn=0, **where) -> Step:
        """Draw the negatives of an update, where the loss has some."""
        entries = []
        while self.loss == "ns" and len(entries) < self.neg:
            entry = self.rng.below(len(self.negatives))
            if self.negatives[entry] != target:
                entries.append(entry)
        negatives = [int(self.negatives[entry]) for entry in entries]
        return Step(rows, target, rate, labels, drawn, negatives, entries, **where)

    def update(self, step: Step) -> None:
        """``Model::update``."""
        hidden = np.zeros_like(self.input[0])
        for row in step.rows:
            hidden += self.input[row]
        hidden *= F(1.0 / len(step.rows))
        grad = np.zeros_like(hidden)
        if self.loss == "softmax":
            score = np.array([self.dot(row, hidden) for row in self.output])
            power = np.array([F(math.exp(x)) for x in score - score.max()])
            total = F(0)
            for x in power:
                total += x
            for row, p in enumerate(power / total):
                self.move(row, hidden, grad, F(step.rate) * (F(row == step.target) - p))
        elif self.loss == "ova":
            for row in range(len(self.output)):
                self.logistic(row, row in step.labels, hidden, grad, step.rate)
        elif self.loss == "hs":
            for row, code in self.paths[step.target]:
                self.logistic(row, code == 1, hidden, grad, step.rate)
        else:
            self.logistic(step.target, True, hidden, grad, step.rate)
            for row in step.negatives:
                self.logistic(row, False, hidden, grad, step.rate)
        if self.model == "sup":
            grad *= F(1.0 / len(step.rows))
        for row in step.rows:
            self.input[row] += grad

    def logistic(self, row: int, positive: bool, hidden, grad, rate) -> None:
        """``BinaryLogisticLoss::binaryLogistic``."""
        score = self.sigmoid(self.dot(self.output[row], hidden))
        self.move(row, hidden, grad, F(rate) * (F(positive) - score))

    def move(self, row: int, hidden, grad, alpha) -> None:
        grad[:] = self.multiply_add(alpha, self.output[row], grad)
        self.output[row] = self.multiply_add(alpha, hidden, self.output[row])

    def sigmoid(self, x: np.float32) -> np.float32:
        if self.exact:
            return F(1 / (1 + math.exp(-x)))
        if abs(x) > 8:
            return F(x > 0)
        return self.sigmoids[int((x + F(8)) * F(512) / F(8) / F(2))]

    # ---------------------------------------------------------------------------------- arithmetic
    def multiply_add(self, a, b, c):
        """a * b + c in float32. (A product of two float32 is exact in float64.)"""
        if self.fused:
            return (np.float64(a) * b + c).astype(F)
        return F(a) * b + c

    def dot(self, a, b) -> np.float32:
        """The products, then their sum from left to right (gcc 12 keeps the two apart; never fused)."""
        total = F(0)
        for product in a * b:
            total += product
        return total


def negative_table(counts: list[int]) -> np.ndarray:
    """``NegativeSamplingLoss``: each row ceil(sqrt(count) * 1e7 / z) times."""
    z = F(0)
    for count in counts:
        z = F(float(z) + count**0.5)
    sizes = [math.ceil(F(F(count**0.5) * F(10_000_000)) / z) for count in counts]
    return np.repeat(np.arange(len(counts), dtype=np.int32), sizes)
