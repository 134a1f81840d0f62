"""The cpu engine: held to the reference on the same draws, and its own draws to their distributions."""

import time

import numpy as np
import pytest
import torch

from ftcore import native
from ftcore.engines.alias import alias_table
from ftcore.engines.choice import choose_engine, load_engine
from ftcore.engines.cpu.draws import discard_limits, draw_centres
from ftcore.engines.cpu.engine import Cpu, train_centres
from ftcore.engines.draws import chunk_generator, context_pairs
from ftcore.engines.reference.engine import Reference
from ftcore.engines.setup import PretrainSetup
from ftcore.errors import UserError
from ftcore.model.module import TwoTables
from tests.ftcore.engines.small import constant, drawn_as_the_reference, pretraining, tables_for


@pytest.mark.parametrize(("lines", "dim"), [(40, 6), (1, 1), (1600, 20)])
@pytest.mark.parametrize("loss", ["ns", "hs", "softmax"])
@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_on_the_same_draws_it_is_the_reference(model, loss, lines, dim):
    """1600 lines are 10,000 tokens; the reference itself is held to the original in test_sequential."""
    # with n-grams of one letter some words name a row twice: the e of weather
    dictionary, corpus, options = pretraining(
        lines=lines, model=model, loss=loss, batch_size=1, neg=4, dim=dim, updates="exact"
    )
    setup = PretrainSetup.build(dictionary, options)
    assert (setup.gain > 1).any()
    total, rate = len(corpus.ids), 0.05

    def lr(done):
        return rate * (1 - done / total)

    tables = [tables_for(dictionary, dictionary.nwords, dim=dim, head=0.3) for _ in range(2)]
    before = tables[0].input.detach().clone()
    expected = Reference().pretrain_lines(
        tables[0], corpus, range(len(corpus)), options, lr, chunk_generator(3, "pretrain", 0, 0), setup
    )
    centres, negatives = drawn_as_the_reference(corpus, options, setup, 3)
    part = train_centres(tables[1], centres, options, (rate, -rate / total), setup, negatives=negatives)
    assert part.examples == expected.examples
    assert part.loss == pytest.approx(expected.loss, rel=1e-4)
    torch.testing.assert_close(tables[1].input, tables[0].input, atol=1e-5, rtol=0)
    torch.testing.assert_close(tables[1].output, tables[0].output, atol=1e-5, rtol=0)
    assert part.examples == 0 or (before - tables[1].input).abs().max() > 1e-3


def test_centres_are_drawn_as_the_reference_draws_them():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 3, 60_000).astype(np.int32)
    offsets = np.arange(0, 60_001, 20)
    keep = np.array([0.25, 1.7, 0.5])
    centres = draw_centres(ids, offsets, discard_limits(keep), 4, np.uint64(5))
    assert (ids[centres.place] == centres.words).all()
    share = np.bincount(centres.words) / np.bincount(ids)
    np.testing.assert_allclose(share, [0.25, 1, 0.5], atol=0.015)
    line = centres.place // 20
    here = np.arange(len(line))
    edges = np.searchsorted(line, np.arange(3000)), np.searchsorted(line, np.arange(3000), side="right")
    assert (centres.first >= edges[0][line]).all() and (centres.last <= edges[1][line]).all()
    inside = (here - edges[0][line] >= 4) & (edges[1][line] - here > 4)  # where no edge cuts the width
    left, right = here - centres.first, centres.last - 1 - here
    assert (left[inside] == right[inside]).all()
    np.testing.assert_allclose(
        np.bincount(left[inside]) / inside.sum(), [0, 0.25, 0.25, 0.25, 0.25], atol=0.02
    )
    again = draw_centres(ids, offsets, discard_limits(keep), 4, np.uint64(6))
    assert len(again.words) != len(centres.words) or (again.words != centres.words).any()


@pytest.mark.parametrize("counts", [[1000, 10, 10, 1], [7, 7], [1] * 50])
def test_the_alias_table_is_the_distribution_of_its_weights(counts):
    weights = np.array(counts, np.int64)
    table = alias_table(weights).astype(np.float64)
    chance = np.zeros(len(weights))
    for c, (threshold, other) in enumerate(table):
        chance[c] += threshold / 2**32 / len(weights)
        chance[int(other)] += (1 - threshold / 2**32) / len(weights)
    np.testing.assert_allclose(chance, weights / weights.sum(), atol=1e-8)


