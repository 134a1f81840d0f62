"""The native kernels against the slow reference and the torch engine, on the same draws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import config, native
from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus, as_batch, encode_bags
from ftcore.engines.cpu.supervised import train_bags
from ftcore.engines.draws import chunk_generator, draw_negatives
from ftcore.engines.reference.engine import Reference
from ftcore.engines.setup import FinetuneSetup, LossTables
from ftcore.model.module import TwoTables
from tests.ftcore.engines.small import constant, corpus_lines, finetuning, tables_for
from tests.reference.sequential import Model

LOSSES = ["softmax", "ova", "hs", "ns"]


def fresh():
    return chunk_generator(5, "finetune", 0, 0)


def arrays(tables):
    return tables.input.detach().numpy(), tables.output.detach().numpy()


def close(tables, other, atol=1e-5):
    for ours, theirs in zip(arrays(tables), other, strict=True):
        assert np.isfinite(theirs).all()
        np.testing.assert_allclose(ours, theirs, atol=atol, rtol=0)


@pytest.mark.parametrize("loss", LOSSES)
def test_equals_the_slow_reference(loss):
    dictionary, bags, options = finetuning(loss=loss, neg=3, lr=0.5, lr_head=0.25)
    tables = tables_for(dictionary, dictionary.nlabels, head=0.3)
    slow = Model(tables.input.detach(), tables.output.detach(), loss, dictionary.label_counts, divide=True)
    setup = FinetuneSetup.build(dictionary, options)
    order = np.random.default_rng(1).permutation(len(bags))

    def lr(done):
        return options.lr * (1 - done / (2 * len(bags.ids)))

    result = train_bags(tables, bags, order, options, lr, fresh(), setup)

    rng = fresh()
    labels = Ragged(bags.targets, bags.target_offsets).take(order).rows()
    assert max(map(len, labels)) == 2
    drawn = [names[int(u * len(names))] for names, u in zip(labels, rng.random(len(order)), strict=True)]
    negatives = [()] * len(order)
    if loss == "ns":
        negatives = draw_negatives(setup.targets.negatives, np.array(drawn), options.neg, rng).tolist()
        assert any(len(set(n)) < len(n) for n in negatives)
    done = 0
    for k, bag in enumerate(Ragged(bags.ids, bags.offsets).take(order).rows()):
        slow.update(
            bag, labels[k] if loss == "ova" else drawn[k], lr(done), negatives[k], lr_head=lr(done) / 2
        )
        done += len(bag)
    close(tables, (slow.input, slow.output))
    assert (result.examples, result.updates, result.tokens) == (len(bags), len(bags), len(bags.ids))
    assert result.broken is None


EXTRAS = {
    "class_weights": {"class_weights": "balanced"},
    "weight_decay": {"weight_decay": 0.1},
    "clip": {"clip": 0.3},
    "dropout": {"dropout": 0.4},
    "freeze all": {"freeze": "all"},
    "freeze words": {"freeze": "words"},
    "at once": {
        "freeze": "words",
        "clip": 0.2,
        "weight_decay": 0.2,
        "dropout": 0.2,
        "class_weights": "balanced",
    },
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("extra", list(EXTRAS))
def test_options_of_fine_tuning_are_the_torch_engines(extra, loss):
    dictionary, bags, options = finetuning(
        loss=loss, batch_size=1, neg=3, lr=0.5, lr_head=0.25, **EXTRAS[extra]
    )
    frozen = np.arange(dictionary.rows) % 3 == 0
    weights = np.linspace(0, 2, len(bags))
    setup = FinetuneSetup.build(dictionary, options, frozen, document_weights=weights)
    order = np.random.default_rng(1).permutation(len(bags))
    results, tables = [], []
    for engine in (Reference().finetune_bags, train_bags):
        tables.append(tables_for(dictionary, dictionary.nlabels, head=0.3))
        results.append(engine(tables[-1], bags, order, options, constant(0.5), fresh(), setup))
    untouched = arrays(tables_for(dictionary, dictionary.nlabels, head=0.3))
    assert (arrays(tables[1])[0] == untouched[0]).all() == (extra == "freeze all")
    if options.freeze == "words":
        assert (arrays(tables[1])[0][frozen] == untouched[0][frozen]).all()
    close(tables[1], arrays(tables[0]))
    assert results[1].loss == pytest.approx(results[0].loss, rel=1e-5)
    assert results[1].updates == results[0].updates


@pytest.mark.parametrize("dim", [1, 3, 16, 50, 64, 65, 100, 131])
def test_any_dim(dim):
    dictionary, bags, options = finetuning(batch_size=1, single=True)
    setup = FinetuneSetup.build(dictionary, options)
    tables = [tables_for(dictionary, dictionary.nlabels, dim=dim, head=0.3) for _ in range(2)]
    for engine, table in zip((Reference().finetune_bags, train_bags), tables, strict=True):
        engine(table, bags, np.arange(len(bags)), options, constant(0.5), fresh(), setup)
    close(tables[1], arrays(tables[0]))


@pytest.mark.parametrize("clip", [0.0, 5.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_documents_with_nothing_to_learn_are_passed_over(loss, clip):
    dictionary, bags, options = finetuning(loss=loss, lines=20, clip=clip)
    setup = FinetuneSetup.build(dictionary, options)
    rows, labels = Ragged(bags.ids, bags.offsets).rows(), Ragged(bags.targets, bags.target_offsets).rows()
    rows[3], labels[7], rows[12], labels[12] = [], [], [], []
    features, targets = Ragged.of(rows, np.int32), Ragged.of(labels, np.int32)
    holed = BagCorpus(features.values, features.offsets, targets.values, targets.offsets)
    found = []
    for order in (np.arange(20), np.setdiff1d(np.arange(20), [3, 7, 12])):
        tables = tables_for(dictionary, dictionary.nlabels, head=0.3)
        result = train_bags(tables, holed, order, options, constant(0.5), fresh(), setup)
        assert result.examples == 17
        found.append(arrays(tables))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    nothing = train_bags(tables, holed, np.array([3, 7]), options, constant(0.5), fresh(), setup)
    assert (nothing.loss, nothing.examples, nothing.broken) == (0.0, 0, None)


def test_one_class_has_nothing_to_learn():
    bags = BagCorpus(np.arange(6, dtype=np.int32), np.array([0, 3, 6]), np.zeros(2, np.int32), np.arange(3))
    tables = TwoTables(torch.ones(6, 4), torch.ones(1, 4))
    setup = FinetuneSetup(LossTables.build("softmax", np.array([2])))
    result = train_bags(tables, bags, np.arange(2), config.Finetune(), constant(0.5), fresh(), setup)
    assert result.loss == 0
    assert (arrays(tables)[0] == 1).all() and (arrays(tables)[1] == 1).all()


def test_the_rate_is_read_at_both_ends_and_linear_between():
    dictionary, bags, options = finetuning(single=True)
    setup = FinetuneSetup.build(dictionary, options)
    asked = []
    tables = tables_for(dictionary, dictionary.nlabels)
    train_bags(tables, bags, np.arange(10), options, lambda done: asked.append(done) or 0.1, fresh(), setup)
    assert asked == [0, bags.offsets[10]]
    # head only: the first update of a zero head moves it by rate * (truth - 1/3) * hidden
    for rate in (constant(0.3), lambda done: 0.3 - 0.2 * done / bags.offsets[10]):
        tables = tables_for(dictionary, dictionary.nlabels)
        train_bags(tables, bags, np.arange(1), options, rate, fresh(), setup)
        hidden = tables_for(dictionary, 1).input.detach().numpy()[bags.ids[: bags.offsets[1]]].mean(0)
        expected = 0.3 * (np.eye(3)[bags.targets[0]] - 1 / 3)[:, None] * hidden
        np.testing.assert_allclose(arrays(tables)[1], expected, atol=1e-7)


# --------------------------------------------------------------------------------- many documents
def topics(documents: int, features: int = 20, labels: int = 4, seed: int = 0) -> BagCorpus:
    """A third of a document's features are of its topic."""
    rng = np.random.default_rng(seed)
    target = rng.integers(labels, size=documents)
    ids = rng.integers(1000, size=(documents, features))
    own = rng.random(ids.shape) < 1 / 3
    ids = np.where(own, 1000 + target[:, None] * 100 + rng.integers(100, size=ids.shape), ids)
    offsets = np.arange(documents + 1) * features
    return BagCorpus(ids.ravel().astype(np.int32), offsets, target.astype(np.int32), np.arange(documents + 1))


