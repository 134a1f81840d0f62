"""fastText's Huffman tree over classes, as arrays (without torch, for inference).

Source: fastText 0.9.3 ``src/loss.cc``, ``HierarchicalSoftmaxLoss::buildTree``.
"""

from __future__ import annotations

import numpy as np

from ftcore import native
from ftcore.errors import UserError


def children(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left and right child of each inner node: int32[C - 1] both; inner node i has the number C + i.

    Args:
        counts: int64[C] of the classes, descending.

    Example:
        >>> [side.tolist() for side in children(np.array([5, 3, 2]))]
        [[2, 3], [1, 0]]
    """
    counts = np.asarray(counts, np.int64)
    parent, right = build_tree(counts)
    sides = np.zeros((2, max(0, len(counts) - 1)), np.int32)
    below = np.arange(2 * len(counts) - 2)
    sides[right[below].astype(np.int64), parent[below] - len(counts)] = below
    return sides[0], sides[1]


def leaf_paths(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(paths int64[C, L], signs float32[C, L], parent, right, depth), the last three of every node.

    A path lists inner nodes (output rows) from the leaf up to the root, padded with 0; a sign is +1 where it goes
    to the right child, -1 to the left, 0 where padded.

    Raises:
        UserError: without a class.
    """
    counts = np.asarray(counts, np.int64)
    size = len(counts)
    if size == 0:
        raise UserError("hierarchical softmax needs at least one class")
    parent, right = build_tree(counts)
    depth = np.zeros(2 * size - 1, np.int64)
    for node in range(2 * size - 3, -1, -1):  # parents come after their children
        depth[node] = depth[parent[node]] + 1
    longest = max(1, int(depth[:size].max()))
    paths = np.zeros((size, longest), np.int64)
    signs = np.zeros((size, longest), np.float32)
    at = np.arange(size)
    for step in range(longest):
        alive = parent[at] >= 0
        paths[alive, step] = parent[at[alive]] - size
        signs[alive, step] = np.where(right[at[alive]], 1, -1)
        at = np.where(alive, parent[at], at)
    return paths, signs, parent, right, depth


def log_leaves(scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Log-probabilities of the classes, float32[B, C], from the scores of the inner nodes.

    Args:
        scores: float32[B, C], hidden · outputᵀ; row i of the output is inner node C + i, the last is unused.
        counts: int64[C] of the classes, descending.

    Example:
        >>> np.exp(log_leaves(np.zeros((1, 3), np.float32), np.array([5, 3, 2]))).tolist()
        [[0.5, 0.25, 0.25]]
    """
    left, right = children(counts)
    size = len(counts)
    found = np.zeros((max(1, 2 * size - 1), len(scores)), np.float32)  # a node's row at a time
    for node in range(2 * size - 2, size - 1, -1):  # parents come before their children
        score = scores[:, node - size]
        found[left[node - size]] = found[node] - np.logaddexp(0, score)
        found[right[node - size]] = found[node] - np.logaddexp(0, -score)
    return np.ascontiguousarray(found[:size].T)


def build_tree(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parent of each node (-1: the root) and whether it is the right child: int64, bool[2C - 1].

    The first C nodes are the classes. Ties go to the inner node, the second child drawn is the right one.

    Args:
        counts: int64[C], descending.
    """
    parent, right = native.huffman_tree(np.ascontiguousarray(counts, np.int64))
    return parent, right.view(np.bool_)
