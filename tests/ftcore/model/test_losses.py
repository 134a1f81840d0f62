"""Losses, their gradients, the Huffman tree and the table of negatives."""

import heapq
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.errors import UserError
from ftcore.model import losses
from ftcore.model.losses import huffman_tree, log_probabilities, multi_hot
from ftcore.model.negatives import NegativeSampler

torch.manual_seed(0)
HIDDEN = torch.randn(3, 4, dtype=torch.float64)
OUTPUT = torch.randn(5, 4, dtype=torch.float64)
TARGETS = torch.tensor([0, 4, 2])
NEGATIVES = torch.tensor([[1, 2, 2], [0, 0, 3], [4, 1, 0]])
TREE = huffman_tree(np.array([9, 5, 3, 3, 1]))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def slow_tree(counts: list[int]) -> tuple[list[list[int]], list[list[bool]]]:
    """loss.cc buildTree, on a list of nodes."""
    n = len(counts)
    nodes = [{"count": c, "parent": -1, "binary": False} for c in counts]
    nodes += [{"count": 10**15, "parent": -1, "binary": False} for _ in range(n - 1)]
    leaf, node = n - 1, n
    for i in range(n, 2 * n - 1):
        mini = []
        for _ in range(2):
            if leaf >= 0 and nodes[leaf]["count"] < nodes[node]["count"]:
                mini.append(leaf)
                leaf -= 1
            else:
                mini.append(node)
                node += 1
        nodes[i]["count"] = nodes[mini[0]]["count"] + nodes[mini[1]]["count"]
        nodes[mini[0]]["parent"] = nodes[mini[1]]["parent"] = i
        nodes[mini[1]]["binary"] = True
    paths, codes = [], []
    for j in range(n):
        paths.append([])
        codes.append([])
        while nodes[j]["parent"] != -1:
            paths[-1].append(nodes[j]["parent"] - n)
            codes[-1].append(nodes[j]["binary"])
            j = nodes[j]["parent"]
    return paths, codes


counts_descending = st.lists(st.integers(0, 50), min_size=1, max_size=20).map(
    lambda c: sorted(c, reverse=True)
)


@given(counts_descending)
@settings(deadline=None)
def test_tree_equals_the_transcript_and_is_optimal(counts):
    tree = huffman_tree(np.array(counts))
    paths, codes = slow_tree(counts)
    for c in range(len(counts)):
        real = tree.signs[c] != 0
        assert tree.paths[c][real].tolist() == paths[c]
        assert (tree.signs[c][real] > 0).tolist() == codes[c]
    heap = list(counts)
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        cost += both
        heapq.heappush(heap, both)
    assert sum(c * len(p) for c, p in zip(counts, paths, strict=True)) == cost


@given(counts_descending)
@settings(deadline=None, max_examples=25)
def test_tree_probabilities_sum_to_one(counts):
    tree = huffman_tree(np.array(counts))
    scores = torch.randn(2, len(counts), dtype=torch.float64)
    log_p = tree.log_probabilities(scores)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(2, dtype=torch.float64))
    paths, codes = slow_tree(counts)
    for c in range(len(counts)):
        expected = sum(
            math.log(sigmoid(scores[0, r] if s else -scores[0, r]))
            for r, s in zip(paths[c], codes[c], strict=True)
        )
        assert log_p[0, c].item() == pytest.approx(expected)


def test_softmax():
    scores = HIDDEN @ OUTPUT.T
    expected = -sum(math.log(torch.softmax(scores[b], 0)[TARGETS[b]]) for b in range(3))
    assert losses.softmax(HIDDEN, OUTPUT, TARGETS).item() == pytest.approx(expected)


def test_ova():
    truth = multi_hot(torch.tensor([0, 1, 4]), torch.tensor([0, 2, 2, 3]), 5)
    scores = (HIDDEN @ OUTPUT.T).tolist()
    expected = -sum(
        math.log(sigmoid(scores[b][c]) if truth[b, c] else 1 - sigmoid(scores[b][c]))
        for b in range(3)
        for c in range(5)
    )
    assert losses.ova(HIDDEN, OUTPUT, truth).item() == pytest.approx(expected)
    single = losses.ova(HIDDEN, OUTPUT, TARGETS)
    torch.testing.assert_close(single, losses.ova(HIDDEN, OUTPUT, torch.nn.functional.one_hot(TARGETS, 5)))