def train_topics(loss: str, threads: int) -> tuple[TwoTables, float]:
    train, test = topics(6000), topics(1000, seed=1)
    rows = np.random.default_rng(2).uniform(-0.1, 0.1, (1400, 10)).astype(np.float32)
    tables = TwoTables(torch.from_numpy(rows), torch.zeros(4, 10))
    setup = FinetuneSetup(LossTables.build(loss, np.bincount(train.targets)))
    options = config.Finetune(loss=loss, lr=0.5)
    result = train_bags(tables, train, np.arange(6000), options, constant(0.5), fresh(), setup, threads)
    assert result.examples == 6000
    hidden = tables.hidden(torch.from_numpy(test.ids).long(), torch.from_numpy(test.offsets[:-1]))
    best = (hidden @ tables.output.T).argmax(1).numpy()
    return tables, float((best == test.targets).mean())


@pytest.mark.parametrize("loss", ["softmax", "ova", "ns"])
def test_one_thread_gives_the_same_bytes_and_two_the_same_quality(loss):
    first, accuracy = train_topics(loss, 1)
    again, _ = train_topics(loss, 1)
    assert all((a == b).all() for a, b in zip(arrays(first), arrays(again), strict=True))
    assert accuracy > 0.9
    both = [train_topics(loss, 2) for _ in range(2)]
    assert all(found > accuracy - 0.02 for _, found in both)
    assert all((arrays(tables)[0] != 0).all() for tables, _ in both)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_loss_that_is_no_number_is_named(loss, value):
    dictionary, bags, options = finetuning(loss=loss, lines=40, batch_size=1)
    setup = FinetuneSetup.build(dictionary, options)
    found = []
    for engine in (Reference().finetune_bags, train_bags):
        tables = tables_for(dictionary, dictionary.nlabels, head=0.5)
        with torch.no_grad():
            tables.input[bags.ids[bags.offsets[20]]] = value
        found.append(engine(tables, bags, np.arange(40), options, constant(0.1), fresh(), setup).broken)
    assert found[0] is not None
    assert found[1] == found[0]


