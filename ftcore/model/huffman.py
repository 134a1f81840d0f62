"""fastText's Huffman tree over classes, as arrays (without torch, for inference).

Source: fastText 0.9.3 ``src/loss.cc``, ``HierarchicalSoftmaxLoss::buildTree``.
"""

from __future__ import annotations

import numpy as np

from ftcore.model.kernel import kernel


def children(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left and right child of each inner node: int32[C - 1] both; inner node i has the number C + i.

    Args:
        counts: int64[C] of the classes, descending.

    >>> [side.tolist() for side in children(np.array([5, 3, 2]))]
    [[2, 3], [1, 0]]
    """
    counts = np.asarray(counts, np.int64)
    parent, right = build_tree(counts)
    sides = np.zeros((2, max(0, len(counts) - 1)), np.int32)
    below = np.arange(2 * len(counts) - 2)
    sides[right[below].astype(np.int64), parent[below] - len(counts)] = below
    return sides[0], sides[1]


@kernel
def build_tree(counts):
    """Parent of each node (-1: the root) and whether it is the right child: int64, bool[2C - 1].

    The first C nodes are the classes. Ties go to the inner node, the second child drawn is the right one.

    Args:
        counts: int64[C], descending.
    """
    size = len(counts)
    total = np.full(2 * size - 1, np.int64(10**15))  # the sentinel of nodes that are not yet built
    total[:size] = counts
    parent = np.full(2 * size - 1, -1)
    right = np.zeros(2 * size - 1, np.bool_)
    leaf = size - 1
    node = size
    for i in range(size, 2 * size - 1):
        made = np.int64(0)
        for j in range(2):
            if leaf >= 0 and total[leaf] < total[node]:
                child = leaf
                leaf -= 1
            else:
                child = node
                node += 1
            parent[child] = i
            right[child] = j == 1
            made += total[child]
        total[i] = made
    return parent, right
