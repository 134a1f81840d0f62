"""Each kernel against its twin: the same random stream, one step, float32's tolerance."""

import numpy as np
import pytest
import torch

from ftcore.engines.alias import alias_table
from ftcore.model.huffman import leaf_paths

COUNTS = np.array([40, 30, 20, 10, 5, 2, 1])
SUBWORDS = [[0, 7, 8, 9], [1, 10, 10], [2], [3, *range(7, 30)], [4, 11, 12, 10, 11], [5, 30], [6]]
# an empty line, lines of one word, a word beside itself
LINES = [[0, 1, 2], [], [3], [6], [1, 1, 4, 5]]
ROWS = 31


def table(rows, dim, seed, device):
    made = torch.from_numpy(np.random.default_rng(seed).normal(0, 0.6, (rows, dim)).astype(np.float32))
    return made.to(device)


def arrays(device, loss):
    """(words, side) of the seven words above."""
    from ftcore.engines.cuda.twins import OutputSide, WordRows

    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in SUBWORDS])])
    gain = [sum(rows.count(row) ** 2 for row in set(rows)) / len(rows) for rows in SUBWORDS]
    words = WordRows(
        torch.tensor(sum(SUBWORDS, []), dtype=torch.int32, device=device),
        torch.tensor(starts, dtype=torch.int64, device=device),
        torch.tensor(gain, dtype=torch.float32, device=device),
    )
    path, sign, *_ = leaf_paths(COUNTS)
    real = sign != 0
    side = OutputSide(
        loss, len(COUNTS),
        torch.from_numpy(alias_table(COUNTS).view(np.int32)).to(device),
        torch.tensor(path[real], dtype=torch.int32, device=device),
        torch.tensor(sign[real] > 0, dtype=torch.float32, device=device),
        torch.tensor(np.concatenate([[0], np.cumsum(real.sum(1))]), dtype=torch.int64, device=device),
    )  # fmt: skip
    return words, side


def centres(device, ws=2):
    """Every token of the lines above with its whole window."""
    from ftcore.engines.cuda.twins import KeptCentres

    flat, first, last, begin = [], [], [], 0
    for line in LINES:
        for k, word in enumerate(line):
            flat.append(word)
            first.append(begin + max(0, k - ws))
            last.append(begin + min(len(line), k + ws + 1))
        begin += len(line)
    ints = [torch.tensor(one, dtype=torch.int32, device=device) for one in (flat, first, last)]
    return KeptCentres(*ints, torch.linspace(0.3, 0.1, len(flat), device=device))


@pytest.mark.parametrize(
    ("model", "loss", "dim", "neg"),
    [
        ("skipgram", "ns", 1, 1), ("skipgram", "ns", 3, 5), ("skipgram", "ns", 100, 2), ("skipgram", "ns", 300, 1),
        ("skipgram", "hs", 100, 5), ("skipgram", "softmax", 3, 5), ("skipgram", "softmax", 300, 5),
        ("shared", "ns", 3, 5), ("shared", "ns", 100, 2), ("shared", "ns", 300, 20),
        ("shared_cbow", "ns", 1, 9), ("shared_cbow", "ns", 3, 20), ("shared_cbow", "ns", 100, 5), ("shared_cbow", "ns", 300, 20),
        ("cbow", "ns", 100, 2), ("cbow", "ns", 1, 9), ("cbow", "hs", 3, 5), ("cbow", "softmax", 100, 5),
    ],
)  # fmt: skip
def test_pretraining(device, model, loss, dim, neg):
    from ftcore.engines.cuda import twins
    from ftcore.engines.cuda.launch import launch_pretraining, launch_shared, launch_shared_cbow
    from ftcore.engines.cuda.twins_shared import shared_cbow

    words, side = arrays(device, loss)
    made = [table(ROWS, dim, 1, device), table(len(COUNTS), dim, 2, device)]
    expected = [one.clone() for one in made]
    args = (centres(device), words, side, 2**62 + 12345, neg)
    twin = shared_cbow if model == "shared_cbow" else getattr(twins, model)
    wanted = twin(*expected, *args, 1)
    if model.startswith("shared"):
        found = (launch_shared if model == "shared" else launch_shared_cbow)(*made, *args, 1)
    else:
        found = launch_pretraining(model, *made, *args, 1)
    assert found == pytest.approx(wanted, rel=1e-5)
    before = [table(ROWS, dim, 1, device), table(len(COUNTS), dim, 2, device)]
    for name, one, other, old in zip(("input", "output"), made, expected, before, strict=True):
        assert (one - other).norm() <= 1e-5 * (other - old).norm(), name
        assert (other != old).any()


