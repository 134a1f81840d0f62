"""One line or word at a time: the bits of a batch, and the long way where a row is not at hand."""

from __future__ import annotations

import random

import numpy as np
import pytest

import ftcore
from ftcore.dictionary.tokens import text_of_lines
from ftcore.inference import predict as module
from ftcore.inference.predict import Predictor
from ftcore.inference.tables import Tables
from ftcore.inference.vectors import Vectors

WORDS = ["film", "电影", "好看", "dull", "naïve", "a", "brand-new", "w1", "w2", "w3"]
UNSEEN = ["", "</s>", "filme", "无", "电", "x" * 40, "\udcff", "a\0b"]


def lines(count: int, seed: int, words: list[str] = WORDS) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randrange(1, 12))) for _ in range(count)]


@pytest.fixture(scope="module", params=["softmax", "hs", "ova"])
def classifier(request):
    text = [f"__label__{i % 3} {line}" for i, line in enumerate(lines(200, seed=1))]
    return ftcore.train_supervised(
        text, loss=request.param, dim=8, minn=2, maxn=3, wordNgrams=2, bucket=997, thread=1, verbose=0
    )


@pytest.fixture(scope="module")
def vectors():
    text = lines(300, seed=2)
    return ftcore.train_unsupervised(
        text, dim=8, minn=2, maxn=3, bucket=997, minCount=1, thread=1, epoch=1, verbose=0
    )


@pytest.mark.parametrize("folded", [True, False])
def test_a_line_alone_has_the_bits_of_a_batch(classifier, folded, monkeypatch):
    if not folded:
        monkeypatch.setattr(module, "FOLDED_BYTES", 0)
    asked = [*lines(50, seed=3, words=WORDS + UNSEEN), *UNSEEN, "a </s> behind the end", "__label__1 film"]
    batch = Predictor(classifier.classic, threads=1).predict(asked, 2)
    one = Predictor(classifier.classic, threads=1)
    assert (one.folded is not None) == folded
    for round in range(2):  # the first fills the folded table, the second finds it
        for b, line in enumerate(asked):
            found = one.from_text(text_of_lines([line]), 2)
            span = slice(batch.offsets[b], batch.offsets[b + 1])
            assert found.labels.tolist() == batch.labels[span].tolist(), (round, line)
            assert found.scores.view(np.int32).tolist() == batch.scores[span].view(np.int32).tolist()


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("k, threshold", [(1, 0.0), (2, 0.3), (-1, 0.0), (40, 0.05), (1, 2.0)])
def test_one_text_through_the_api_has_the_bits_of_a_list(classifier, folded, k, threshold, monkeypatch):
    if not folded:
        monkeypatch.setattr(module, "FOLDED_BYTES", 0)
    model = ftcore.compat.model._FastText(classic=classifier.classic)
    asked = [*lines(30, seed=6, words=WORDS + UNSEEN), *UNSEEN, "a </s> behind the end", "无 " * 4000]
    labels, scores = ftcore.compat.model._FastText(classic=classifier.classic).predict(asked, k, threshold)
    for b, line in enumerate(asked):
        quick = model._quick(line, k, threshold, "strict")
        assert (quick is None) == ("\udcff" in line)
        for found in (
            quick or model.predict(line, k, threshold),
            model.predict(line, k, threshold, "replace"),
        ):
            assert type(found) is tuple and type(found[0]) is tuple and found[0] == tuple(labels[b])
            assert found[1].dtype == np.float64 and found[1].flags.owndata and found[1].flags.writeable
            assert found[1].tolist() == scores[b].tolist()