def test_negatives_follow_the_table_and_are_never_the_target():
    """With lr 0 nothing moves; the probabilities of 0 scores count the draws, output rows tell them apart."""
    dictionary, corpus, options = pretraining(lines=300, neg=7, t=1.0, dim=1, minn=0, maxn=0)
    setup = PretrainSetup.build(dictionary, options)
    tables = tables_for(dictionary, dictionary.nwords, dim=1)
    with torch.no_grad():
        tables.input.fill_(1.0)
    size = len(corpus.ids)
    centres = draw_centres(corpus.ids, corpus.offsets, discard_limits(setup.keep), options.ws, np.uint64(1))
    rate = 1e-7
    train_centres(tables, centres, options, (rate, 0), setup, seed=9)
    moved = tables.output.detach().numpy()[:, 0] / (rate / 2)  # a target moves up by one, a negative down
    _, context = context_pairs(centres)
    targets = np.bincount(centres.words[context], minlength=dictionary.nwords)
    negatives = targets - moved
    pairs = targets.sum()
    chance = setup.targets.sizes / setup.targets.sizes.sum()
    expected = np.zeros(len(chance))  # redrawn where it is the target
    for word, times in enumerate(targets):
        others = np.delete(np.arange(len(chance)), word)
        expected[others] += times * options.neg * chance[others] / chance[others].sum()
    assert size > 1000 and negatives.sum() == pytest.approx(7 * pairs, rel=0.01)
    np.testing.assert_allclose(negatives / negatives.sum(), expected / expected.sum(), atol=0.006)


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_threads_share_the_lines_and_one_gives_the_same_bytes(model, monkeypatch):
    monkeypatch.setattr("ftcore.engines.cpu.engine._SPLIT", 10)
    dictionary, corpus, options = pretraining(lines=200, model=model, t=1.0)
    setup = PretrainSetup.build(dictionary, options)
    found = []
    for threads in (1, 1, 3, 500):
        tables = tables_for(dictionary, dictionary.nwords)
        result = Cpu(threads).pretrain_lines(
            tables, corpus, range(len(corpus)), options, constant(0.1), np.random.default_rng(0), setup
        )
        found.append((result, tables.input.detach().numpy().copy()))
    assert found[0][0] == found[1][0] and found[0][1].tobytes() == found[1][1].tobytes()
    for result, table in found[2:]:
        assert result.tokens == found[0][0].tokens
        assert result.loss / result.examples == pytest.approx(
            found[0][0].loss / found[0][0].examples, rel=0.05
        )
        assert np.isfinite(table).all() and (table != found[0][1]).any()
    assert load_engine(choose_engine("cpu", "cpu"), deterministic=True, threads=4).threads == 1
    assert load_engine(choose_engine("cpu", "cpu"), deterministic=False, threads=4).threads == 4
    with pytest.raises(UserError, match="threads = 0"):
        Cpu(0)


@pytest.mark.parametrize("loss", ["ns", "hs", "softmax"])
@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_a_loss_that_is_no_number_is_seen_where_it_happens(model, loss):
    dictionary, corpus, options = pretraining(lines=30, model=model, loss=loss, t=1.0, minn=0, maxn=0)
    setup = PretrainSetup.build(dictionary, options)
    tables = tables_for(dictionary, dictionary.nwords, head=0.3)
    centres = draw_centres(corpus.ids, corpus.offsets, discard_limits(setup.keep), options.ws, np.uint64(1))
    assert train_centres(tables, centres, options, (0.1, 0), setup).broken == -1
    word = corpus.ids[corpus.offsets[20]]
    with torch.no_grad():
        tables.input[word] = float("nan")
    first = int(np.flatnonzero(centres.words == word)[0])
    broken = train_centres(tables, centres, options, (0.1, 0), setup).broken
    assert max(0, first - options.ws) <= broken <= first + 1
    run = (tables, corpus, range(30), options, constant(0.1), np.random.default_rng(0), setup)
    assert Cpu(1).pretrain_lines(*run).broken is not None


