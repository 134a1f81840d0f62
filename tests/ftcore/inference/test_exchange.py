"""One model in two forms, ours (safetensors) and fastText's (.bin), answers alike; the original too."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.formats.binary import read_binary, write_binary
from ftcore.inference.predict import Predictor
from ftcore.inference.vectors import Vectors
from tests.ftcore.inference.conftest import LOSSES
from tests.reference.peer import run_peer

TEXTS = ["这部 电影 好看", "boring film", "很 好 的 书", "bad and boring book", "好看 好书", "a bad film"] * 4
LABELS = ["pos", "neg", "pos", "neg", "other", "neg"] * 4
_ASK = """
m = fasttext.load_model(str(given["path"]))
names = [str(n) for n in given["names"]]
scores = np.zeros((len(given["lines"]), len(names)))
for i, line in enumerate(given["lines"]):
    for label, p in zip(*[row[0] for row in m.predict([str(line)], -1)]):
        scores[i, names.index(label)] = p
out["scores"] = scores
out["vectors"] = np.array([m.get_word_vector(str(w)) for w in given["words"]])
"""


def unseen_lines() -> list[str]:
    """Words and n-grams the training text does not have, alone and among known ones."""
    draw = random.Random(5)
    letters = "abcxyz好看书天地"
    words = ["".join(draw.choices(letters, k=draw.randrange(1, 7))) for _ in range(300)]
    known = " ".join(TEXTS).split()
    return [" ".join(draw.choices(words + known, k=draw.randrange(1, 12))) for _ in range(80)] + ["", "zzz"]


@pytest.fixture(scope="module", params=LOSSES)
def trained(request, tmp_path_factory) -> tuple[FastText, str]:
    model = FastText.from_texts(
        TEXTS, LABELS, dim=12, loss=request.param, minn=1, maxn=3, word_ngrams=2, bucket=20_000, seed=3
    )
    model.fit(list(zip(TEXTS, LABELS, strict=True)), epochs=60, lr=1.0)
    directory = tmp_path_factory.mktemp("model")
    model.save(directory / "ours")
    write_binary(model.to_model().with_prefix(), directory / "theirs.bin")
    return FastText.load(directory / "ours"), str(directory / "theirs.bin")


def test_safetensors_and_bin_give_the_same_probabilities(trained):
    model, path = trained
    lines = unseen_lines()
    ours = model.probabilities(lines)
    classic = read_binary(path)
    assert classic.dictionary.rows > model.dictionary.rows  # most n-grams of these lines have a row only here
    for given in (classic, model.to_model().with_prefix()):
        found = Predictor(given).predict(lines, k=-1)
        scores = np.zeros_like(ours)
        line = np.repeat(np.arange(len(lines)), np.diff(found.offsets))
        scores[line, found.labels] = found.scores
        assert [f"__label__{name}" for name in model.labels] == given.dictionary.labels
        # + 1e-5 (at each node of the tree); the sigmoid of ova and ns comes from a table here
        bin = 0.0079 if model.loss in ("ova", "ns") else 4e-5
        np.testing.assert_allclose(scores, ours, rtol=0, atol=bin)
    assert (ours.max(1) > 0.6).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_original_reads_the_export(loss, tmp_path):
    """Of tables of sixteenths, which are the same on every machine, as a training's are not."""
    model = FastText.from_texts(
        TEXTS, LABELS, dim=6, loss=loss, minn=1, maxn=3, word_ngrams=2, bucket=20_000, seed=3
    )
    rng = np.random.default_rng(5)
    for table in (model.tables.input, model.tables.output):
        table.data.copy_(torch.from_numpy(rng.integers(-24, 25, table.shape) / 16))
    lines = unseen_lines()
    words = sorted({word for line in lines for word in line.split()})[::3]
    classic = model.to_model().with_prefix()
    write_binary(classic, tmp_path / "theirs.bin")
    there = run_peer(
        _ASK, path=tmp_path / "theirs.bin", lines=lines, names=classic.dictionary.labels, words=words
    )
    found = Predictor(classic).predict(lines, k=-1)
    scores = np.zeros((len(lines), len(model.labels)))
    scores[np.repeat(np.arange(len(lines)), np.diff(found.offsets)), found.labels] = found.scores
    close = np.isclose(scores, np.minimum(there["scores"], 1), rtol=1e-5, atol=1e-6)
    assert close.mean() > (0.99 if model.loss in ("ova", "ns") else 1 - 1e-9)
    np.testing.assert_allclose(Vectors(classic).words(words), there["vectors"], rtol=1e-5, atol=1e-6)


def test_from_model_is_the_same_model(trained):
    model, path = trained
    back = FastText.from_model(read_binary(path), model.tokenizer)
    lines = unseen_lines()
    assert back.labels == model.labels and back.loss == model.loss
    np.testing.assert_allclose(back.probabilities(lines), model.probabilities(lines), rtol=1e-5, atol=1e-6)
    back.fit(list(zip(TEXTS, LABELS, strict=True)), epochs=1)  # and can be trained on
    assert back.tables.input.data_ptr() != model.tables.input.data_ptr()


def test_tables_are_shared_and_not_copied(trained):
    model, _ = trained
    classic = model.to_model().with_prefix()
    assert classic.input.ctypes.data == model.tables.input.data_ptr()
    again = FastText.from_model(classic)
    assert again.tables.input.data_ptr() == model.tables.input.data_ptr()


def test_a_cut_off_model_is_refused(load):
    with pytest.raises(UserError, match="cut off"):
        FastText.from_model(load("softmax.ftz"))
