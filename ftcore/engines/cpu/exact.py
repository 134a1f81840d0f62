"""Skip-gram and CBOW on the CPU in fastText's own sequence, one centre at a time.

Skip-gram makes an update for each pair (centre, context word), and every update moves the centre's input
rows before the next pair reads them. Since hidden is the mean of rows that all move by the same gradient,
``hidden += gain * gradient`` has the same effect, with gain = sum(m²) / G over the rows named m times among
G features: one gather and one scatter a centre reproduce all its updates. In CBOW a centre is one update.

Negatives are drawn a centre ahead, so that their rows are on their way from memory while the centre before
is worked on. Within an update the output rows are scored together and moved together, which is fastText's one
after another, since hidden stays and the rows differ; where a negative was drawn twice they do go one by one.
A kernel is made for each dim and number of negatives: its loops are written out. All is float32.
Source: fastText 0.9.3 ``src/fasttext.cc`` (``skipgram``, ``cbow``), ``src/model.cc``, ``src/loss.cc``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ftcore.engines.cpu import lanes
from ftcore.engines.cpu import output as output_side
from ftcore.engines.cpu.lanes import add_to_rows, fetch_row, move_rows, score_rows, sum_rows
from ftcore.engines.cpu.output import draw_examples, judge, softmax_steps
from ftcore.model.kernel import kernel, source_stamp

NS, HS, SOFTMAX = range(3)
KINDS = {"ns": NS, "hs": HS, "softmax": SOFTMAX}
GROUP = 8  # output rows scored at a time, where their number is not known beforehand or large
MOST = 12  # negatives and target up to here are one group


class Words(NamedTuple):
    """The input side, the same over all chunks."""

    rows: np.ndarray  # int32[N] table rows of every word: its own, then its n-grams'
    offsets: np.ndarray  # int64[nwords + 1]
    gain: np.ndarray  # float32[nwords] sum(m²) / G


@lru_cache
def exact_kernel(model: str, loss: str, dim: int, neg: int) -> Callable:
    """Compiled ``(input, output, words, centres, side, rate, slope, seed) -> (loss, examples, updates, broken)``.

    Args of the kernel:
        input: float32[R, dim], output: float32[nwords, dim]; both are changed.
        words: `Words`. centres: `Centres`. side: `Output`.
        rate, slope: the learning rate of a centre is ``rate + slope * place``.
        seed: uint64, of the negatives.

    Returns of the kernel: loss in nats summed over examples; examples (pairs, in CBOW bags); centres; the
    first centre whose loss is no number (-1: none).
    """
    kind, cbow = KINDS[loss], model == "cbow"
    rows_each = neg + 1  # an example's output rows (ns): the target, then its negatives
    size = rows_each if rows_each <= MOST else GROUP
    groups, rest = divmod(rows_each, size)
    made_of = source_stamp(output_side, lanes)

    @kernel(reorder=True)
    def train(input, output, words, centres, side, rate, slope, seed):
        assert made_of  # part of the cache's key
        hidden, grad, total = np.empty(dim, np.float32), np.empty(dim, np.float32), np.empty(dim, np.float32)
        score = np.empty(len(output) if kind == SOFTMAX else size, np.float32)
        widest = _widest(centres)
        drawn = np.empty((2, widest * rows_each), np.int32)  # rows of this centre's examples and the next's
        repeats = np.empty((2, widest), np.bool_)  # which examples name a row twice
        state, fed = seed, 0
        loss_sum, product = 0.0, 1.0  # one logarithm for many probabilities: it costs as much as a row
        examples, updates, broken = 0, 0, -1
        for i in range(-1, len(centres.words)):
            # ---- what comes next is drawn, and asked for
            coming = i + 1
            if coming < len(centres.words):
                if kind == NS and centres.last[coming] - centres.first[coming] > 1:
                    row, twice = drawn[coming & 1], repeats[coming & 1]
                    state, count = draw_examples(centres, coming, cbow, side, neg, fed, row, twice, state)
                    fed += count
                    for k in range(count * rows_each):
                        fetch_row(output, np.int64(row[k]), dim)
                nearby = coming + 1 if not cbow else coming + widest // 2 + 1
                if nearby < len(centres.words):
                    word = centres.words[nearby]
                    for k in range(words.offsets[word], words.offsets[word + 1]):
                        fetch_row(input, np.int64(words.rows[k]), dim)
            if i < 0:
                continue
            first, last = centres.first[i], centres.last[i]
            if last - first < 2:
                continue
            # ---- hidden
            lr = np.float32(rate + slope * centres.place[i])
            word = centres.words[i]
            hidden[:] = 0
            total[:] = 0
            features = 0
            for j in range(first if cbow else i, last if cbow else i + 1):
                if j != i or not cbow:
                    start, stop = words.offsets[centres.words[j]], words.offsets[centres.words[j] + 1]
                    sum_rows(input, words.rows, start, stop, hidden, dim)
                    features += stop - start
            share = np.float32(1) / np.float32(features)
            for d in range(dim):
                hidden[d] *= share
            # ---- its examples
            row, at, number = drawn[i & 1], 0, 0
            for j in range(i if cbow else first, i + 1 if cbow else last):
                if j == i and not cbow:
                    continue
                target = centres.words[j]
                grad[:] = 0
                if kind == NS and not repeats[i & 1, number]:
                    for g in range(groups):
                        score_rows(output, row, at + g * size, size, hidden, score, dim)
                        for k in range(size):
                            truth = np.float32(1) if k + g == 0 else np.float32(0)
                            product *= judge(score, k, truth, lr)
                        move_rows(output, row, at + g * size, size, hidden, grad, score, dim)
                        if product < 1e-100:
                            loss_sum, product = loss_sum - np.log(product), 1.0
                    if rest > 0:
                        score_rows(output, row, at + groups * size, rest, hidden, score, dim)
                        for k in range(rest):
                            product *= judge(score, k, np.float32(0), lr)
                        move_rows(output, row, at + groups * size, rest, hidden, grad, score, dim)
                elif kind == NS:
                    for k in range(rows_each):
                        score_rows(output, row, at + k, 1, hidden, score, dim)
                        product *= judge(score, 0, np.float32(1) if k == 0 else np.float32(0), lr)
                        move_rows(output, row, at + k, 1, hidden, grad, score, dim)
                        if product < 1e-100:
                            loss_sum, product = loss_sum - np.log(product), 1.0
                elif kind == HS:
                    for k in range(side.paths[target], side.paths[target + 1]):
                        score_rows(output, side.nodes, k, 1, hidden, score, dim)
                        product *= judge(score, 0, side.codes[k], lr)
                        move_rows(output, side.nodes, k, 1, hidden, grad, score, dim)
                        if product < 1e-100:
                            loss_sum, product = loss_sum - np.log(product), 1.0
                else:
                    for k in range(0, len(output) - GROUP + 1, GROUP):
                        score_rows(output, side.nodes, k, GROUP, hidden, score[k:], dim)
                    for k in range(len(output) - len(output) % GROUP, len(output)):
                        score_rows(output, side.nodes, k, 1, hidden, score[k:], dim)
                    loss_sum += softmax_steps(score, target, lr)
                    for k in range(0, len(output) - GROUP + 1, GROUP):
                        move_rows(output, side.nodes, k, GROUP, hidden, grad, score[k:], dim)
                    for k in range(len(output) - len(output) % GROUP, len(output)):
                        move_rows(output, side.nodes, k, 1, hidden, grad, score[k:], dim)
                gain = words.gain[word]
                for d in range(dim):
                    total[d] += grad[d]
                    hidden[d] += gain * grad[d]
                at += rows_each
                number += 1
            # ---- the full gradient to every row, as often as it is named
            for j in range(first if cbow else i, last if cbow else i + 1):
                if j != i or not cbow:
                    start, stop = words.offsets[centres.words[j]], words.offsets[centres.words[j] + 1]
                    add_to_rows(input, words.rows, start, stop, total, dim)
            if broken < 0 and not (product > 0 and abs(loss_sum) < 1e300):
                broken = updates
            examples += number
            updates += 1
        return loss_sum - np.log(product), examples, updates, broken

    return train


@kernel
def _widest(centres):
    """The longest context plus its centre."""
    widest = 1
    for i in range(len(centres.words)):
        widest = max(widest, centres.last[i] - centres.first[i])
    return widest
