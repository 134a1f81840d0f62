"""The kernels of a bag's mean against their twins."""

import pytest
import torch


@pytest.mark.parametrize("dim", [1, 3, 100, 300])
@pytest.mark.parametrize("padding", [-1, 2])
def test_kernels_and_twins(device, dim, padding):
    from ftcore.engines.cuda import launch_bags, twins_of_bags

    torch.manual_seed(0)
    ids = torch.tensor([3, 1, 1, *range(40), 2, 2, 0], device=device)
    offsets = torch.tensor([0, 3, 3, 43, 45, 46], device=device)  # an empty bag, one of padding alone
    table, grad = torch.randn(41, dim, device=device), torch.randn(5, dim, device=device)
    found, wanted = (f(table, ids, offsets, padding) for f in (launch_bags.launch_mean, twins_of_bags.mean))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    ones = [table.clone(), table.clone()]
    launch_bags.launch_scatter(ones[0], ids.int(), offsets, grad, -0.3, padding)
    twins_of_bags.scatter(ones[1], ids, offsets, grad, -0.3, padding)
    torch.testing.assert_close(*ones, rtol=1e-5, atol=1e-6)
    assert not torch.equal(ones[0], table)
    segments = twins_of_bags.segments(twins_of_bags.occurrences(ids, offsets, padding))
    both = [(table.clone(), torch.full_like(table, 0.1)) for _ in range(2)]
    launch_bags.launch_adagrad(*both[0], segments, grad, 0.3, 1e-10)
    twins_of_bags.adagrad(*both[1], segments, grad, 0.3, 1e-10)
    for one, other in zip(*both, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    none = torch.zeros(1, dtype=torch.int64, device=device)
    assert launch_bags.launch_mean(table, ids[:0], none, padding).shape == (0, dim)