def documents(device, loss, weighted=False, frozen=False):
    """Bags of 1 to 40 rows, one of them twice, with labels of seven."""
    from ftcore.engines.cuda.twins import BagBatch

    bags = [[3], [1, 2, 2, 9], list(range(30)) + [5] * 10, [0], [7, 8]]
    rows = {
        "softmax": [],
        "ova": [[1], [0, 6], [2], [], [3]],
        "ns": [[1, 0, 2], [3, 3, 1], [0, 5, 6], [2, 1, 1], [6, 0, 0]],
    }
    offsets = np.concatenate([[0], np.cumsum([len(bag) for bag in bags])])
    _, side = arrays(device, loss)
    order = np.array([4, 0, 2, 1, 3])
    listed = rows.get(loss, [])
    row = torch.tensor(sum(listed, []), dtype=torch.int32)
    spans = torch.tensor(np.concatenate([[0], np.cumsum([len(one) for one in listed])]), dtype=torch.int64)
    truth, place = torch.tensor([1.0, 0, 0] * 5), torch.tensor(order)
    if loss == "hs":
        row, truth, spans, place = side.path, side.code, side.turns, torch.tensor([6, 0, 2, 1, 0])
    if loss == "softmax":
        place, spans = torch.tensor([6, 0, 2, 1, 0]), torch.zeros(1, dtype=torch.int64)
    parts = (
        torch.tensor(sum(bags, []), dtype=torch.int32), torch.tensor(offsets, dtype=torch.int64), torch.tensor(order),
        torch.linspace(0.5, 0.1, 5), place, row, truth, spans,
        torch.tensor([1.0, 0.0, 2.0, 0.5, 3.0]) if weighted else None,
        (torch.arange(ROWS) % 2).to(torch.int8) if frozen else None,
    )  # fmt: skip
    return BagBatch(*(None if part is None else part.to(device) for part in parts))


@pytest.mark.parametrize("loss", ["softmax", "ova", "ns", "hs"])
@pytest.mark.parametrize(
    ("dim", "extras"),
    [(1, {}), (3, {"weighted": True, "frozen": True}), (100, {}), (300, {"weighted": True})],
)
def test_the_classifier(device, loss, dim, extras):
    from ftcore.engines.cuda import twins
    from ftcore.engines.cuda.launch import launch_bags

    made = [table(ROWS, dim, 1, device), table(len(COUNTS), dim, 2, device)]
    before = [one.clone() for one in made]
    expected = [one.clone() for one in made]
    args = (documents(device, loss, **extras), loss, 0.7, dim != 1, 1)
    assert launch_bags(*made, *args) == pytest.approx(twins.bags(*expected, *args), rel=1e-5)
    for one, other, old in zip(made, expected, before, strict=True):
        assert (one - other).norm() <= 1e-5 * (other - old).norm()
    if dim == 1:
        assert torch.equal(made[0], before[0]), "moves_input=False"
    if extras.get("frozen"):
        assert torch.equal(made[0][1::2], before[0][1::2]) and not torch.equal(made[0], before[0])


def test_draws(device):
    from ftcore.engines.cuda import twins
    from ftcore.engines.cuda.launch import launch_draws

    ids = torch.arange(3000, dtype=torch.int32, device=device) % 5
    limits = torch.tensor([0, 1 << 30, -1 << 31, -(1 << 30), -1], dtype=torch.int32, device=device)
    for one, other in zip(launch_draws(ids, limits, 99, 7), twins.draw(ids, limits, 99, 7), strict=True):
        assert torch.equal(one, other)
    assert [len(one) for one in launch_draws(ids[:0], limits, 99, 7)] == [0, 0]


def test_rows_beyond_two_to_the_31_floats(device, tmp_path):
    """The last row of a table of 8.6 GB (a file with holes): its offset is no int32."""
    from ftcore.engines.cuda import kernels
    from ftcore.engines.cuda.launch import shape

    if device.type == "cuda":
        huge = torch.zeros(21_500_000, 100, device=device)
    else:
        huge = torch.from_numpy(np.memmap(tmp_path / "t", np.float32, "w+", shape=(21_500_000, 100)))
    huge[-1], huge[-2] = 1, 3
    given = documents(device, "softmax")
    row = torch.full_like(given.ids, len(huge) - 1)
    row[0] = len(huge) - 2
    output = torch.zeros(2, 100, device=device)
    nats = torch.zeros(1, dtype=torch.float64, device=device)
    kernels.bags_kernel[(1,)](
        huge, output, row, given.offsets, given.order[1:2], given.rates, given.rates, row, given.place[1:2] * 0, row,
        given.truth, given.spans, nats, 1, 2, 1.0,
        HAS_WEIGHTS=False, HAS_FROZEN=False, MOVES_INPUT=True, LOSS=2, **shape(100, 2),
    )  # fmt: skip
    torch.testing.assert_close(output[0], torch.full_like(output[0], 0.5 * 0.5 * 3))
