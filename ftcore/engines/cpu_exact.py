"""Skip-gram and CBOW on the CPU in fastText's own sequence, one centre at a time.

Skip-gram makes an update for each pair (centre, context word), and every update moves the centre's input
rows before the next pair reads them. Since hidden is the mean of rows that all move by the same gradient,
``hidden += gain * gradient`` has the same effect, with gain = sum(m²) / G over the rows named m times among
G features: one gather and one scatter a centre reproduce all its updates. In CBOW a centre is one update.

A kernel is made for each dim, whose loops then have no remainder to test for. All is float32.
Source: fastText 0.9.3 ``src/fasttext.cc`` (``skipgram``, ``cbow``), ``src/model.cc``, ``src/loss.cc``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ftcore.model.kernel import kernel

NS, HS, SOFTMAX = range(3)
KINDS = {"ns": NS, "hs": HS, "softmax": SOFTMAX}


class Words(NamedTuple):
    """The input side, the same over all chunks."""

    rows: np.ndarray  # int32[N] table rows of every word: its own, then its n-grams'
    offsets: np.ndarray  # int64[nwords + 1]
    gain: np.ndarray  # float32[nwords] sum(m²) / G


class Output(NamedTuple):
    """The output side of a loss; arrays that it does not read are empty."""

    alias: np.ndarray  # uint32[nwords, 2] (ns)
    given: np.ndarray  # int32[examples * neg] negatives to take instead of drawing them
    nodes: np.ndarray  # int32[N] output rows from each leaf to the root (hs)
    codes: np.ndarray  # float32[N], 1 where the node is a right child
    paths: np.ndarray  # int64[nwords + 1], where each word's nodes start


@lru_cache
def skipgram_kernel(dim: int, loss: str) -> Callable:
    """Compiled ``(input, output, words, centres, side, neg, rate, slope, seed) -> (loss, examples, updates, broken)``.

    Args of the kernel:
        input: float32[R, dim], output: float32[nwords, dim], both changed.
        words: `Words`. centres: `Centres`. side: `Output`.
        neg: negatives a pair.
        rate, slope: the learning rate of a centre is ``rate + slope * place``.
        seed: uint64, of the negatives.

    Returns of the kernel: loss in nats summed over pairs, pairs, centres, and the first centre whose loss
    is no number (-1: none).
    """
    kind = KINDS[loss]

    @kernel(reorder=True)
    def train(input, output, words, centres, side, neg, rate, slope, seed):
        hidden, grad, total = np.empty(dim, np.float32), np.empty(dim, np.float32), np.empty(dim, np.float32)
        drawn = np.empty(neg, np.int32)
        score = np.empty(len(output) if kind == SOFTMAX else 0, np.float32)
        state, examples, updates, broken, loss_sum = seed, 0, 0, -1, 0.0
        for i in range(len(centres.words)):
            first, last = centres.first[i], centres.last[i]
            if last - first < 2:
                continue
            word = centres.words[i]
            start, stop = words.offsets[word], words.offsets[word + 1]
            lr = np.float32(rate + slope * centres.place[i])
            _mean(input, words.rows, start, stop, hidden, dim)
            total[:] = 0
            found = np.float32(0)
            for j in range(first, last):
                if j == i:
                    continue
                target = centres.words[j]
                grad[:] = 0
                if kind == NS:
                    state = _negatives(side, examples, target, drawn, state)
                found += _example(kind, output, side, target, drawn, hidden, grad, score, lr, dim)
                examples += 1
                gain = words.gain[word]
                for d in range(dim):
                    total[d] += grad[d]
                    hidden[d] += gain * grad[d]
            _scatter(input, words.rows, start, stop, total, dim)
            if broken < 0 and not abs(found) < np.float32(1e30):
                broken = updates
            loss_sum += found
            updates += 1
        return loss_sum, examples, updates, broken

    return train


@lru_cache
def cbow_kernel(dim: int, loss: str) -> Callable:
    """As `skipgram_kernel`: the bag is the features of all context words, the target is the centre."""
    kind = KINDS[loss]

    @kernel(reorder=True)
    def train(input, output, words, centres, side, neg, rate, slope, seed):
        hidden, grad = np.empty(dim, np.float32), np.empty(dim, np.float32)
        drawn = np.empty(neg, np.int32)
        score = np.empty(len(output) if kind == SOFTMAX else 0, np.float32)
        state, updates, broken, loss_sum = seed, 0, -1, 0.0
        for i in range(len(centres.words)):
            first, last = centres.first[i], centres.last[i]
            if last - first < 2:
                continue
            lr = np.float32(rate + slope * centres.place[i])
            hidden[:] = 0
            grad[:] = 0
            size = 0
            for j in range(first, last):
                if j == i:
                    continue
                start, stop = words.offsets[centres.words[j]], words.offsets[centres.words[j] + 1]
                size += stop - start
                _gather(input, words.rows, start, stop, hidden, dim)
            share = np.float32(1) / np.float32(size)
            for d in range(dim):
                hidden[d] *= share
            target = centres.words[i]
            if kind == NS:
                state = _negatives(side, updates, target, drawn, state)
            found = _example(kind, output, side, target, drawn, hidden, grad, score, lr, dim)
            for j in range(first, last):
                if j != i:
                    start, stop = words.offsets[centres.words[j]], words.offsets[centres.words[j] + 1]
                    _scatter(input, words.rows, start, stop, grad, dim)
            if broken < 0 and not abs(found) < np.float32(1e30):
                broken = updates
            loss_sum += found
            updates += 1
        return loss_sum, updates, updates, broken

    return train


# ------------------------------------------------------------------------------------- the input side
@kernel(reorder=True, inline=True)
def _gather(input, rows, start, stop, hidden, dim):
    for k in range(start, stop):
        row = input[rows[k]]
        for d in range(dim):
            hidden[d] += row[d]


@kernel(reorder=True, inline=True)
def _mean(input, rows, start, stop, hidden, dim):
    hidden[:] = 0
    _gather(input, rows, start, stop, hidden, dim)
    share = np.float32(1) / np.float32(stop - start)
    for d in range(dim):
        hidden[d] *= share


@kernel(reorder=True, inline=True)
def _scatter(input, rows, start, stop, grad, dim):
    """The full gradient to every row, as often as it is named."""
    for k in range(start, stop):
        row = input[rows[k]]
        for d in range(dim):
            row[d] += grad[d]


# ------------------------------------------------------------------------------------ the output side
@kernel(reorder=True, inline=True)
def _example(kind, output, side, target, drawn, hidden, grad, score, lr, dim):
    """Move the output rows of one example, add ``lr * -d loss / d hidden`` to `grad`; the loss in nats."""
    if kind == SOFTMAX:
        return _softmax(output, target, hidden, grad, score, lr, dim)
    # probabilities are multiplied and one logarithm taken: it costs more than the row's own arithmetic
    loss = np.float32(0)
    if kind == NS:
        product = np.float32(1)
        product *= _logistic(output[target], np.float32(1), hidden, grad, lr, dim)
        for k in range(len(drawn)):
            product *= _logistic(output[drawn[k]], np.float32(0), hidden, grad, lr, dim)
            if product < np.float32(1e-20):
                loss -= np.log(product)
                product = np.float32(1)
        return loss - np.log(product)
    product = np.float32(1)
    for k in range(side.paths[target], side.paths[target + 1]):
        product *= _logistic(output[side.nodes[k]], side.codes[k], hidden, grad, lr, dim)
        if product < np.float32(1e-20):
            loss -= np.log(product)
            product = np.float32(1)
    return loss - np.log(product)


@kernel(reorder=True, inline=True)
def _logistic(row, truth, hidden, grad, lr, dim):
    """One yes/no question; the probability that was given to the truth, at least 1e-15."""
    score = np.float32(0)
    for d in range(dim):
        score += row[d] * hidden[d]
    p = np.float32(1) / (np.float32(1) + np.exp(-score))
    step = lr * (truth - p)
    for d in range(dim):
        old = row[d]
        grad[d] += step * old
        row[d] = old + step * hidden[d]
    given = p if truth > np.float32(0) else np.float32(1) - p
    return np.float32(1e-15) if given < np.float32(1e-15) else given  # NaN stays NaN


@kernel(reorder=True, inline=True)
def _softmax(output, target, hidden, grad, score, lr, dim):
    top = np.float32(-np.inf)
    for row in range(len(output)):
        value = np.float32(0)
        for d in range(dim):
            value += output[row, d] * hidden[d]
        score[row] = value
        top = max(top, value)
    whole = np.float32(0)
    for row in range(len(output)):
        whole += np.exp(score[row] - top)
    loss = np.log(whole) - (score[target] - top)
    for row in range(len(output)):
        truth = np.float32(1) if row == target else np.float32(0)
        step = lr * (truth - np.exp(score[row] - top) / whole)
        for d in range(dim):
            old = output[row, d]
            grad[d] += step * old
            output[row, d] = old + step * hidden[d]
    return loss


# --------------------------------------------------------------------------------------------- draws
@kernel(inline=True)
def _negatives(side, example, target, drawn, state):
    """Fill `drawn` with rows other than the target; the generator's new state."""
    neg = len(drawn)
    if len(side.given):
        for k in range(neg):
            drawn[k] = side.given[example * neg + k]
        return state
    size = np.uint64(len(side.alias))
    for k in range(neg):
        row = target
        while row == target:
            state += np.uint64(0x9E3779B97F4A7C15)
            x = state  # splitmix64
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x ^= x >> np.uint64(31)
            row = np.int32(((x >> np.uint64(32)) * size) >> np.uint64(32))
            if np.uint32(x) >= side.alias[row, 0]:
                row = np.int32(side.alias[row, 1])
        drawn[k] = row
    return state
