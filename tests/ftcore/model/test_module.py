"""The two tables: means, absent rows, gradients, sparse and compiled forms."""

import numpy as np
import pytest
import torch

from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.model.module import Absent, Bags, TwoTables, make_bags
from ftcore.model.optimizers import clip_gradients, split_optimizers

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def tables(rows=6, dim=4, out=3, sparse=False, device="cpu") -> TwoTables:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    generator = torch.Generator().manual_seed(0)
    made = TwoTables(
        torch.randn(rows, dim, generator=generator), torch.randn(out, dim, generator=generator), sparse
    )
    return made.to(device)


@pytest.mark.parametrize("device", DEVICES)
def test_mean_and_product(device):
    model = tables(device=device)
    bags = make_bags(np.array([0, 1, 1, 5]), np.array([0, 3, 3, 4])).to(device)
    hidden = model.hidden(*bags)
    expected = torch.stack([(model.input[0] + 2 * model.input[1]) / 3, model.input[0] * 0, model.input[5]])
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(model(*bags), expected @ model.output.T)


def test_absent_rows_count_in_the_mean():
    model = tables()
    bags = make_bags(np.array([-8, 2, -1, 3, -8]), np.array([0, 3, 4, 5, 5]), seed=9, dim=4)
    row = torch.from_numpy(initial_rows(9, bucket_numbers(np.array([7, 0])), 4))
    hidden = model.hidden(*bags)
    torch.testing.assert_close(hidden[0], (row[0] + model.input[2] + row[1]) / 3)
    torch.testing.assert_close(hidden[1], model.input[3])
    torch.testing.assert_close(hidden[2], row[0])
    assert hidden[3].tolist() == [0] * 4 and len(bags) == 4
    hidden.sum().backward()
    assert model.input.grad[2].tolist() == pytest.approx([1 / 3] * 4)


def test_no_bags_and_no_features():
    model = tables()
    assert model(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)).shape == (0, 3)
    assert (
        model(torch.zeros(0, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)).tolist() == [[0] * 3] * 2
    )
    only = make_bags(np.array([-3]), np.array([0, 1]), seed=0, dim=4)
    assert model(*only).shape == (1, 3) and isinstance(only.absent, Absent)


def test_gradcheck():
    model = tables().double()
    bags = Bags(
        torch.tensor([0, 1, 1]), torch.tensor([0, 2]), Absent(torch.randn(1, 4).double(), torch.tensor([1]))
    )

    def score(input, output):
        return torch.func.functional_call(model, {"input": input, "output": output}, tuple(bags))

    assert torch.autograd.gradcheck(score, (model.input, model.output))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.timeout(120)
def test_compiled_forward_and_backward(sparse):
    model = tables(sparse=sparse)
    compiled = torch.compile(model, fullgraph=True)
    for ids, offsets in [([0, 1, 5], [0, 2]), ([2, 3, 4, 4, 0], [0, 1, 1])]:
        args = torch.tensor(ids), torch.tensor(offsets)
        torch.testing.assert_close(compiled(*args), model(*args))
        model.zero_grad()
        compiled(*args).sum().backward()
        got = model.input.grad.to_dense()
        model.zero_grad()
        model(*args).sum().backward()
        torch.testing.assert_close(got, model.input.grad.to_dense())


def test_sparse_gradients_touch_only_their_rows():
    model = tables(sparse=True)
    model(torch.tensor([1, 3, 3]), torch.tensor([0])).sum().backward()
    assert model.input.grad.is_sparse
    assert sorted(model.input.grad.coalesce().indices()[0].tolist()) == [1, 3]


@pytest.mark.parametrize("sparse", [False, True])
def test_split_optimizers_learn(sparse):
    model = tables(sparse=sparse)
    optimizers = split_optimizers(model, lr=0.1, head_lr=0.05)
    kinds = [type(o).__name__ for o in optimizers]
    assert kinds == ["SparseAdam" if sparse else "Adam", "Adam"]
    assert [o.param_groups[0]["lr"] for o in optimizers] == [0.1, 0.05]
    target = torch.tensor([0, 2])
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(model(torch.tensor([0, 1, 2]), torch.tensor([0, 1])), target)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        clip_gradients(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("bound", [0.1, 1e6])
def test_clipping_sparse_equals_dense(bound):
    grads = []
    for sparse in (False, True):
        model = tables(sparse=sparse)
        (model(torch.tensor([1, 3, 3]), torch.tensor([0])) * 10).sum().backward()
        norm = clip_gradients(model.parameters(), bound)
        grads.append((norm, model.input.grad.to_dense(), model.output.grad))
    torch.testing.assert_close(grads[0], grads[1])
    dense = tables()
    (dense(torch.tensor([1, 3, 3]), torch.tensor([0])) * 10).sum().backward()
    expected = torch.nn.utils.clip_grad_norm_(dense.parameters(), bound)
    torch.testing.assert_close(grads[0], (expected, dense.input.grad, dense.output.grad))


def test_clipping_nothing():
    assert clip_gradients([torch.nn.Parameter(torch.zeros(2))], 1.0).item() == 0
