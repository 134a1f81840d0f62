"""Draws with given weights in constant time and 8 bytes a class: Walker's alias method.

fastText writes its distribution of negatives out as a table of 10 million entries, 40 MB that miss the
cache at every draw (``loss.cc``, ``NegativeSamplingLoss``). Here are the same integer weights in two
numbers a class. Source: Vose, IEEE Trans. Software Eng. 17 (1991) 972.
"""

from __future__ import annotations

import numpy as np

from ftcore import native


def alias_table(weights: np.ndarray) -> np.ndarray:
    """uint32[C, 2]: (threshold, other class) of each class, for weights int[C] of a sum below 2**53.

    A draw takes a uniform class c and a uniform uint32 u: it is c if ``u < threshold[c]``, else the other.
    The probabilities are off by less than 2**-32 each.

    Example:
        >>> alias_table(np.array([3, 1])).tolist()  # class 1 stays itself in half of its draws
        [[4294967295, 0], [2147483648, 0]]
    """
    weights = np.ascontiguousarray(weights, np.float64)
    table = np.empty((len(weights), 2), np.uint32)
    native.alias_table(weights, table)
    return table