def test_an_output_row_that_is_no_number_is_noticed():
    dictionary, bags, options = finetuning(lines=40, single=True)
    setup = FinetuneSetup.build(dictionary, options)
    tables = tables_for(dictionary, dictionary.nlabels, head=0.5)
    with torch.no_grad():
        tables.output[2] = float("nan")
    other = int(np.flatnonzero(bags.targets != 2)[0])
    result = train_bags(tables, bags, np.array([other]), options, constant(0.1), fresh(), setup)
    assert result.broken == 0


def test_a_mapped_corpus_gives_the_same_bytes(tmp_path):
    dictionary, bags, options = finetuning(loss="ova")
    setup = FinetuneSetup.build(dictionary, options)
    texts, labels = corpus_lines(60)
    encode_bags([as_batch(texts, labels)], dictionary, out=tmp_path)
    mapped = BagCorpus.open(tmp_path)
    assert not mapped.ids.flags.writeable
    found = []
    for corpus in (bags, mapped):
        tables = tables_for(dictionary, dictionary.nlabels)
        train_bags(tables, corpus, np.arange(60), options, constant(0.5), fresh(), setup)
        found.append(arrays(tables))
    np.testing.assert_array_equal(found[0][0], found[1][0])


# --------------------------------------------------------------------------------------- the losses
@given(st.lists(st.floats(-300, 0, width=32), min_size=1, max_size=40))
@settings(deadline=None)
def test_exponentials(values):
    given_T = np.array(values, np.float32)
    found = given_T.copy()
    native.exponentials(found)
    expected = np.exp(np.maximum(given_T.astype(np.float64), -87))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@given(st.lists(st.tuples(st.floats(-200, 200, width=32), st.booleans()), min_size=1, max_size=1200))
@settings(deadline=None, max_examples=50)
def test_logistic_losses(rows):
    score = np.array([s for s, _ in rows], np.float32)
    yes = np.array([y for _, y in rows], np.float32)
    found = score.copy()
    loss = native.logistic_errors(found, yes)
    exact = score.astype(np.float64)
    assert loss == pytest.approx(np.logaddexp(0, np.where(yes > 0, -exact, exact)).sum(), rel=1e-5, abs=1e-5)
    sigmoid = 1 / (1 + np.exp(-exact))
    np.testing.assert_allclose(found, sigmoid - yes, atol=1e-6)


def test_a_product_of_two_thousand_factors_does_not_overflow():
    score = np.zeros(2000, np.float32)
    loss = native.logistic_errors(score, np.ones(2000, np.float32))
    assert loss == pytest.approx(2000 * math.log(2))
    np.testing.assert_allclose(score, -0.5)


@given(st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=900), st.integers(0, 899))
@settings(deadline=None, max_examples=50)
def test_softmax_losses(values, label):
    label %= len(values)
    score = np.array(values, np.float32)
    found = score.copy()
    loss = native.softmax_errors(found, label)
    exact = torch.log_softmax(torch.from_numpy(score).double(), 0).numpy()
    assert loss == pytest.approx(-exact[label], rel=1e-5, abs=1e-5)
    np.testing.assert_allclose(found, np.exp(exact) - (np.arange(len(score)) == label), atol=1e-6)
