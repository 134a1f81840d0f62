"""Skip-gram and CBOW with negative sampling where neighbouring centres share work; faster, not fastText's sequence.

Skip-gram: the 16 centres of a block share a pool of 8 * neg negatives, each weighted so that a centre has as much
of them as `neg` drawn for each of its pairs would give. The pool's rows stay in the nearest cache, where a
draw a pair reads a distant row each time. (Few negatives with large weights ruin the vectors: 5 for one
centre halved every similarity; 40 for 16 lose nothing.) Hidden moves after every pair and every eight negatives, as
the rows would: leaving that to the centre's end is a tenth faster and a point worse in analogies.

CBOW: a word is in the contexts of some ten centres in a row. Its rows are summed once, when it comes into reach;
the gradients of its centres are collected and reach the rows once, when it leaves. Meanwhile its sum moves
with them as its rows would; only a row that two words in reach have in common is read a few centres late.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ftcore.engines.cpu import lanes
from ftcore.engines.cpu import output as output_side
from ftcore.engines.cpu.lanes import add_to_rows, fetch_row, move_rows, score_rows, sum_rows
from ftcore.engines.cpu.output import draw_examples, draw_row, judge
from ftcore.model.kernel import kernel, source_stamp

BLOCK = 16  # centres that share negatives
POOL = 8  # times neg: negatives they share
LARGEST = 20  # neg up to which all rows of a bag, or of a pool, are worth keeping at hand
AHEAD = 2  # centres between asking for rows and reading them


def shareable(model: str, loss: str, neg: int, nwords: int) -> bool:
    """Whether centres can share: negative sampling with few negatives, and for skip-gram a vocabulary that a pool is a small part of."""
    return loss == "ns" and neg <= LARGEST and (model == "cbow" or nwords >= 8 * POOL * neg)


@lru_cache
def skipgram_kernel(dim: int, neg: int) -> Callable:
    """Arguments and results as of `exact.exact_kernel`; the loss is an estimate: a pool's, weighted."""
    pool = POOL * neg
    made_of = source_stamp(output_side, lanes)

    @kernel(reorder=True)
    def train(input, output, words, centres, side, rate, slope, seed):
        assert made_of  # part of the cache's key
        hidden, grad, total = np.empty(dim, np.float32), np.empty(dim, np.float32), np.empty(dim, np.float32)
        score = np.empty(POOL, np.float32)
        rows = np.empty((2, pool), np.int32)  # of this block's pool and the next's, all different
        times = np.empty((2, pool), np.float32)  # how often each was drawn
        share = np.empty(2, np.float32)  # neg over the draws
        weight = np.empty(pool, np.float32)
        state, loss, examples, updates, broken = seed, 0.0, 0, 0, -1
        size = len(centres.words)
        for block in range(-1, (size + BLOCK - 1) // BLOCK):
            coming = (block + 1) & 1
            if (block + 1) * BLOCK < size:
                state, draws = _draw_pool(side.alias, rows[coming], times[coming], state)
                share[coming] = np.float32(neg) / np.float32(draws)
                for k in range(pool):
                    fetch_row(output, np.int64(rows[coming, k]), dim)
            if block < 0:
                continue
            row, drawn, part = rows[block & 1], times[block & 1], share[block & 1]
            for i in range(block * BLOCK, min(block * BLOCK + BLOCK, size)):
                if i + AHEAD < size:
                    word = centres.words[i + AHEAD]
                    for k in range(words.offsets[word], words.offsets[word + 1]):
                        fetch_row(input, np.int64(words.rows[k]), dim)
                    fetch_row(output, np.int64(centres.words[centres.last[i + AHEAD] - 1]), dim)
                first, last = centres.first[i], centres.last[i]
                pairs = last - first - 1
                if pairs < 1:
                    continue
                lr = np.float32(rate + slope * centres.place[i])
                word = centres.words[i]
                start, stop = words.offsets[word], words.offsets[word + 1]
                hidden[:] = 0
                total[:] = 0
                sum_rows(input, words.rows, start, stop, hidden, dim)
                mean = np.float32(1) / np.float32(stop - start)
                for d in range(dim):
                    hidden[d] *= mean
                weight[:] = part * np.float32(pairs)
                found, product = 0.0, 1.0
                gain = words.gain[word]
                for j in range(first, last):
                    if j == i:
                        continue
                    score_rows(output, centres.words, j, 1, hidden, score, dim)
                    product *= judge(score, 0, np.float32(1), lr)
                    grad[:] = 0
                    move_rows(output, centres.words, j, 1, hidden, grad, score, dim)
                    for d in range(dim):
                        total[d] += grad[d]
                        hidden[d] += gain * grad[d]
                    for k in range(pool):  # a pair's target is none of its negatives
                        if row[k] == centres.words[j]:
                            weight[k] -= part
                    if product < 1e-100:
                        found, product = found - np.log(product), 1.0
                found -= np.log(product)
                product = 1.0
                for g in range(0, pool, POOL):
                    score_rows(output, row, g, POOL, hidden, score, dim)
                    for k in range(POOL):
                        product *= judge(score, k, np.float32(0), lr)
                        score[k] *= weight[g + k] * drawn[g + k]
                    grad[:] = 0
                    move_rows(output, row, g, POOL, hidden, grad, score, dim)
                    for d in range(dim):
                        total[d] += grad[d]
                        hidden[d] += gain * grad[d]
                    if product < 1e-100:
                        found, product = found - part * pairs * np.log(product), 1.0
                found -= part * pairs * np.log(product)
                add_to_rows(input, words.rows, start, stop, total, dim)
                if broken < 0 and not abs(found) < 1e300:
                    broken = updates
                loss += found
                examples += pairs
                updates += 1
        return loss, examples, updates, broken

    return train


@lru_cache
def cbow_kernel(dim: int, neg: int) -> Callable:
    """Arguments and results as of `exact.exact_kernel`."""
    size = neg + 1
    made_of = source_stamp(output_side, lanes)

    @kernel(reorder=True)
    def train(input, output, words, centres, side, rate, slope, seed):
        assert made_of  # part of the cache's key
        hidden, grad = np.empty(dim, np.float32), np.empty(dim, np.float32)
        score = np.empty(size, np.float32)
        reach = _reach(centres)
        slots = 1
        while slots < 2 * reach + 2:
            slots *= 2
        sums, owed = (
            np.empty((slots, dim), np.float32),
            np.empty((slots, dim), np.float32),
        )  # of words in reach
        near = np.empty(2 * reach + 1, np.int32)  # slots of a centre's context
        drawn, repeats = np.empty((2, size), np.int32), np.empty((2, 1), np.bool_)
        state, fed, loss, product, updates, broken = seed, 0, 0.0, 1.0, 0, -1
        loaded = left = 0  # the next word to come into reach, and the next to leave it
        count = len(centres.words)
        for i in range(-1, count + reach + 1):
            coming = i + 1
            if coming < count and centres.last[coming] - centres.first[coming] > 1:
                row = drawn[coming & 1]
                state, made = draw_examples(
                    centres, coming, True, side, neg, fed, row, repeats[coming & 1], state
                )
                fed += made
                for k in range(size):
                    fetch_row(output, np.int64(row[k]), dim)
            if coming + reach + 1 < count:
                word = centres.words[coming + reach + 1]
                for k in range(words.offsets[word], words.offsets[word + 1]):
                    fetch_row(input, np.int64(words.rows[k]), dim)
            if i < 0:
                continue
            while left < min(i - reach, loaded):
                word, slot = centres.words[left], left & (slots - 1)
                add_to_rows(input, words.rows, words.offsets[word], words.offsets[word + 1], owed[slot], dim)
                left += 1
            if i >= count:
                continue
            first, last = centres.first[i], centres.last[i]
            if last - first < 2:
                continue
            while loaded < last:
                word, slot = centres.words[loaded], loaded & (slots - 1)
                owed[slot, :] = 0
                sums[slot, :] = 0
                sum_rows(input, words.rows, words.offsets[word], words.offsets[word + 1], sums[slot], dim)
                loaded += 1
            features = context = 0
            for j in range(first, last):
                if j != i:
                    word = centres.words[j]
                    near[context] = j & (slots - 1)
                    context += 1
                    features += words.offsets[word + 1] - words.offsets[word]
            lr = np.float32(rate + slope * centres.place[i])
            hidden[:] = 0
            grad[:] = 0
            sum_rows(sums, near, 0, context, hidden, dim)
            mean = np.float32(1) / np.float32(features)
            for d in range(dim):
                hidden[d] *= mean
            row = drawn[i & 1]
            if not repeats[i & 1, 0]:
                score_rows(output, row, 0, size, hidden, score, dim)
                for k in range(size):
                    product *= judge(score, k, np.float32(1) if k == 0 else np.float32(0), lr)
                    if product < 1e-100:
                        loss, product = loss - np.log(product), 1.0
                move_rows(output, row, 0, size, hidden, grad, score, dim)
            else:
                for k in range(size):
                    score_rows(output, row, k, 1, hidden, score, dim)
                    product *= judge(score, 0, np.float32(1) if k == 0 else np.float32(0), lr)
                    move_rows(output, row, k, 1, hidden, grad, score, dim)
                    if product < 1e-100:
                        loss, product = loss - np.log(product), 1.0
            add_to_rows(owed, near, 0, context, grad, dim)
            at = 0
            for j in range(first, last):
                if j != i:
                    word = centres.words[j]
                    moved = words.gain[word] * np.float32(words.offsets[word + 1] - words.offsets[word])
                    total = sums[near[at]]
                    for d in range(dim):
                        total[d] += moved * grad[d]
                    at += 1
            if broken < 0 and not (product > 0 and abs(loss) < 1e300):
                broken = updates
            updates += 1
        return loss - np.log(product), updates, updates, broken

    return train


@kernel
def _reach(centres):
    """How far the widest window goes to either side."""
    reach = 1
    for i in range(len(centres.words)):
        reach = max(reach, i - centres.first[i], centres.last[i] - 1 - i)
    return reach


@kernel(inline=True)
def _draw_pool(alias, row, times, state):
    """Draw until as many different rows are found as there is room for: (the generator's new state, draws)."""
    found = draws = 0
    while found < len(row):
        drawn, state = draw_row(alias, state)
        draws += 1
        seen = False
        for k in range(found):
            if row[k] == drawn:
                times[k] += np.float32(1)
                seen = True
        if not seen:
            row[found] = drawn
            times[found] = np.float32(1)
            found += 1
    return state, draws
