"""Centres that share work: held to slow models of what they compute, and to the exact mode where they must agree."""

import string

import numpy as np
import pytest
import torch

from ftcore import config
from ftcore.corpus.dictionary import Dictionary
from ftcore.corpus.encode import as_batch, documents, encode_tokens
from ftcore.engines.cpu.draws import discard_limits, draw_centres
from ftcore.engines.cpu.engine import BLOCK, POOL, Cpu, shareable, train_centres
from ftcore.engines.setup import PretrainSetup
from tests.ftcore.engines.small import constant, pretraining, tables_for
from tests.reference.sequential import sigmoid


def prepared(lines, **options):
    """(dictionary, centres, options, setup) with nothing discarded."""
    settings = config.Pretrain(**{"min_count": 1, "t": 1.0, "ws": 3, "dim": 6, "bucket": 100_000, **options})
    batch = [as_batch(lines)]
    dictionary = Dictionary.build(documents(batch), settings)
    corpus = encode_tokens(batch, dictionary)
    setup = PretrainSetup.build(dictionary, settings)
    centres = draw_centres(corpus.ids, corpus.offsets, discard_limits(setup.keep), settings.ws, np.uint64(3))
    return dictionary, centres, settings, setup


def test_cbow_that_shares_windows_is_exact_where_words_in_reach_share_no_row():
    # every word twice its letter: its n-gram is its own, and named twice
    letters = [letter * 2 for letter in string.ascii_letters]
    dictionary, centres, options, setup = prepared([" ".join(letters)] * 30, model="cbow", minn=1, maxn=1)
    assert np.unique(setup.subwords.values).size == dictionary.rows
    assert set(setup.gain.tolist()) == {1, np.float32(5 / 3)}  # of </s> and of the others
    found = []
    for updates in ("exact", "shared"):
        tables = tables_for(dictionary, dictionary.nwords, head=0.3)
        chosen = options.model_copy(update={"updates": updates})
        part = train_centres(tables, centres, chosen, (0.1, -1e-5), setup, seed=5)
        found.append((part, tables))
    (exact, a), (shared, b) = found
    assert exact.examples == shared.examples == len(centres.words)
    assert shared.loss == pytest.approx(exact.loss, rel=1e-5)
    torch.testing.assert_close(b.input, a.input, atol=1e-5, rtol=0)
    torch.testing.assert_close(b.output, a.output, atol=1e-5, rtol=0)
    assert (a.input - tables_for(dictionary, dictionary.nwords).input).abs().max() > 0.01


def test_cbow_that_shares_windows_stays_close_where_rows_are_shared():
    dictionary, corpus, options = pretraining(lines=300, model="cbow", dim=20)
    setup = PretrainSetup.build(dictionary, options)
    centres = draw_centres(corpus.ids, corpus.offsets, discard_limits(setup.keep), options.ws, np.uint64(3))
    found = []
    for updates in ("exact", "shared"):
        tables = tables_for(dictionary, dictionary.nwords, dim=20)
        chosen = options.model_copy(update={"updates": updates})
        found.append((train_centres(tables, centres, chosen, (0.05, 0), setup, seed=5), tables))
    (exact, a), (shared, b) = found
    assert shared.loss == pytest.approx(exact.loss, rel=0.01)
    moved = (a.input - tables_for(dictionary, dictionary.nwords, dim=20).input).norm()
    assert 0 < (a.input - b.input).norm() < 0.1 * moved


