"""fastText's four losses as differentiable functions, summed over the batch.

Each takes hidden vectors [B, D] and the whole output table [O, D], and returns a scalar: the *sum* of
the examples' losses (fastText makes one step per example; a batch adds their gradients up). Source:
fastText 0.9.3 ``src/loss.cc``. fastText reads sigmoid and logarithm from tables of 512 entries; these
functions use the exact ones.

Shape suffixes: B examples, O output rows, D vector size, L longest path in the tree, K negatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ftcore.model.huffman import leaf_paths


def softmax(hidden: Tensor, output: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
    """Cross-entropy over all output rows, summed.

    Args:
        hidden: [B, D].
        output: [O, D].
        targets: int64[B].
        weight: float[B], of each example.

    Example:
        >>> round(softmax(torch.zeros(1, 2), torch.zeros(4, 2), torch.tensor([1])).item(), 4)  # ln 4
        1.3863
    """
    return _sum(F.cross_entropy(hidden @ output.T, targets, reduction="none"), weight)


def ova(hidden: Tensor, output: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
    """One-vs-all: a yes/no question for every label; a document may have several.

    Args:
        targets: float[B, O] of zeros and ones (`multi_hot`), or int64[B] where each has one label.
        weight: float[B], of each example.
    """
    logits = hidden @ output.T
    if targets.dim() == 1:
        targets = F.one_hot(targets, len(output))
    loss = F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none")
    return _sum(loss.sum(1), weight)


def ns(
    hidden: Tensor,
    output: Tensor,
    targets: Tensor,
    negatives: Tensor,
    weight: Tensor | None = None,
    sparse: bool = False,
) -> Tensor:
    """Negative sampling: the target's score up, those of sampled others down.

    Args:
        targets: int64[B].
        negatives: int64[B, K], from `NegativeSampler.draw`.
        sparse: give ``output`` a sparse gradient (of the touched rows only).
    """
    rows = torch.cat([targets.unsqueeze(1), negatives], dim=1)
    score = torch.einsum("bd,bkd->bk", hidden, F.embedding(rows, output, sparse=sparse))
    sign = torch.ones_like(score)
    sign[:, 1:] = -1
    return _sum(-F.logsigmoid(score * sign).sum(1), weight)


def hs(
    hidden: Tensor,
    output: Tensor,
    targets: Tensor,
    tree: HuffmanTree,
    weight: Tensor | None = None,
    sparse: bool = False,
) -> Tensor:
    """Hierarchical softmax: a yes/no question at each node between the root and the target's leaf.

    Args:
        targets: int64[B].
        tree: of the output rows' counts.
        sparse: as in `ns`.
    """
    rows = tree.paths.to(targets.device)[targets]  # [B, L], padded with 0
    sign = tree.signs.to(hidden)[targets]  # [B, L], 0 where padded
    score = torch.einsum("bd,bld->bl", hidden, F.embedding(rows, output, sparse=sparse))
    return _sum(-(F.logsigmoid(score * sign) * sign.abs()).sum(1), weight)


def multi_hot(targets: Tensor, offsets: Tensor, classes: int) -> Tensor:
    """Zeros and ones [B, classes] from ragged targets int64[T] with offsets int64[B + 1].

    Example:
        >>> multi_hot(torch.tensor([0, 2]), torch.tensor([0, 2, 2]), 3).tolist()
        [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    out = torch.zeros(len(offsets) - 1, classes, device=targets.device)
    example = torch.repeat_interleave(torch.arange(len(out), device=targets.device), offsets.diff())
    out[example, targets] = 1
    return out


def _sum(loss: Tensor, weight: Tensor | None) -> Tensor:
    return loss.sum() if weight is None else (loss * weight).sum()


# -------------------------------------------------------------------------------------- probabilities
def log_probabilities(logits: Tensor, loss: str, tree: HuffmanTree | None = None) -> Tensor:
    """Logarithms of the classes' probabilities under a loss: [B, O] from scores of the output rows.

    Softmax and hs sum to one over the classes; ova and ns are independent yes/no probabilities.

    Args:
        logits: [B, O], as of `TwoTables`.
        loss: softmax, ova, ns or hs.
        tree: needed for hs.
    """
    if loss == "softmax":
        return F.log_softmax(logits, dim=1)
    if loss == "hs":
        assert tree is not None
        return tree.log_probabilities(logits)
    return F.logsigmoid(logits)


# ------------------------------------------------------------------------------------- Huffman tree
@dataclass(frozen=True)
class HuffmanTree:
    """Binary tree over the classes; inner node i owns output row i (the last row stays unused).

    paths: int64[O, L], output rows from the leaf up to the root, padded with 0.
    signs: float32[O, L], +1 where the path is a right child, -1 a left one, 0 where padded.
    levels: per depth, from the root down, (children, parents' output rows, signs, parents).
    """

    paths: Tensor
    signs: Tensor
    levels: list[tuple[Tensor, Tensor, Tensor, Tensor]]

    def log_probabilities(self, scores: Tensor) -> Tensor:
        """log P(class) for every class, [B, O], from the rows' scores [B, O]: one pass down the tree."""
        size = self.paths.shape[0]
        total = scores.new_zeros(len(scores), 2 * size - 1)
        for children, rows, signs, parents in self.levels:
            step = F.logsigmoid(scores[:, rows.to(scores.device)] * signs.to(scores))
            total = total.index_copy(
                1, children.to(scores.device), total[:, parents.to(scores.device)] + step
            )
        return total[:, :size]


def huffman_tree(counts: np.ndarray) -> HuffmanTree:
    """fastText's Huffman tree (``HierarchicalSoftmaxLoss::buildTree``) for counts in descending order.

    Ties go to the inner node, the second child drawn is the right one (answer 1).

    Example:
        >>> huffman_tree(np.array([5, 3, 2])).paths.tolist()
        [[1, 0], [0, 1], [0, 1]]
    """
    paths, signs, parent, right, depth = leaf_paths(counts)
    size, tensor = len(paths), torch.from_numpy
    levels = []
    for level in range(1, int(depth.max()) + 1):
        children = np.flatnonzero(depth == level)
        sign = np.where(right[children], 1, -1).astype(np.float32)
        above = parent[children]
        levels.append((tensor(children), tensor(above - size), tensor(sign), tensor(above)))
    return HuffmanTree(tensor(paths), tensor(signs), levels)
