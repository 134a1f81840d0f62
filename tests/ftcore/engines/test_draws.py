"""Draws: keyed by (seed, stage, epoch, chunk); discards, windows and negatives by hand-made cases."""

import numpy as np
import pytest
import torch

from ftcore.base.ragged import Ragged
from ftcore.dictionary.dictionary import Dictionary
from ftcore.engines.choice import EngineChoice, choose_engine, load_engine
from ftcore.engines.draws import (
    chunk_generator,
    context_pairs,
    draw_negatives,
    draw_windows,
    keep_probability,
)
from ftcore.engines.setup import LossTables, class_weights
from ftcore.errors import UserError
from tests.reference.sequential import tree_paths


def test_every_chunk_has_its_own_stream():
    keys = [(s, t, e, c) for s in (0, 1) for t in ("pretrain", "finetune") for e in (0, 1) for c in (0, 1)]
    firsts = {chunk_generator(*key).random() for key in keys}
    assert len(firsts) == len(keys)
    assert chunk_generator(7, "order", 3, 2).random() == chunk_generator(7, "order", 3, 2).random()


def test_windows_form_after_the_discard_and_stop_at_the_line():
    ids, offsets = np.array([0, 1, 0, 2, 3, 4]), np.array([0, 4, 6])
    keep = np.array([-1.0, 2, 2, 2, 2])  # word 0 is always discarded
    windows = draw_windows(ids, offsets, keep, 1, np.random.default_rng(0))
    assert windows.words.tolist() == [1, 2, 3, 4]
    assert windows.place.tolist() == [1, 3, 4, 5]
    centre, context = context_pairs(windows)
    pairs = list(zip(windows.words[centre].tolist(), windows.words[context].tolist(), strict=True))
    assert pairs == [(1, 2), (2, 1), (3, 4), (4, 3)]


def test_window_widths_are_uniform_from_one_to_ws():
    ids = np.arange(30_000) % 7
    keep = np.full(7, 2.0)
    windows = draw_windows(ids, np.array([0, len(ids)]), keep, 5, np.random.default_rng(0))
    width = (windows.last - windows.first - 1)[10:-10] // 2
    share = np.bincount(width, minlength=6)[1:] / len(width)
    assert np.abs(share - 0.2).max() < 0.01


def test_empty_chunk_draws_nothing():
    windows = draw_windows(
        np.array([], dtype=np.int32), np.array([0]), np.ones(1), 5, np.random.default_rng(0)
    )
    assert [len(a) for a in context_pairs(windows)] == [0, 0]


def test_keep_probability_by_hand():
    # f = .01, t = 1e-4: sqrt(.01) + .01
    assert keep_probability(np.array([10]), 1000, 1e-4)[0] == pytest.approx(0.11)


def test_negatives_follow_the_root_of_the_count_and_avoid_the_target():
    targets = LossTables.build("ns", np.array([900, 100, 25]))
    drawn = draw_negatives(targets.negatives, np.zeros(60_000, dtype=np.int64), 1, np.random.default_rng(0))
    share = np.bincount(drawn.ravel(), minlength=3) / len(drawn)
    assert share == pytest.approx([0, 10 / 15, 5 / 15], abs=0.01)  # roots 30, 10, 5; 0 is the target


def test_one_row_has_no_negatives():
    with pytest.raises(UserError, match="at least"):
        LossTables.build("ns", np.array([5]))
    with pytest.raises(UserError, match="at least two"):
        draw_negatives(np.zeros(9, dtype=np.int32), np.array([0]), 1, np.random.default_rng(0))


def test_tree_paths_are_fasttexts():
    counts = [50, 20, 20, 7, 7, 7, 1]
    targets = LossTables.build("hs", np.array(counts))
    for i, path in enumerate(tree_paths(counts)):
        one = np.array([i])
        found = zip(targets.paths.take(one).values, targets.codes.take(one).values, strict=True)
        assert [(int(node), float(code)) for node, code in found] == path


def test_ragged_takes_rows_in_any_order_with_repeats():
    ragged = Ragged.of([[1, 2], [], [3]])
    assert ragged.take(np.array([2, 0, 0, 1])).rows() == [[3], [1, 2], [1, 2], []]
    assert ragged.take(np.array([], dtype=np.int64)).rows() == []
    assert (len(ragged), ragged.sizes.tolist()) == (3, [2, 0, 1])


def test_class_weights():
    labels, counts = ["a", "b", "c"], np.array([6, 3, 0])
    assert class_weights("none", labels, counts) is None
    assert class_weights("balanced", labels, counts)[:2].tolist() == [0.75, 1.5]
    assert class_weights({"b": 2.5}, labels, counts).tolist() == [1, 2.5, 1]
    with pytest.raises(UserError, match="'x' does not occur; the labels are 'a', 'b', 'c'"):
        class_weights({"x": 1.0}, labels, counts)
    with pytest.raises(UserError, match="from 0 up"):
        class_weights({"a": -1.0}, labels, counts)


def test_auto_takes_the_cpu_without_a_gpu_and_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    choice = choose_engine("auto", "auto")
    assert (choice.name, choice.device) == ("cpu", "cpu")
    assert "no GPU" in choice.reason
    assert load_engine(choice).name == "cpu"


def test_a_gpu_that_is_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda n: f"GPU {n}")
    assert choose_engine("auto", "cuda").device == "cuda:0"
    assert choose_engine("reference", "cuda:1") == EngineChoice(
        "reference", "cuda:1", "reference engine, as engine=reference asks; device=cuda:1 (GPU 1)"
    )
    with pytest.raises(UserError, match="'cuda:2' is not there: torch sees 2"):
        choose_engine("auto", "cuda:2")


@pytest.mark.parametrize(
    ("engine", "device", "message"),
    [("auto", "cuda", "no GPU"), ("auto", "tpu", "not known"), ("fast", "cpu", "'fast' is not known")],
)
def test_what_is_not_there_is_an_error(monkeypatch, engine, device, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=message):
        choose_engine(engine, device)


def test_subwords_of_a_dictionary_are_its_rows():
    from ftcore import config
    from ftcore.engines.setup import subword_rows

    dictionary = Dictionary.build([([], "中国 cat")], config.DictionaryOptions(minn=1, maxn=2, bucket=1000))
    rows = subword_rows(dictionary)
    for i, word in enumerate(dictionary.words):
        assert (
            rows.take(np.array([i])).values.tolist() == dictionary.to_rows(dictionary.subwords(word)).tolist()
        )
