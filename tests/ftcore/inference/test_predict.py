"""Predictions: the original's, and the same bits alone, in a batch and on threads."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest

from ftcore.dictionary.bucket_rows import EveryBucket
from ftcore.dictionary.dictionary import Dictionary
from ftcore.errors import UserError
from ftcore.inference import predict as module
from ftcore.inference.predict import Predictions, Predictor
from tests.ftcore.inference.conftest import LOSSES, random_lines
from tests.reference.peer import run_peer

LINES = random_lines(100, seed=2)
FILES = [f"{loss}.{ending}" for loss in LOSSES for ending in ("bin", "ftz")]
ASKED = [(1, 0.0), (3, 0.0), (3, 0.1), (-1, 0.0), (-1, 0.05), (40, 0.0)]
_PREDICT = """
lines = [str(line) for line in given["lines"]]
for name in given["files"]:
    m = fasttext.load_model(f"{given['models']}/{name}")
    for i, (k, threshold) in enumerate(zip(given["k"].tolist(), given["threshold"].tolist())):
        labels, scores = m.predict(lines, k, threshold)
        out[f"{name} {i} labels"] = np.array([x for row in labels for x in row])
        out[f"{name} {i} scores"] = np.array([x for row in scores for x in row.tolist()], np.float32)
        out[f"{name} {i} counts"] = np.array([len(row) for row in labels])
"""


@pytest.fixture(scope="session")
def original(models):
    k, threshold = np.array([k for k, _ in ASKED]), np.array([t for _, t in ASKED])
    return run_peer(_PREDICT, lines=LINES, files=FILES, models=models, k=k, threshold=threshold)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("folded", [True, False])
def test_predictions_are_the_originals(name, folded, load, original, monkeypatch):
    if not folded:
        monkeypatch.setattr(module, "FOLDED_BYTES", 0)
    predictor = Predictor(load(name), threads=2)
    assert (predictor.folded is not None) == folded
    for i, (k, threshold) in enumerate(ASKED):
        found = predictor.predict(LINES, k, threshold)
        labels, scores = found.named(predictor.names)
        ends = np.cumsum(original[f"{name} {i} counts"])[:-1]
        expected = np.split(original[f"{name} {i} labels"], ends)
        truth = np.split(np.minimum(original[f"{name} {i} scores"], 1), ends)
        _compare(labels, scores, [row.tolist() for row in expected], truth, name)
        assert found.scores.max() <= 1
        assert found.labels.dtype == np.int32 and found.scores.dtype == np.float32


def _compare(labels, scores, expected, truth, name):
    """Alike line by line. Sums in another order differ in the last bits: that may swap labels of equal
    scores, move a score at a border of the sigmoid's table to the next of its values (a slope of 1/4
    times a bin of 1/32) or one at the threshold over it: in one line of a hundred at most."""
    bin = 0.0079 if name.startswith(("ns", "ova")) else 1e-6
    odd = 0
    for ours, numbers, theirs, its in zip(labels, scores, expected, truth, strict=True):
        if ours == theirs and np.allclose(numbers, its, rtol=1e-5, atol=1e-6):
            continue
        odd += 1
        shared = min(len(numbers), len(its))
        assert abs(len(numbers) - len(its)) <= 1
        np.testing.assert_allclose(numbers[:shared], its[:shared], rtol=0, atol=bin)
    assert odd <= len(labels) / 100 and sum(map(len, expected)) > 0


@pytest.mark.parametrize("name", ["softmax.bin", "ns.ftz", "hs.bin"])
@pytest.mark.parametrize("folded", [True, False])
def test_batches_threads_and_single_lines_give_the_same_bits(name, folded, load, monkeypatch):
    if not folded:
        monkeypatch.setattr(module, "FOLDED_BYTES", 0)
    one = Predictor(load(name), threads=1)
    single = [one.predict([line], 3) for line in LINES]
    labels = np.concatenate([found.labels for found in single])
    bits = np.concatenate([found.scores for found in single]).view(np.int32)
    for threads in (1, 2, 5):  # each fills its own folded rows, in another order
        for lines in (LINES, LINES[::-1]):
            found = Predictor(load(name), threads=threads).predict(lines * 3, 3)
            size = len(labels)
            if lines is LINES:
                assert (found.labels[size : 2 * size] == labels).all()
                assert (found.scores.view(np.int32)[:size] == bits).all()
                assert (found.scores.view(np.int32)[-size:] == bits).all()
            else:
                back = one.predict(lines * 3, 3)
                assert (found.scores.view(np.int32) == back.scores.view(np.int32)).all()


def test_named_gives_a_list_and_an_array_for_each_line(load):
    predictor = Predictor(load("softmax.bin"))
    for k, threshold in ((1, 0.0), (2, 0.0), (-1, 0.2)):  # as many for all lines, or not
        found = predictor.predict(LINES, k, threshold)
        labels, scores = found.named(predictor.names)
        assert len(found) == len(LINES) == len(labels) == len(scores)
        cuts = found.offsets
        for b in range(len(LINES)):
            assert labels[b] == [predictor.dictionary.labels[i] for i in found.labels[cuts[b] : cuts[b + 1]]]
            assert scores[b].tolist() == found.scores[cuts[b] : cuts[b + 1]].tolist()
    empty = predictor.predict([])
    assert len(empty) == 0 and empty.named(predictor.names) == ([], [])


@pytest.mark.parametrize("k", [0, -2])
def test_k_must_make_sense(k, load):
    with pytest.raises(UserError, match=f"k = {k}"):
        Predictor(load("softmax.bin")).predict(["w1"], k)


def test_an_unsupervised_model_does_not_predict(load):
    with pytest.raises(UserError, match="supervised"):
        Predictor(load("skipgram.bin"))


_TIES = """
for loss in given["losses"]:
    m = fasttext.load_model(f"{given['models']}/{loss}.bin")
    for rows in ("equal", "three"):
        output = np.zeros_like(m.get_output_matrix())
        if rows == "three":
            output[np.arange(len(output)), np.arange(len(output)) % 3] = 1
        m.set_matrices(m.get_input_matrix(), output)
        for k in given["k"].tolist():
            labels = m.predict([str(line) for line in given["lines"]], k)[0]
            out[f"{loss} {rows} {k}"] = np.array(labels)
