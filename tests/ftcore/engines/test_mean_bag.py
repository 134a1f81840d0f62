"""A drop-in for torch's EmbeddingBag: its values, gradients and optimizers, compiled and exported too."""

import pytest
import torch
from torch import nn

from ftcore.engines.cuda import ops
from ftcore.engines.mean_bag import MeanBag
from ftcore.errors import UserError

IDS = torch.tensor([3, 1, 1, 0, 7, 2, 2, 2, 9, 0])
OFFSETS = torch.tensor([0, 3, 3, 8])  # the second bag is empty


def pair(dim=5, padding=None, **given):
    torch.manual_seed(0)
    theirs = nn.EmbeddingBag(10, dim, mode="mean", padding_idx=padding)
    ours = MeanBag(10, dim, padding_idx=padding, **given)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize("dim", [1, 3, 100])
@pytest.mark.parametrize("padding", [None, 2, -10])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_values_and_gradients_are_torch_s(dim, padding, dtype):
    theirs, ours = pair(dim, padding)
    weight = torch.linspace(-1, 1, 4 * dim).reshape(4, dim)
    for module in (theirs, ours):
        (module(IDS.to(dtype), OFFSETS.to(dtype)) * weight).sum().backward()
    torch.testing.assert_close(ours(IDS, OFFSETS), theirs(IDS, OFFSETS))
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


def test_bags_of_one_size_and_a_last_offset():
    theirs, ours = pair()
    torch.testing.assert_close(ours(IDS.reshape(2, 5)), theirs(IDS.reshape(2, 5)))
    ours.include_last_offset = True
    torch.testing.assert_close(ours(IDS, torch.tensor([0, 3, 3, 8, 10])), theirs(IDS, OFFSETS))
    shared = MeanBag.of(theirs)
    assert shared.weight is theirs.weight and shared(IDS, OFFSETS).shape == (4, 5)
    with pytest.raises(UserError, match="mode='sum'.*MeanBag has mode='mean' alone"):
        MeanBag.of(nn.EmbeddingBag(3, 2, mode="sum"))
    with pytest.raises(UserError, match="give ids \\[N\\] with offsets"):
        ours(IDS)


@pytest.mark.parametrize(
    ("update", "optimizer"),
    [("sgd", torch.optim.SGD), ("adagrad", torch.optim.Adagrad)],
)
@pytest.mark.parametrize("padding", [None, 2])
def test_the_backward_pass_steps_as_torch_s_optimizer(update, optimizer, padding):
    theirs, ours = pair(7, padding, update=update, lr=0.3)
    step = optimizer(theirs.parameters(), lr=0.3)
    for round_ in range(4):
        for module in (theirs, ours):
            (module(IDS.roll(round_), OFFSETS) ** 2).sum().backward()
        step.step()
        step.zero_grad()
    assert ours.weight.grad is None
    torch.testing.assert_close(ours.weight, theirs.weight)
    with torch.no_grad():
        ours(IDS, OFFSETS)


@pytest.mark.parametrize("update", ["none", "sgd", "adagrad"])
def test_compiled_it_is_the_same(update):
    torch._dynamo.reset()
    _, ours = pair(update=update)
    _, other = pair(update=update)
    compiled = torch.compile(other, backend="aot_eager", fullgraph=update == "none")
    for ids, offsets in ((IDS, OFFSETS), (IDS[:4], OFFSETS[:2]), (IDS[:7], OFFSETS[:3])):
        for module in (ours, compiled):
            (module(ids, offsets) ** 2).sum().backward()
    torch.testing.assert_close(other.weight, ours.weight)
    if update == "none":
        torch.testing.assert_close(other.weight.grad, ours.weight.grad)


def test_it_is_exported():
    _, ours = pair()
    n, bags = torch.export.Dim("n", min=2), torch.export.Dim("bags", min=2)
    made = torch.export.export(ours, (IDS, OFFSETS), dynamic_shapes=({0: n}, {0: bags}))
    assert "ftcore.bag_mean" in str(made.graph)
    torch.testing.assert_close(made.module()(IDS[:7], OFFSETS[:3]), ours(IDS[:7], OFFSETS[:3]))


def test_the_operations_are_what_torch_asks_of_them():
    ends = torch.tensor([0, 3, 3, 8, 10])
    table, grad = torch.randn(10, 3), torch.randn(4, 3)
    for op, *given in (
        (ops.bag_mean, table.clone().requires_grad_(), IDS, ends, 2),
        (ops.bag_gradient, grad, IDS, ends, -1, 10),
        (ops.bag_sgd, table, IDS, ends, grad, 2, 0.1),
        (ops.bag_adagrad, table, torch.zeros(10, 3), IDS, ends, grad, 2, 0.1, 1e-10),
    ):
        torch.library.opcheck(op, tuple(given))


def test_another_update_is_refused():
    with pytest.raises(UserError, match="update='adam' is not known; choose none, sgd, adagrad"):
        MeanBag(3, 2, update="adam")
