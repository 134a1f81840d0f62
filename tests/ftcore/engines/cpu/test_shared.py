"""Centres that share work: held to slow models of what they compute, and to the exact mode where they must agree."""

import string

import numpy as np
import pytest
import torch

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import as_batch, documents, encode_tokens
from ftcore.engines.cpu.draws import discard_limits, draw_centres
from ftcore.engines.cpu.engine import Cpu, shareable, train_centres
from ftcore.engines.setup import PretrainSetup
from ftcore.model.matrices import arrays
from tests.ftcore.engines.small import constant, pretraining, tables_for
from tests.reference.shared import slow_skipgram


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


def test_skipgram_that_shares_negatives_is_its_slow_model():
    rng = np.random.default_rng(0)
    words = [f"{a}{b}{b}" for a in string.ascii_lowercase for b in "aeiouxyz"]
    common = rng.zipf(1.3, 3000) % len(words)
    lines = [" ".join(words[w] for w in common[k : k + 20]) for k in range(0, 3000, 20)]
    dictionary, centres, options, setup = prepared(lines, minn=1, maxn=2, neg=2, updates="shared")
    assert shareable("skipgram", "ns", 2, dictionary.nwords) and (setup.gain > 1).any()
    tables = tables_for(dictionary, dictionary.nwords, head=0.3)
    input, output, loss = slow_skipgram(*arrays(tables), centres, setup, 0.05, 2, 11)
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
