"""Draws with given weights in constant time and 8 bytes a class: Walker's alias method.

fastText writes its distribution of negatives out as a table of 10 million entries, 40 MB that miss the
cache at every draw (``loss.cc``, ``NegativeSamplingLoss``). Here are the same integer weights in two
numbers a class. Source: Vose, IEEE Trans. Software Eng. 17 (1991) 972.
"""

from __future__ import annotations

import numpy as np

from ftcore.model.kernel import kernel


def alias_table(weights: np.ndarray) -> np.ndarray:
    """uint32[C, 2]: (threshold, other class) of each class, for weights int[C] of a sum below 2**53.

    A draw takes a uniform class c and a uniform uint32 u: it is c if ``u < threshold[c]``, else the other.
    The probabilities are off by less than 2**-32 each.

    >>> alias_table(np.array([3, 1])).tolist()  # class 1 stays itself in half of its draws
    [[4294967295, 0], [2147483648, 0]]
    """
    return _build(np.asarray(weights, np.float64))


@kernel
def _build(weights):
    size = len(weights)
    share = weights * (size / weights.sum())
    table = np.empty((size, 2), np.uint32)
    small, large = np.empty(size, np.int64), np.empty(size, np.int64)
    nsmall = nlarge = 0
    for c in range(size):
        if share[c] < 1:
            small[nsmall] = c
            nsmall += 1
        else:
            large[nlarge] = c
            nlarge += 1
    while nsmall > 0 and nlarge > 0:
        nsmall -= 1
        low, high = small[nsmall], large[nlarge - 1]
        table[low, 0] = np.uint32(min(share[low] * 4294967296.0, 4294967295.0))
        table[low, 1] = high
        share[high] -= 1 - share[low]
        if share[high] < 1:
            nlarge -= 1
            small[nsmall] = high
            nsmall += 1
    for rest, left in ((small, nsmall), (large, nlarge)):  # what rounding has left: themselves
        for i in range(left):
            table[rest[i], 0] = np.uint32(4294967295)
            table[rest[i], 1] = rest[i]
    return table
