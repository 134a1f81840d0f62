"""What fine-tuning adds to an update: freezing, weights, decay, clipping, dropout; and the engine's manners."""

import numpy as np
import pytest
import torch

from ftcore.base.ragged import Ragged
from ftcore.engines.draws import chunk_generator, drop_features
from ftcore.engines.reference.engine import Reference
from ftcore.engines.setup import FinetuneSetup, PretrainSetup
from tests.ftcore.engines.small import constant, finetuning, pretraining, tables_for

WHOLE = 65536


def one_update(rate=0.1, frozen=None, weights=None, **options):
    """(before, after, bags) of one update over all documents."""
    dictionary, bags, settings = finetuning(batch_size=WHOLE, single=True, **options)
    tables = tables_for(dictionary, dictionary.nlabels, head=0.5)
    before = [tables.input.detach().numpy().copy(), tables.output.detach().numpy().copy()]
    mask = None if frozen is None else frozen(dictionary)
    setup = FinetuneSetup.build(dictionary, settings, mask)
    rng = chunk_generator(0, "finetune", 0, 0)
    Reference().finetune_bags(tables, bags, np.arange(len(bags)), settings, constant(rate), rng, setup)
    return before, [tables.input.detach().numpy(), tables.output.detach().numpy()], bags


def half(dictionary):
    return np.arange(dictionary.rows) % 2 == 0


def test_freeze_words_keeps_exactly_the_masked_rows():
    before, after, _ = one_update(freeze="words", frozen=half)
    _, free, _ = one_update()
    assert (after[0][::2] == before[0][::2]).all()
    np.testing.assert_array_equal(after[0][1::2], free[0][1::2])  # the others move as if all did
    assert (after[0][1::2] != before[0][1::2]).any()
    np.testing.assert_array_equal(after[1], free[1])


def test_freeze_all_moves_the_head_alone():
    before, after, _ = one_update(freeze="all")
    assert (after[0] == before[0]).all()
    np.testing.assert_array_equal(after[1], one_update()[1][1])


def test_the_head_has_its_own_rate():
    before, after, _ = one_update(lr=0.1, lr_head=0.05)
    _, same, _ = one_update(lr=0.1)
    np.testing.assert_allclose(after[1] - before[1], (same[1] - before[1]) / 2, atol=1e-6)
    np.testing.assert_array_equal(after[0], same[0])


@pytest.mark.parametrize("loss", ["softmax", "ova", "hs", "ns"])
def test_class_weights_scale_the_gradient(loss):
    plain = one_update(loss=loss)
    double = one_update(loss=loss, class_weights={"电影": 2.0, "天气": 2.0, "地点": 2.0})
    for k in (0, 1):
        np.testing.assert_allclose(double[1][k] - double[0][k], 2 * (plain[1][k] - plain[0][k]), atol=1e-6)
    none = one_update(loss=loss, class_weights={"电影": 0.0, "天气": 0.0, "地点": 0.0})
    np.testing.assert_array_equal(none[1][0], none[0][0])


@pytest.mark.parametrize("loss", ["softmax", "ns"])
def test_decay_shrinks_the_rows_in_use_once(loss):
    before, after, bags = one_update(loss=loss, weight_decay=0.5)
    _, plain, _ = one_update(loss=loss)
    used = np.unique(bags.ids)
    shrunk = before[0].copy()
    shrunk[used] *= 1 - 0.1 * 0.5
    np.testing.assert_allclose(after[0] - plain[0], shrunk - before[0], atol=1e-6)
    np.testing.assert_allclose(after[1] - plain[1], -0.05 * before[1], atol=1e-6)


@pytest.mark.parametrize("loss", ["softmax", "hs"])
def test_clip_bounds_the_norm_of_the_whole_update(loss):
    before, after, _ = one_update(loss=loss, clip=0.25)
    _, plain, _ = one_update(loss=loss)
    norm = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(after, before, strict=True))) / 0.1
    assert norm == pytest.approx(0.25, rel=1e-3)
    free = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(plain, before, strict=True))) / 0.1
    np.testing.assert_allclose(after[0] - before[0], (plain[0] - before[0]) * 0.25 / free, atol=1e-6)
    np.testing.assert_array_equal(one_update(loss=loss, clip=free * 2)[1][0], plain[0])


def test_dropout_leaves_out_the_share_and_never_a_whole_document():
    bags = Ragged.of([[1, 2, 3, 4]] * 3000 + [[5]] * 300)
    left = drop_features(bags, 0.5, np.random.default_rng(0))
    assert len(left) == len(bags)
    assert left.sizes.min() >= 1
    # 4 features at one half: 2 on average, and 1 in 16 documents keeps all because none was left
    assert left.sizes[:3000].mean() == pytest.approx(2 + 4 / 16, abs=0.08)
    assert set(left.take(np.arange(3000)).values.tolist()) == {1, 2, 3, 4}
    before, after, _ = one_update(dropout=0.5)
    _, plain, _ = one_update()
    assert np.isfinite(after[0]).all() and (after[0] != plain[0]).any()


def test_a_batch_of_sixteen_is_sixteen_documents():
    dictionary, bags, options = finetuning(lines=40, batch_size=16)
    tables = tables_for(dictionary, dictionary.nlabels)
    places = []
    setup = FinetuneSetup.build(dictionary, options)
    rng = chunk_generator(0, "finetune", 0, 0)
    result = Reference().finetune_bags(
        tables, bags, np.arange(40), options, lambda done: places.append(done) or 0.1, rng, setup
    )
    assert result.updates == 3
    assert places == [0, bags.offsets[16], bags.offsets[32]]


def test_a_loss_that_is_no_number_names_its_update():
    dictionary, bags, options = finetuning(lines=40, batch_size=8)
    tables = tables_for(dictionary, dictionary.nlabels, head=0.5)
    with torch.no_grad():
        tables.input[bags.ids[bags.offsets[20]]] = float("nan")
    setup = FinetuneSetup.build(dictionary, options)
    rng = chunk_generator(0, "finetune", 0, 0)
    only = [
        d for d in range(40) if bags.ids[bags.offsets[20]] in bags.ids[bags.offsets[d] : bags.offsets[d + 1]]
    ]
    result = Reference().finetune_bags(tables, bags, np.arange(40), options, constant(0.1), rng, setup)
    assert result.broken == only[0] // 8


def test_threads_are_put_back():
    dictionary, corpus, options = pretraining(lines=5)
    tables = tables_for(dictionary, dictionary.nwords)
    setup = PretrainSetup.build(dictionary, options)
    seen = []
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for deterministic in (True, False):
            Reference(deterministic=deterministic).pretrain_lines(
                tables, corpus, range(5), options, lambda done: seen.append(torch.get_num_threads()) or 0.1,
                chunk_generator(0, "pretrain", 0, 0), setup,
            )  # fmt: skip
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert set(seen) == {1, 2}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("loss", ["ns", "hs", "softmax"])
def test_the_gpu_agrees_with_the_cpu_and_with_itself(loss):
    found = []
    for device in ("cpu", "cuda", "cuda"):
        dictionary, corpus, options = pretraining(loss=loss)
        tables = tables_for(dictionary, dictionary.nwords, head=0.3).to(device)
        setup = PretrainSetup.build(dictionary, options)
        rng = chunk_generator(0, "pretrain", 0, 0)
        Reference(device).pretrain_lines(
            tables, corpus, range(len(corpus)), options, constant(0.05), rng, setup
        )
        found.append(tables.input.detach().cpu())
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-4)
    assert torch.equal(found[1], found[2])