def test_lines_are_taken_in_random_order_and_each_once():
    """With hs, ws=1 and t=1 nothing but the order is drawn; to first order it does not matter."""
    dictionary, corpus, options = pretraining(lines=40, loss="hs", ws=1, t=1.0)
    setup = PretrainSetup.build(dictionary, options)
    part = range(10, 30)

    def moved(seed, rate):
        tables = tables_for(dictionary, dictionary.nwords, head=0.3)
        before = tables.output.detach().clone()
        rng = np.random.default_rng(seed)
        result = Cpu(1).pretrain_lines(tables, corpus, part, options, constant(rate), rng, setup)
        assert result.tokens == corpus.offsets[30] - corpus.offsets[10]
        return (tables.output.detach() - before).numpy() / rate

    steep = [moved(seed, 0.5) for seed in range(3)]
    assert np.abs(steep[0] - steep[1]).max() > 0.01 < np.abs(steep[1] - steep[2]).max()
    gentle = [moved(seed, 2e-4) for seed in range(3)]
    in_order = draw_centres(corpus.ids[corpus.offsets[10] : corpus.offsets[30]],
                            corpus.offsets[10:31] - corpus.offsets[10],
                            discard_limits(setup.keep), 1, np.uint64(0))  # fmt: skip
    tables = tables_for(dictionary, dictionary.nwords, head=0.3)
    before = tables.output.detach().clone()
    train_centres(tables, in_order, options, (2e-4, 0), setup)
    gentle.append((tables.output.detach() - before).numpy() / 2e-4)
    for other in gentle[1:]:
        np.testing.assert_allclose(other, gentle[0], atol=0.02 * np.abs(gentle[0]).max())


def test_what_is_chosen_and_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_engine("auto", "auto").name == choose_engine("auto", "cpu").name == "cpu"
    assert "no GPU" in choose_engine("auto", "auto").reason
    assert choose_engine("reference", "auto").name == "reference"
    with pytest.raises(UserError, match="'cuda' is not there"):
        choose_engine("cpu", "cuda")
    with pytest.raises(UserError, match="not known; choose auto, cpu, reference, cuda"):
        choose_engine("gpu", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda n: "A Card")
    assert choose_engine("auto", "cuda").name == "reference"
    assert choose_engine("auto", "cpu").name == "cpu"
    assert choose_engine("cpu", "auto").device == "cpu"
    assert choose_engine("reference", "cuda").device == "cuda:0"
    with pytest.raises(UserError, match="engine=cpu does not run on cuda:0"):
        choose_engine("cpu", "cuda:0")


def test_tables_that_do_not_fit_are_refused_before_memory_is_written():
    dictionary, corpus, options = pretraining(lines=5)
    setup = PretrainSetup.build(dictionary, options)
    run = (corpus, range(5), options, constant(0.1), np.random.default_rng(0), setup)
    good = tables_for(dictionary, dictionary.nwords)
    for tables in (
        tables_for(dictionary, dictionary.nwords - 1),  # a word without an output row
        TwoTables(good.input.detach().double(), good.output.detach()),
        TwoTables(good.input.detach()[:, ::2], good.output.detach()[:, ::2]),
        TwoTables(good.input.detach(), good.output.detach()[:, :3].contiguous()),
    ):
        with pytest.raises(AssertionError):
            Cpu().pretrain_lines(tables, *run)
    # the size of a vector is the tables' own
    smaller = tables_for(dictionary, dictionary.nwords, dim=3)
    assert Cpu().pretrain_lines(smaller, *run).broken is None


def test_gains_are_sums_of_squares_and_time_is_linear_in_a_long_word():
    def gains(rows, offsets):
        found = np.empty(len(offsets) - 1, np.float32)
        native.gains(rows, offsets.astype(np.int64), found)
        return found

    rng = np.random.default_rng(0)
    sizes = [1, 2, 63, 64, 65, 66, 300, 5000]
    rows = [rng.integers(0, high, size).astype(np.int32) for size in sizes for high in (1, 7, 10**6)]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    expected = [
        np.float32((np.unique(row, return_counts=True)[1] ** 2).sum()) / np.float32(len(row)) for row in rows
    ]
    assert gains(np.concatenate(rows), offsets).tolist() == expected
    begun = time.process_time()
    gains(rng.integers(0, 2_000_000, 500_000).astype(np.int32), np.array([0, 500_000]))
    assert time.process_time() - begun < 2  # its square takes minutes
