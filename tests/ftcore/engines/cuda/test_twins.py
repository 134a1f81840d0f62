"""The twins against independent truth: Random123's answers, distributions, the reference engine."""

import numpy as np
import pytest
import torch

from ftcore.engines.alias import alias_table
from ftcore.engines.cpu.draws import discard_limits
from ftcore.engines.draws import chunk_generator, draw_windows
from ftcore.engines.reference.engine import Reference
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from tests.ftcore.engines.small import constant, finetuning, pretraining, tables_for


def test_philox_gives_the_published_answers():
    from ftcore.engines.cuda.twins import philox

    def words(seed, *counter):
        return [f"{int(one):08x}" for one in philox(seed, *(torch.tensor(c) for c in counter))]

    assert words(0, 0, 0, 0, 0) == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
    most = 0xFFFFFFFF
    assert words(2**64 - 1, most, most, most, most) == ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]
    counter = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    assert words(0x299F31D0A4093822, *counter) == ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"]


def test_tokens_stay_as_often_as_they_should_and_windows_are_uniform():
    from ftcore.engines.cuda.twins import draw

    keep = np.array([0.1, 0.5, 0.9, 1.7])
    ids = torch.arange(4, dtype=torch.int32).repeat(50_000)
    kept, width = draw(ids, torch.from_numpy(discard_limits(keep).view(np.int32)), 7, 5)
    shares = [float(kept[ids == word].float().mean()) for word in range(4)]
    np.testing.assert_allclose(shares, np.minimum(keep, 1), atol=0.01)
    assert shares[3] == 1
    np.testing.assert_allclose(np.bincount(width.numpy(), minlength=6)[1:] / len(ids), 0.2, atol=0.005)
    other, _ = draw(ids, torch.from_numpy(discard_limits(keep).view(np.int32)), 8, 5)
    assert 0.2 < float((kept != other).float().mean()) < 0.4, "another seed, another stream"


def test_negatives_follow_their_weights_and_are_never_the_target():
    from ftcore.engines.cuda.twins import draw_negatives

    weights = np.array([50, 30, 15, 4, 1])
    alias = torch.from_numpy(alias_table(weights).view(np.int32))
    centre = torch.arange(40_000)
    target = torch.full_like(centre, 1)
    drawn = draw_negatives(alias, 3, centre, torch.zeros_like(centre), target, 5).numpy()
    left = np.where(np.arange(5) == 1, 0, weights)
    np.testing.assert_allclose(
        np.bincount(drawn.ravel(), minlength=5) / drawn.size, left / left.sum(), atol=0.004
    )
    correlation = np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]
    assert abs(correlation) < 0.02 and len(np.unique(drawn, axis=0)) > 100


def test_a_negative_is_found_where_only_one_other_word_is_left():
    from ftcore.engines.cuda.twins import draw_negatives

    alias = torch.from_numpy(alias_table(np.array([99, 1])).view(np.int32))
    zero = torch.zeros(2, dtype=torch.long)
    assert draw_negatives(alias, 0, zero, zero, torch.tensor([0, 1]), 3).tolist() == [[1] * 3, [0] * 3]


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("loss", ["hs", "softmax"])
def test_one_in_flight_is_the_reference_at_batch_one(model, loss):
    """The fused update of a centre is fastText's, pair after pair (losses that draw nothing)."""
    from ftcore.engines.cuda import twins
    from ftcore.engines.cuda.resident import Resident

    dictionary, corpus, options = pretraining(lines=25, loss=loss, model=model, dim=7, batch_size=1)
    setup = PretrainSetup.build(dictionary, options)
    expected = tables_for(dictionary, dictionary.nwords, dim=7, head=0.5)
    result = Reference().pretrain_lines(
        expected, corpus, range(len(corpus)), options, constant(0.1), chunk_generator(0, "pretrain", 0, 0), setup
    )  # fmt: skip
    windows = draw_windows(
        corpus.ids, corpus.offsets, setup.keep, options.ws, chunk_generator(0, "pretrain", 0, 0)
    )
    words, side, _ = Resident(torch.device("cpu")).pretraining(setup)
    arrays = (torch.from_numpy(getattr(windows, name)) for name in ("words", "first", "last"))
    centres = twins.KeptCentres(*arrays, torch.full((len(windows.words),), 0.1))
    made = tables_for(dictionary, dictionary.nwords, dim=7, head=0.5)
    input, output = made.input.detach(), made.output.detach()
    nats = getattr(twins, model)(input, output, centres, words, side, 0, 5, 1)
    assert nats == pytest.approx(result.loss, rel=1e-5)
    torch.testing.assert_close(input, expected.input.detach(), atol=2e-6, rtol=1e-4)
    torch.testing.assert_close(output, expected.output.detach(), atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("loss", ["softmax", "ova", "ns", "hs"])
def test_a_classifier_with_one_in_flight_is_the_reference_at_batch_one(loss):
    from ftcore.engines.cuda.engine import Cuda

    found = []
    for engine in (Reference(), Cuda("cpu", in_flight=1)):
        dictionary, bags, options = finetuning(lines=50, loss=loss, batch_size=1, dropout=0.2, lr_head=0.05)
        tables = tables_for(dictionary, dictionary.nlabels, head=0.5)
        setup = FinetuneSetup.build(dictionary, options, document_weights=np.linspace(0.5, 2, len(bags)))
        rng = chunk_generator(0, "finetune", 0, 0)
        result = engine.finetune_bags(tables, bags, np.arange(50), options, constant(0.1), rng, setup)
        found.append((tables.input.detach(), tables.output.detach(), result))
    # a label drawn twice among the negatives moves in one step here, in two there
    close = {"atol": 2e-3, "rtol": 1e-3} if loss == "ns" else {"atol": 1e-6, "rtol": 1e-5}
    torch.testing.assert_close(found[1][0], found[0][0], **close)
    torch.testing.assert_close(found[1][1], found[0][1], **close)
    assert found[1][2].loss == pytest.approx(found[0][2].loss, rel=1e-2 if loss == "ns" else 1e-5)
    assert found[1][2].tokens == found[0][2].tokens and found[1][2].examples == 50