def test_what_is_no_plain_text_goes_the_long_way(classifier):
    quick = classifier._quick
    assert quick("film", 1, 0.0, "strict") is not None

    class Text(str): ...

    given = [
        ("a\nb", 1, 0.0, "strict"), (b"film", 1, 0.0, "strict"), (("film",), 1, 0.0, "strict"), (["a\nb"], 1, 0.0, "strict"), (["film", None], 1, 0.0, "strict"), (None, 1, 0.0, "strict"),
        ("film", 0, 0.0, "strict"), ("film", -2, 0.0, "strict"), ("film", 1 << 80, 0.0, "strict"), ("film", "1", 0.0, "strict"),
        ("film", True, 0.0, "strict"), ("film", 1, "0", "strict"), ("film", 1, float("nan"), "strict"), ("film", 1, 0, "strict"),
        ("film", 1, 0.0, "ignore"), ("film", 1, 0.0, None), (Text("film"), 1, 0.0, "strict"), ("\ud800", 1, 0.0, "strict"),
    ]  # fmt: skip
    for arguments in given:
        assert quick(*arguments) is None, arguments
    assert classifier.predict(Text("film"), np.int64(1), 0)[0] == classifier.predict("film")[0]
    with pytest.raises(ValueError, match="one line"):
        classifier.predict("a\nb")


def test_answers_do_not_share_memory(classifier):
    first, second = classifier.predict("film", k=2)[1], classifier.predict("dull", k=2)[1]
    kept = second.copy()
    first[:] = 7
    assert (classifier.predict("dull", k=2)[1] == kept).all() and (second == kept).all()
    vector = classifier.get_word_vector("film")
    vector[:] = 7
    assert not (classifier.get_word_vector("film") == 7).any()


@pytest.mark.parametrize("word", WORDS + UNSEEN)
def test_a_word_alone_has_the_bits_of_many(vectors, word):
    many = Vectors(vectors.classic).words([word, *WORDS, *UNSEEN])
    assert vectors.get_word_vector(word).tolist() == many[0].tolist()
    key = word.encode("utf-8", "surrogatepass")
    assert (vectors.get_word_id(word) >= 0) == (word in vectors) == (key in vectors.classic.dictionary.words)


def test_sentence_vectors_by_hand(vectors, classifier):
    for line in ["", "film", "film film 电影  dull\ta", "naïve filme </s> w1"]:
        units = [v / np.sqrt((v * v).sum()) for v in map(vectors.get_word_vector, line.split()) if v.any()]
        expected = np.mean(units, axis=0) if units else np.zeros(8)
        np.testing.assert_allclose(vectors.get_sentence_vector(line), expected, atol=1e-6)
    ids, offsets, *_ = classifier.classic.dictionary.line_features(
        text_of_lines(["film dull"]), label="__label__"
    )
    rows = Tables(classifier.classic).gather(ids)
    np.testing.assert_allclose(classifier.get_sentence_vector("film dull"), rows.mean(axis=0), atol=1e-6)


def test_a_cut_off_model_goes_the_quick_way_with_and_without_ngrams():
    text = [f"__label__{i % 3} {line} u{i}" for i, line in enumerate(lines(300, seed=4))]
    for ngrams in (1, 2):
        model = ftcore.train_supervised(text, dim=8, wordNgrams=ngrams, bucket=997, thread=1, verbose=0)
        model.quantize(cutoff=260)
        one = Predictor(model.classic, threads=1)
        asked = [*lines(20, seed=5), "u1 u2 u3 unseen", ""]
        batch = one.predict(asked, 3)
        single = [one.from_text(text_of_lines([line]), 3) for line in asked]
        assert np.concatenate([found.scores for found in single]).tolist() == batch.scores.tolist()
        assert one.core is not None


def test_a_quantised_table_is_written_out_where_it_is_small(classifier, monkeypatch):
    text = [f"__label__{i % 3} {line} u{i}" for i, line in enumerate(lines(300, seed=4))]
    model = ftcore.train_supervised(text, dim=8, wordNgrams=2, bucket=997, thread=1, verbose=0)
    model.quantize(cutoff=260, qnorm=True)
    asked = lines(30, seed=5)
    quick = model.predict(asked, k=3)
    assert Tables(model.classic).table is not None
    monkeypatch.setattr("ftcore.inference.tables._SMALL_TABLE", 0)
    assert Tables(model.classic).table is None
    slow = Predictor(model.classic).predict(asked, 3)
    assert np.concatenate(quick[1]).tolist() == slow.scores.tolist()
    assert [model.predict(line, k=3)[0] for line in asked] == [tuple(labels) for labels in quick[0]]