class Pool:
    """The kernel's generator and draws, in plain Python."""

    def __init__(self, alias, seed):
        self.alias, self.state = alias, seed

    def draw(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        x = self.state
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        x ^= x >> 31
        row = ((x >> 32) * len(self.alias)) >> 32  # no numpy integers: they overflow
        return row if (x & 0xFFFFFFFF) < self.alias[row, 0] else int(self.alias[row, 1])

    def distinct(self, size):
        """{row: times drawn}, drawn until there are `size` rows."""
        times = {}
        while len(times) < size:
            row = self.draw()
            times[row] = times.get(row, 0) + 1
        return times


def slow_skipgram(tables, centres, setup, rate, neg, seed):
    """Blocks of centres with a pool of negatives, a row at a time in float64."""
    input, output = (t.detach().numpy().astype(np.float64) for t in (tables.input, tables.output))
    pool, loss = Pool(setup.targets.alias.astype(np.int64), seed), 0.0
    for i in range(len(centres.words)):
        if i % BLOCK == 0:
            times = pool.distinct(POOL * neg)
            draws = sum(times.values())
        context = [int(centres.words[j]) for j in range(centres.first[i], centres.last[i]) if j != i]
        if not context:
            continue
        word = centres.words[i]
        rows = setup.subwords.values[setup.subwords.offsets[word] : setup.subwords.offsets[word + 1]]
        hidden, total, gain = input[rows].mean(0), 0, setup.gain[word]
        for target in context:
            p = sigmoid(output[target] @ hidden)
            step = rate * (1 - p)
            grad = step * output[target]
            output[target] += step * hidden
            loss -= np.log(p)
            total, hidden = total + grad, hidden + gain * grad  # as the rows would have moved it
        for k in range(0, POOL * neg, POOL):
            grad = 0
            for row, count in list(times.items())[k : k + POOL]:
                p = sigmoid(output[row] @ hidden)
                weight = neg / draws * count * (len(context) - context.count(row))
                step = -rate * weight * p
                grad = grad + step * output[row]
                output[row] += step * hidden
                loss -= neg / draws * len(context) * np.log(1 - p)
            total, hidden = total + grad, hidden + gain * grad
        for row in rows:
            input[row] += total
    return input, output, loss


def test_skipgram_that_shares_negatives_is_its_slow_model():
    rng = np.random.default_rng(0)
    words = [f"{a}{b}{b}" for a in string.ascii_lowercase for b in "aeiouxyz"]
    common = rng.zipf(1.3, 3000) % len(words)
    lines = [" ".join(words[w] for w in common[k : k + 20]) for k in range(0, 3000, 20)]
    dictionary, centres, options, setup = prepared(lines, minn=1, maxn=2, neg=2, updates="shared")
    assert shareable("skipgram", "ns", 2, dictionary.nwords) and (setup.gain > 1).any()
    tables = tables_for(dictionary, dictionary.nwords, head=0.3)
    input, output, loss = slow_skipgram(tables, centres, setup, 0.05, 2, 11)
    part = train_centres(tables, centres, options, (0.05, 0), setup, seed=11)
    assert part.examples == (centres.last - centres.first - 1).sum()
    assert part.loss == pytest.approx(loss, rel=1e-4)
    np.testing.assert_allclose(tables.input.detach().numpy(), input, atol=2e-5)
    np.testing.assert_allclose(tables.output.detach().numpy(), output, atol=2e-5)


def test_what_cannot_be_shared_is_exact():
    assert not shareable("skipgram", "hs", 5, 10_000) and not shareable("cbow", "softmax", 5, 10_000)
    assert not shareable("skipgram", "ns", 5, 100)  # a pool of 40 is no small part of 100 words
    assert shareable("skipgram", "ns", 5, 320) and shareable("cbow", "ns", 20, 2)
    assert not shareable("cbow", "ns", 1000, 10**6)
    dictionary, corpus, options = pretraining(updates="shared")
    setup = PretrainSetup.build(dictionary, options)
    bytes_of = []
    for updates in ("shared", "exact"):
        tables = tables_for(dictionary, dictionary.nwords)
        chosen = options.model_copy(update={"updates": updates})
        rng = np.random.default_rng(0)
        Cpu().pretrain_lines(tables, corpus, range(len(corpus)), chosen, constant(0.1), rng, setup)
        bytes_of.append(tables.input.detach().numpy().tobytes())
    assert bytes_of[0] == bytes_of[1]


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_a_loss_that_is_no_number_is_seen(model):
    words = [f"{a}{b}" for a in string.ascii_lowercase for b in string.ascii_lowercase]
    dictionary, centres, options, setup = prepared([" ".join(words)] * 3, model=model, minn=0, maxn=0, neg=3)
    tables = tables_for(dictionary, dictionary.nwords)
    assert train_centres(tables, centres, options, (0.1, 0), setup, seed=1).broken == -1
    with torch.no_grad():
        tables.input[centres.words[100]] = float("nan")
    broken = train_centres(tables, centres, options, (0.1, 0), setup, seed=1).broken
    assert 97 <= broken <= 103