def test_ns():
    scores = (HIDDEN @ OUTPUT.T).tolist()
    expected = -sum(
        math.log(sigmoid(scores[b][TARGETS[b]]))
        + sum(math.log(1 - sigmoid(scores[b][n])) for n in NEGATIVES[b])
        for b in range(3)
    )
    assert losses.ns(HIDDEN, OUTPUT, TARGETS, NEGATIVES).item() == pytest.approx(expected)


def test_hs_equals_the_trees_probabilities():
    log_p = log_probabilities(HIDDEN @ OUTPUT.T, "hs", TREE)
    expected = -log_p[torch.arange(3), TARGETS].sum()
    torch.testing.assert_close(losses.hs(HIDDEN, OUTPUT, TARGETS, TREE), expected)


CALLS = {
    "softmax": lambda h, o, w=None: losses.softmax(h, o, TARGETS, w),
    "ova": lambda h, o, w=None: losses.ova(h, o, TARGETS, w),
    "ns": lambda h, o, w=None: losses.ns(h, o, TARGETS, NEGATIVES, w),
    "hs": lambda h, o, w=None: losses.hs(h, o, TARGETS, TREE, w),
}


@pytest.mark.parametrize("name", CALLS)
def test_gradcheck(name):
    args = HIDDEN.clone().requires_grad_(), OUTPUT.clone().requires_grad_()
    assert torch.autograd.gradcheck(CALLS[name], args)


@pytest.mark.parametrize("name", CALLS)
def test_weights_count_examples(name):
    weight = torch.tensor([2.0, 0.0, 1.0], dtype=torch.float64)
    one = [CALLS[name](HIDDEN, OUTPUT, torch.eye(3, dtype=torch.float64)[b]).item() for b in range(3)]
    assert CALLS[name](HIDDEN, OUTPUT).item() == pytest.approx(sum(one))
    assert CALLS[name](HIDDEN, OUTPUT, weight).item() == pytest.approx(2 * one[0] + one[2])


@pytest.mark.parametrize("name", ["ns", "hs"])
def test_sparse_rows_give_the_same_gradient(name):
    grads = []
    for sparse in (False, True):
        output = OUTPUT.clone().requires_grad_()
        extra = NEGATIVES if name == "ns" else TREE
        getattr(losses, name)(HIDDEN, output, TARGETS, extra, sparse=sparse).backward()
        assert output.grad.is_sparse is sparse
        grads.append(output.grad.to_dense())
    torch.testing.assert_close(*grads)


def test_fasttexts_step_is_the_gradient():
    """loss.cc binaryLogistic: alpha = lr (label - score), both vectors moved by it."""
    hidden, output = HIDDEN[:1].clone().requires_grad_(), OUTPUT.clone().requires_grad_()
    losses.ns(hidden, output, TARGETS[:1], NEGATIVES[:1]).backward()
    expected = torch.zeros_like(OUTPUT)
    moved = torch.zeros(4, dtype=torch.float64)
    for row, truth in [(0, 1), (1, 0), (2, 0), (2, 0)]:
        alpha = truth - sigmoid(HIDDEN[0] @ OUTPUT[row])
        expected[row] += alpha * HIDDEN[0]
        moved += alpha * OUTPUT[row]
    torch.testing.assert_close(-output.grad, expected)
    torch.testing.assert_close(-hidden.grad[0], moved)


# ------------------------------------------------------------------------------------------ negatives
def test_table_sizes():
    counts = [1000, 10, 1, 1]
    z = np.float32(sum(math.sqrt(c) for c in counts))
    expected = [
        math.ceil(np.float32(np.float32(np.float32(math.sqrt(c)) * np.float32(1e7)) / z)) for c in counts
    ]
    sampler = NegativeSampler(np.array(counts))
    assert sampler.sizes.tolist() == expected
    edges = np.array([0, expected[0] - 1, expected[0], sampler.total - 1])
    assert sampler.lookup(edges).tolist() == [0, 0, 1, 3]


def test_negatives_follow_the_square_root_and_are_never_the_target():
    counts = np.array([900, 400, 100, 0])
    targets = np.full(20_000, 2)
    drawn = NegativeSampler(counts).draw(targets, 5, np.random.default_rng(0))
    assert drawn.shape == (20_000, 5)
    share = np.bincount(drawn.ravel(), minlength=4) / drawn.size
    np.testing.assert_allclose(share, [0.6, 0.4, 0, 0], atol=0.01)


def test_too_few_classes():
    with pytest.raises(UserError, match="at least 2 classes"):
        NegativeSampler(np.array([5]))
    with pytest.raises(UserError, match="at least 2 classes"):
        NegativeSampler(np.array([5, 0]))
    with pytest.raises(UserError, match="at least one class"):
        huffman_tree(np.array([], np.int64))
