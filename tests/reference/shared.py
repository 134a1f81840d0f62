"""Skip-gram whose centres share negatives, in plain Python and float64: what `native/kernels/skipgram.cc` computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ftcore.engines.cpu.draws import Centres
from ftcore.engines.cpu.engine import BLOCK, POOL
from tests.reference.sequential import sigmoid


class Pool:
    """The kernel's generator and draws."""

    def __init__(self, alias, seed):
        self.alias, self.state = alias, seed

    def draw(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        x = self.state
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        x ^= x >> 31
        row = ((x >> 32) * len(self.alias)) >> 32  # no numpy integers: they overflow
        return row if (x & 0xFFFFFFFF) < self.alias[row, 0] else int(self.alias[row, 1])

    def distinct(self, size):
        """{row: times drawn}, drawn until there are `size` rows."""
        times = {}
        while len(times) < size:
            row = self.draw()
            times[row] = times.get(row, 0) + 1
        return times


def slow_skipgram(
    input: np.ndarray, output: np.ndarray, centres: Centres, setup: Any, rate: float, neg: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Blocks of centres with a pool of negatives, a row at a time: (input, output, loss) after them.

    Args:
        input: [R, D]. output: [V, D]. setup: its ``targets.alias``, ``subwords`` and ``gain`` are read.
    """
    input, output = input.astype(np.float64), output.astype(np.float64)
    pool, loss = Pool(setup.targets.alias.astype(np.int64), seed), 0.0
    for i in range(len(centres.words)):
        if i % BLOCK == 0:
            times = pool.distinct(POOL * neg)
            draws = sum(times.values())
        context = [int(centres.words[j]) for j in range(centres.first[i], centres.last[i]) if j != i]
        if not context:
            continue
        word = centres.words[i]
        rows = setup.subwords.values[setup.subwords.offsets[word] : setup.subwords.offsets[word + 1]]
        hidden, total, gain = input[rows].mean(0), 0, setup.gain[word]
        for target in context:
            p = sigmoid(output[target] @ hidden)
            step = rate * (1 - p)
            grad = step * output[target]
            output[target] += step * hidden
            loss -= np.log(p)
            total, hidden = total + grad, hidden + gain * grad  # as the rows would have moved it
        for k in range(0, POOL * neg, POOL):
            grad = 0
            for row, count in list(times.items())[k : k + POOL]:
                p = sigmoid(output[row] @ hidden)
                weight = neg / draws * count * (len(context) - context.count(row))
                step = -rate * weight * p
                grad = grad + step * output[row]
                output[row] += step * hidden
                loss -= neg / draws * len(context) * np.log(1 - p)
            total, hidden = total + grad, hidden + gain * grad
        for row in rows:
            input[row] += total
    return input, output, loss
