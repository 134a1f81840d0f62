"""The classifier against the torch module's own forward pass, which knows nothing of the native predictor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import FastText
from ftcore.errors import UserError
from ftcore.formats.directory import read_directory
from ftcore.formats.quantized import quantize
from ftcore.inference.classifier import Classifier, probabilities
from ftcore.model.huffman import log_leaves
from ftcore.model.losses import huffman_tree

LOSSES = ["softmax", "ova", "ns", "hs"]
WORDS = ["film", "good", "dull", "nice", "day", "rain", "好看", "电影", "new", "old"]


def trained(loss: str = "softmax", labels: int = 3, **options) -> FastText:
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, 5)) for _ in range(60)]
    named = [f"l{i % labels}" for i in range(60)]
    chosen = {"dim": 6, "minn": 1, "maxn": 2, "bucket": 200, "word_ngrams": 2} | options
    model = FastText.from_texts(texts, named, loss=loss, **chosen)
    model.fit(list(zip(texts, named, strict=True)), epochs=3, lr=0.5)
    return model


def by_torch(model: FastText, lines: list[str]) -> np.ndarray:
    with torch.no_grad():
        return model.log_prob(model.encode_tokens(lines)).exp().numpy()


LINES = ["good film", "", "zz 好看 zz", "dull dull dull rain", "unknown words only", "</s>"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [2, 3, 9])  # 9: more labels than columns, nothing is folded
@pytest.mark.parametrize("fold", [True, False])
def test_probabilities_are_those_of_the_forward_pass(loss: str, labels: int, fold: bool):
    model = trained(loss, labels)
    answers = Classifier(model.to_model(), fold=fold)
    for _ in range(2):  # folded rows are there the second time
        np.testing.assert_allclose(answers.probabilities(LINES), by_torch(model, LINES), rtol=2e-5, atol=2e-6)
    one_by_one = np.concatenate([answers.probabilities([line]) for line in LINES])
    assert np.array_equal(one_by_one, answers.probabilities(LINES)), "a line's bits depend on it alone"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*WORDS, "x", "yy", "</s>"]), max_size=6), max_size=12))
def test_told_lines_are_those_with_a_row(lines):
    model = shared()
    told, _ = Classifier(model.to_model()).told([" ".join(line) for line in lines])
    for line, one in zip(lines, told.tolist(), strict=True):
        ids = model.dictionary.features(" ".join(line))  # a bigram with the end of line counts
        rows = model.dictionary.to_rows(ids[ids != model.dictionary.eos])
        assert one == bool((rows >= 0).any()), line


def shared(made: list[FastText] = []) -> FastText:  # noqa: B006 - one for all examples
    if not made:
        made.append(trained(minn=0, maxn=0))
    return made[0]


def test_codes_answer_like_the_rows_that_they_stand_for():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice([f"w{i}" for i in range(400)], 8)) for _ in range(300)]
    named = [f"l{i % 3}" for i in range(300)]
    model = FastText.from_texts(texts, named, dim=8)
    model.fit(list(zip(texts, named, strict=True)), epochs=3, lr=0.5)
    small = quantize(model.to_model().with_prefix(), cutoff=300)
    assert small.dictionary.bucket_rows.leaves_out
    dense = FastText.from_texts(texts, named, dim=8)  # the same labels
    found = Classifier(small)
    told, answered = found.told([*texts[:50], "w999 nobody knows"])
    assert told[:50].any() and not told[-1]
    ids, cuts = small.dictionary.features_of(texts[:50], label="__label__")
    rows, ends = found.predictor.tables.known(ids, cuts)
    hidden = found.predictor.tables.mean(rows, ends)
    expected = probabilities(hidden @ np.asarray(small.output).T, "softmax")
    np.testing.assert_allclose(answered[:50], expected, rtol=1e-4, atol=1e-6)
    assert found.labels == [name for name in dense.labels]


def test_a_model_that_goes_on_training_answers_as_it_is_now():
    model = trained()
    before = model.probabilities(["good film"])
    with torch.no_grad():
        model.tables.input.data.mul_(-3)  # which torch does not count as a change of the tensor
    after = model.probabilities(["good film"])
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, by_torch(model, ["good film"]), rtol=2e-5)
    model.fit([("a new word", "other"), ("good film", "l0")], epochs=1)
    assert model.probabilities(["a new word"]).shape == (1, 4)
    np.testing.assert_allclose(model.probabilities(LINES), by_torch(model, LINES), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(model.half().probabilities(LINES), model.probabilities(LINES))


@pytest.mark.parametrize("table", ["input", "output"])
def test_tables_in_another_order_answer_as_they_are_now_too(table: str):
    """Columns one behind the other, as a transposed matrix has them: the predictor reads a copy."""
    model = trained()
    turned = getattr(model.tables, table).detach().T.contiguous().T
    assert not turned.is_contiguous()
    setattr(model.tables, table, torch.nn.Parameter(turned))
    for _ in range(2):
        np.testing.assert_allclose(model.probabilities(LINES), by_torch(model, LINES), rtol=2e-5, atol=2e-6)
        with torch.no_grad():
            getattr(model.tables, table).mul_(-2)


def test_without_torch_a_directory_answers_the_same(tmp_path):
    model = trained()
    model.save(tmp_path / "m")
    texts = ["Good FILM!", "", None, "nothing known", "电影 好看"]
    ours, theirs = Classifier(read_directory(tmp_path / "m")).predict(texts), model.predict(texts)
    assert [a.labels for a in ours] == [b.labels for b in theirs]
    assert ours[1].labels == ours[2].labels == []
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, rtol=1e-6)


@pytest.mark.parametrize("labels", [1, 2, 3, 8])
def test_the_trees_leaves_are_those_of_torch(labels: int):
    counts = np.sort(np.random.default_rng(labels).integers(1, 50, labels))[::-1].copy()
    scores = np.random.default_rng(1).normal(0, 3, (5, labels)).astype(np.float32)
    expected = huffman_tree(counts).log_probabilities(torch.from_numpy(scores)).numpy()
    np.testing.assert_allclose(log_leaves(scores, counts), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.exp(log_leaves(scores, counts)).sum(axis=1), 1, rtol=1e-5)


def test_scores_of_any_size_make_probabilities():
    huge = np.array([[1e4, -1e4, 0.0]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        assert probabilities(huge, "softmax").tolist() == [[1, 0, 0]]
        np.testing.assert_allclose(probabilities(huge, "ova"), [[1, 0, 0.5]])


def test_vectors_alone_are_no_classifier():
    model = FastText.from_texts(["a b c", "a b"], dim=4, minn=0, maxn=0)
    with pytest.raises(UserError, match="this skipgram model has no classifier"):
        Classifier(model.to_model())
