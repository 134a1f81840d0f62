"""Whole models quantised: the original's bits for the same file and options, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ftcore import config
from ftcore.dictionary.bucket_rows import EveryBucket
from ftcore.dictionary.dictionary import Dictionary
from ftcore.errors import UserError
from ftcore.formats.binary import read_binary, write_binary
from ftcore.formats.expand import AllRows
from ftcore.formats.quantized import cut_off, quantize
from ftcore.inference.predict import Predictor
from ftcore.inference.vectors import Vectors
from ftcore.model.model import Args, Model
from ftcore.model.quantize import QuantMatrix
from tests.reference.peer import needs_peer, run_live, run_peer

QUANTIZE = """
for i, (cutoff, qnorm, qout, dsub) in enumerate(given["options"].tolist()):
    m = fasttext.load_model(str(given["path"]))
    m.quantize(cutoff=cutoff, qnorm=bool(qnorm), qout=bool(qout), dsub=dsub)
    m.save_model(f"{given['into']}/m.bin.{i}")
"""


def make(
    rows: int, dim: int, labels: int = 3, words: int = 40, seed: int = 0, eos: bool = True, ties: bool = False
) -> Model:
    """A supervised model with rows of very different length; with ``ties`` many are equally long."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(rows, dim)) * rng.exponential(size=(rows, 1))
    table = (np.round(table * 65536) / 65536).astype(np.float32)  # so that every machine has the same
    if ties:
        table[rng.integers(0, rows, rows)] = table[0]
        table[rng.integers(0, rows, rows // 3)] = 0
    output = (np.round(rng.normal(size=(labels, dim)) * 65536) / 65536).astype(np.float32)
    names = [b"w%d" % i for i in range(words)]
    if eos:
        names[words // 2] = b"</s>"
    options = config.DictionaryOptions(word_ngrams=2, bucket=rows - words)
    counts = np.arange(words, 0, -1)
    dictionary = Dictionary(
        names,
        [f"__label__{i}" for i in range(labels)],
        counts,
        np.ones(labels, int),
        999,
        options,
        EveryBucket(),
    )
    args = Args(
        model="supervised", loss="softmax", dim=dim, word_ngrams=2, minn=0, maxn=0, bucket=rows - words
    )
    return Model(args, dictionary, table, output)


def pairs(classic: Model) -> set | None:
    return (
        None
        if classic.dictionary.bucket_rows.pairs is None
        else set(map(tuple, classic.dictionary.bucket_rows.pairs.tolist()))
    )


def equal_tables(ours: np.ndarray | QuantMatrix, theirs: np.ndarray | QuantMatrix) -> bool:
    """Bit for bit."""
    if isinstance(ours, np.ndarray):
        return isinstance(theirs, np.ndarray) and ours.tobytes() == theirs.tobytes()
    parts = [(ours.codes, theirs.codes), (ours.quantizer.centroids, theirs.quantizer.centroids)]
    if ours.qnorm:
        parts += [(ours.norm_codes, theirs.norm_codes)]
        parts += [(ours.norm_quantizer.centroids, theirs.norm_quantizer.centroids)]
    return ours.qnorm == theirs.qnorm and all(a.tobytes() == b.tobytes() for a, b in parts)


def fuses(ask: Callable, folder: Path) -> bool:
    """Whether that build of the original fuses multiplication and addition: a model with ties tells."""
    path = folder / "m.bin"
    write_binary(make(400, 3, ties=True), path)
    ask(QUANTIZE, folder, path=path, options=np.array([(0, 0, 0, 2)]))
    theirs = read_binary(f"{path}.0").input
    found = [equal_tables(quantize(read_binary(path), fused=flag).input, theirs) for flag in (False, True)]
    assert sum(found) == 1
    return found[1]


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> bool:
    return fuses(run_peer, tmp_path_factory.mktemp("probe"))


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (
            {"rows": 400, "dim": 5},
            [(0, 0, 0, 2), (0, 1, 0, 3), (300, 0, 0, 2), (300, 1, 0, 9), (400, 0, 0, 2)],
        ),
        ({"rows": 300, "dim": 3, "labels": 270}, [(0, 0, 1, 2), (270, 1, 1, 4)]),
        ({"rows": 500, "dim": 3, "ties": True}, [(0, 0, 0, 2), (0, 1, 0, 2), (400, 0, 0, 2), (499, 1, 0, 1)]),
        ({"rows": 400, "dim": 3, "eos": False}, [(300, 0, 0, 2)]),
        ({"rows": 500, "dim": 3, "words": 400}, [(256, 1, 0, 2)]),
    ],
    ids=["plain", "qout", "ties", "no-eos", "words"],
)
def test_centroids_and_codes_are_the_originals(model: dict, options: list, fused: bool, tmp_path: Path):
    quantised_alike(model, options, fused, tmp_path, run_peer)


@needs_peer
@pytest.mark.slow
def test_of_more_rows_than_k_means_takes(tmp_path: Path):
    fused = fuses(run_live, tmp_path)
    quantised_alike({"rows": 70_000, "dim": 2}, [(66_000, 1, 0, 2)], fused, tmp_path, run_live)


def quantised_alike(model: dict, options: list, fused: bool, tmp_path: Path, ask: Callable) -> None:
    path = tmp_path / "m.bin"
    write_binary(make(**model), path)
    ask(QUANTIZE, tmp_path, path=path, options=np.array(options))
    for i, (cutoff, qnorm, qout, dsub) in enumerate(options):
        theirs = read_binary(f"{path}.{i}")
        how = {"qnorm": bool(qnorm), "qout": bool(qout), "dsub": dsub, "fused": fused}
        ours = quantize(read_binary(path), cutoff=cutoff, **how)
        assert equal_tables(ours.input, theirs.input) and equal_tables(ours.output, theirs.output), options[i]
        assert ours.dictionary.words == theirs.dictionary.words and pairs(ours) == pairs(theirs), options[i]
        write_binary(ours, tmp_path / "ours.ftz")
        data, other = (tmp_path / "ours.ftz").read_bytes(), Path(f"{path}.{i}").read_bytes()
        assert len(data) == len(other)
        if ours.dictionary.bucket_rows.pairs is None:
            assert data == other, options[i]
        else:  # the original writes the pairs in the order of a hash table
            write_binary(replace(theirs, dictionary=ours.dictionary), tmp_path / "ordered.ftz")
            assert (tmp_path / "ordered.ftz").read_bytes() == data, options[i]


def test_the_original_predicts_the_same_from_our_file(tmp_path: Path):
    classic = make(600, 7)
    made = quantize(classic, cutoff=300, qnorm=True)
    write_binary(made, tmp_path / "m.ftz")
    texts = ["w1 w2 w3", "w39 unseen w0 w1", "w7"]
    ask = """
m = fasttext.load_model(str(given["path"]))
labels, scores = m.predict(given["texts"].tolist(), k=3)
out["labels"], out["scores"] = np.array(labels), np.array(scores)
"""
    theirs = run_peer(ask, path=tmp_path / "m.ftz", texts=np.array(texts))
    ours = Predictor(read_binary(tmp_path / "m.ftz")).predict(texts, k=3)
    names = np.array(made.dictionary.labels)[ours.labels].reshape(3, 3)
    assert names.tolist() == theirs["labels"].tolist()
    np.testing.assert_allclose(ours.scores.reshape(3, 3), theirs["scores"], rtol=1e-4)


def test_cut_off_keeps_the_longest_rows_and_the_end_of_line():
    classic = make(600, 7)
    classic.input[20] = 1e-9  # </s>, the shortest of all
    small = cut_off(classic, 50)
    lengths = np.linalg.norm(classic.input.astype(np.float64), axis=1)
    lengths[20] = np.inf
    best = np.argsort(-lengths, kind="stable")[:50]
    words, ngrams = np.sort(best[best < 40]), best[best >= 40]
    assert (
        small.dictionary.words == [classic.dictionary.words[i] for i in words]
        and b"</s>" in small.dictionary.words
    )
    assert small.dictionary.bucket_rows.pairs.tolist() == [[b - 40, j] for j, b in enumerate(ngrams)]
    assert np.array_equal(small.input, classic.input[np.concatenate([words, ngrams])])
    assert (small.dictionary.bucket_rows.name, small.dictionary.bucket, small.args) == (
        "pruned",
        560,
        classic.args,
    )


def test_retraining_sees_the_cut_off_model():
    classic = make(600, 7)
    seen = []

    def retrain(small: Model) -> Model:
        seen.append(small)
        return replace(small, input=small.input * 2, args=replace(small.args, epoch=1))

    made = quantize(classic, cutoff=300, retrain=retrain)
    assert (
        len(seen) == 1 and isinstance(seen[0].input, np.ndarray) and seen[0].dictionary.bucket_rows.leaves_out
    )
    assert made.args.epoch == 1
    assert equal_tables(made.input, QuantMatrix.train(seen[0].input * 2, 2))
    quantize(classic, retrain=retrain)  # nothing was cut off, nothing to make up for
    assert len(seen) == 1


def test_a_model_trained_here_is_quantised_as_its_file_is(tmp_path: Path):
    """Rows of buckets without memory are among those quantised, as in the `.bin`."""
    options = config.DictionaryOptions(word_ngrams=2, bucket=5000, minn=2, maxn=3)
    dictionary = Dictionary.build(
        [(["__label__x"], "alpha beta gamma delta"), (["__label__y"], "alpha beta")], options
    )
    rng = np.random.default_rng(0)
    table, output = (rng.normal(size=(n, 4)).astype(np.float32) for n in (dictionary.rows, 2))
    args = Args(model="supervised", loss="softmax", dim=4, word_ngrams=2, minn=2, maxn=3, bucket=5000)
    classic = Model(args, dictionary, table, output, seed=5)
    write_binary(classic, tmp_path / "m.bin")
    whole = read_binary(tmp_path / "m.bin")
    assert np.array_equal(np.concatenate(list(AllRows(classic).parts())), whole.input)
    assert np.array_equal(AllRows(classic)[np.array([4999, 0, 7])], whole.input[[4999, 0, 7]])
    for how in ({}, {"qnorm": True}, {"cutoff": 300}):
        write_binary(quantize(classic, **how), tmp_path / "a.ftz")
        write_binary(quantize(whole, **how), tmp_path / "b.ftz")
        assert (tmp_path / "a.ftz").read_bytes() == (tmp_path / "b.ftz").read_bytes(), how


@pytest.mark.parametrize("cutoff", [0, 1500])
def test_word_vectors_can_be_quantised_too(cutoff: int, tmp_path: Path):
    rng = np.random.default_rng(0)
    words = [b"word%d" % i for i in range(300)]
    options = config.DictionaryOptions(minn=3, maxn=4, bucket=2000)
    counts = np.arange(300, 0, -1)
    dictionary = Dictionary(words, [], counts, np.zeros(0, int), int(counts.sum()), options, EveryBucket())
    table = rng.normal(size=(2300, 8)).astype(np.float32)
    table[:300] *= 3  # so that words are kept
    classic = Model(Args(dim=8, minn=3, maxn=4, bucket=2000), dictionary, table, table[:300].copy())
    write_binary(quantize(classic, cutoff=cutoff, qnorm=True), tmp_path / "m.ftz")
    made = read_binary(tmp_path / "m.ftz")
    kept = made.dictionary.words
    assert len(kept) > 250 and len(made.output) == len(kept)
    assert np.array_equal(made.output, classic.output[classic.dictionary.word_ids(kept)])
    if cutoff == 0:
        mine, exact = Vectors(made).words(words), Vectors(classic).words(words)
        cosines = (mine * exact).sum(1) / np.linalg.norm(mine, axis=1) / np.linalg.norm(exact, axis=1)
        assert cosines.min() > 0.95


def test_what_cannot_be_quantised_is_told():
    classic = make(600, 7)
    with pytest.raises(UserError, match="already quantized"):
        quantize(quantize(classic))
    with pytest.raises(UserError, match="at least 256 rows"):
        quantize(classic, cutoff=255)
    with pytest.raises(UserError, match="at least 256 rows; this one has 3"):
        quantize(classic, qout=True)
    with pytest.raises(UserError, match="cutoff must be 0"):
        quantize(classic, cutoff=-1)
    classic.input[5, 2] = np.nan
    with pytest.raises(UserError, match="Encountered NaN"):
        quantize(classic, cutoff=300)
