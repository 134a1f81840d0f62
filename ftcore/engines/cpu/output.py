"""The output side of an update on the CPU: which rows are scored, drawn how, and moved by how much.

Compiled into the kernels that call them. Source: fastText 0.9.3 ``src/loss.cc``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftcore.model.kernel import kernel


class Output(NamedTuple):
    """The output side of a loss; arrays that it does not read are empty."""

    alias: np.ndarray  # uint32[nwords, 2] (ns)
    given: np.ndarray  # int32[examples * neg] negatives to take instead of drawing them
    nodes: np.ndarray  # int32[N] output rows from each leaf to the root (hs); all rows (softmax)
    codes: np.ndarray  # float32[N], 1 where the node is a right child
    paths: np.ndarray  # int64[nwords + 1], where each word's nodes start


@kernel(reorder=True, inline=True)
def judge(score, k, truth, lr):
    """Replace a score by its step, lr * (truth - p); the probability given to the truth, at least 1e-15."""
    p = _sigmoid(score[k])
    score[k] = lr * (truth - p)
    given = truth * p + (np.float32(1) - truth) * (np.float32(1) - p)
    return np.float32(1e-15) if given < np.float32(1e-15) else given  # NaN stays NaN


@kernel(reorder=True, inline=True)
def _sigmoid(x):
    """1 / (1 + exp(-x)), to 1e-7: exp by Cody and Waite's reduction and Cephes' polynomial (``expf.c``)."""
    x = np.float32(-87) if -x < np.float32(-87) else (np.float32(87) if -x > np.float32(87) else -x)
    power = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    r = x - power * np.float32(0.693359375) + power * np.float32(2.12194440e-4)
    e = np.float32(1.9875691500e-4)
    e = e * r + np.float32(1.3981999507e-3)
    e = e * r + np.float32(8.3334519073e-3)
    e = e * r + np.float32(4.1665795894e-2)
    e = e * r + np.float32(1.6666665459e-1)
    e = e * r + np.float32(5.0000001201e-1)
    e = e * r * r + r + np.float32(1)
    scale = np.int32((np.int32(power) + np.int32(127)) << np.int32(23)).view(np.float32)  # 2 ** power
    return np.float32(1) / (np.float32(1) + e * scale)


@kernel(reorder=True)
def softmax_steps(score, target, lr):
    """Replace scores by their steps, lr * (truth - p); the loss in nats."""
    top = score.max()
    whole = np.float32(0)
    for row in range(len(score)):
        whole += np.exp(score[row] - top)
    loss = np.log(whole) - (score[target] - top)
    for row in range(len(score)):
        truth = np.float32(1) if row == target else np.float32(0)
        score[row] = lr * (truth - np.exp(score[row] - top) / whole)
    return loss


@kernel(inline=True)
def draw_row(alias, state):
    """(a row, drawn by its weight; the generator's new state). alias: of `alias_table`. state: uint64."""
    state += np.uint64(0x9E3779B97F4A7C15)
    x = state  # splitmix64 (Steele, Lea, Flood, OOPSLA 2014)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    row = np.int32(((x >> np.uint64(32)) * np.uint64(len(alias))) >> np.uint64(32))
    if np.uint32(x) >= alias[row, 0]:
        row = np.int32(alias[row, 1])
    return row, state


@kernel(inline=True)
def draw_examples(centres, i, cbow, side, neg, fed, row, twice, state):
    """Output rows of a centre's examples, target first; the generator's new state and the number of examples.

    row: int32[examples * (neg + 1)]. twice: bool[examples], whether some row is named twice.
    fed: the number of the centre's first example, where negatives are given.
    """
    at = number = 0
    for j in range(i if cbow else centres.first[i], i + 1 if cbow else centres.last[i]):
        if j == i and not cbow:
            continue
        target = centres.words[j]
        row[at] = target
        same = False
        for k in range(1, neg + 1):
            if len(side.given):
                other = side.given[(fed + number) * neg + k - 1]
            else:
                other = target
                while other == target:
                    other, state = draw_row(side.alias, state)
            for before in range(1, k):
                same |= row[at + before] == other
            row[at + k] = other
        twice[number] = same
        at += neg + 1
        number += 1
    return state, number