"""


@pytest.fixture(scope="session")
def ties(models):
    lines = LINES[2:22]
    return run_peer(_TIES, losses=LOSSES, models=models, k=[1, 2, 5, 11, -1], lines=lines)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rows", ["equal", "three"])
def test_equal_scores_are_ordered_as_in_the_original(loss, rows, load, ties):
    """All labels equally probable, or in three groups."""
    classic = load(f"{loss}.bin")
    output = np.zeros_like(classic.output)
    if rows == "three":
        output[np.arange(len(output)), np.arange(len(output)) % 3] = 1
    predictor = Predictor(replace(classic, output=output))
    for k in (1, 2, 5, 11, -1):
        labels, _ = predictor.predict(LINES[2:22], k).named(predictor.names)
        assert labels == ties[f"{loss} {rows} {k}"].tolist()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("folded", [True, False])
def test_a_model_with_nan_says_so(loss, folded, load, monkeypatch):
    if not folded:
        monkeypatch.setattr(module, "FOLDED_BYTES", 0)
    classic = load(f"{loss}.bin")
    table = np.array(classic.input)
    table[classic.dictionary.word_id(b"w1")] = np.nan
    predictor = Predictor(replace(classic, input=table))
    predictor.predict(["w2"])
    with pytest.raises(UserError, match="Encountered NaN"):
        predictor.predict(["w2", "w1 w2"])


def test_one_string_is_not_taken_for_its_letters(load):
    with pytest.raises(UserError, match="list of lines"):
        Predictor(load("softmax.bin")).predict("w1 w2")


def test_labels_in_the_text_are_no_features_and_an_end_of_line_ends_it(load):
    predictor = Predictor(load("softmax.bin"))
    known = predictor.dictionary.labels[3]
    same = ["w1 w2", f"{known} w1 w2", "w1 __label__unknown w2", "w1 w2 </s> w9 w10", "w1\tw2", "w1\nw2"]
    found = predictor.predict(same, 3)
    assert len(found.labels) == 18
    assert (found.scores.reshape(6, 3).view(np.int32) == found.scores[:3].view(np.int32)).all()


def test_a_line_without_any_known_feature_gets_no_label(load):
    """Where the end of line is out of the vocabulary too."""
    classic = load("softmax.bin")
    own = classic.dictionary
    words = [word if word != b"</s>" else b"never" for word in own.words]
    options = replace(own.options, maxn=0, minn=0, word_ngrams=1)
    other = Dictionary(words, own.labels, own.counts, own.label_counts, own.ntokens, options, EveryBucket())
    predictor = Predictor(replace(classic, dictionary=other))
    found = predictor.predict(["", "unknown words", "w1", "also unknown"], k=2)
    assert np.diff(found.offsets).tolist() == [0, 0, 2, 0]


@pytest.mark.parametrize("same", [True, False])  # as many labels a line, or not
@pytest.mark.parametrize("running", [True, False])
def test_a_long_answer_is_made_without_the_collector(same, running):
    """Python's cyclic collector would otherwise look at every object there is, sooner or later."""
    lines, names = 20_000, np.array(["__label__a", "__label__b"], object)
    counts = np.ones(lines, np.int64) if same else np.arange(lines) % 2
    offsets = np.concatenate([[0], np.cumsum(counts)])
    found = Predictions(np.ones(offsets[-1], np.int32), np.ones(offsets[-1], np.float32), offsets)
    collections: list[int] = []

    def watch(phase: str, info: dict) -> None:
        collections.append(info["generation"])

    was = gc.isenabled()
    (gc.enable if running else gc.disable)()
    gc.collect()
    gc.callbacks.append(watch)
    try:
        labels, scores = found.named(names)
        assert gc.isenabled() == running
    finally:
        gc.callbacks.remove(watch)
        (gc.enable if was else gc.disable)()
    assert [len(row) for row in labels] == [len(row) for row in scores] == counts.tolist()
    assert len(collections) <= 4  # without: one for every 700 lists


def test_pieces_of_a_text_end_at_lines(load, monkeypatch):
    predictor = Predictor(load("softmax.bin"), threads=2)
    whole = predictor.predict(LINES, 3)
    for size in (1, 7, 100, 4000):
        monkeypatch.setattr(module, "_BYTES", size)
        found = predictor.predict(LINES, 3)
        assert (found.offsets == whole.offsets).all() and (found.labels == whole.labels).all()
        assert (found.scores.view(np.int32) == whole.scores.view(np.int32)).all()
    long = ["w1 " * 30_000, "w2"]  # longer than a window of the search for its end
    assert predictor.predict(long).labels.tolist() == [predictor.predict([x]).labels[0] for x in long]
