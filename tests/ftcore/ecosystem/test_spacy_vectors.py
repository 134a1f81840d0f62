"""Vectors in spaCy's vocabulary are ours."""

import numpy as np
import pytest

import ftcore
from ftcore.ecosystem import to_spacy_vectors
from ftcore.errors import UserError
from ftcore.fasttext import FastText

spacy = pytest.importorskip("spacy", reason="spacy is not installed (the extra spacy)")

TEXTS = ["这部 电影 好看", "boring film", "很 好 的 书", "bad and boring book", "a bad film"] * 4


@pytest.fixture(scope="module")
def model() -> FastText:
    return FastText.from_texts(TEXTS, dim=9, minn=2, maxn=3, bucket=700, seed=4)


def test_tokens_and_documents_have_our_vectors(model):
    nlp = spacy.blank("en")
    table = to_spacy_vectors(model, nlp.vocab, name="mine")
    assert table is nlp.vocab.vectors and table.shape == (len(model.words) - 1, 9) and table.name == "mine"
    doc = nlp("boring film unseen")
    for token in doc[:2]:
        assert token.has_vector
        np.testing.assert_allclose(token.vector, model.word_vector(token.text), atol=1e-7)
    assert not doc[2].has_vector and not nlp.vocab.has_vector("</s>")
    np.testing.assert_allclose(nlp.vocab.get_vector("电影"), model.word_vector("电影"), atol=1e-7)
    np.testing.assert_allclose(doc.vector, (doc[0].vector + doc[1].vector) / 3, atol=1e-6)


def test_the_most_frequent_words(model):
    nlp = spacy.blank("en")
    table = to_spacy_vectors(model, nlp.vocab, words=4)
    first = [word for word in model.words if word != "</s>"][:4]
    assert table.shape == (4, 9) and {nlp.vocab.strings[key] for key in table} == set(first)
    np.testing.assert_allclose(nlp.vocab.get_vector(first[3]), model.word_vector(first[3]), atol=1e-7)


def test_saved_by_spacy(model, tmp_path):
    nlp = spacy.blank("en")
    to_spacy_vectors(model, nlp.vocab)
    nlp.to_disk(tmp_path / "nlp")
    back = spacy.load(tmp_path / "nlp")
    np.testing.assert_array_equal(back("film")[0].vector, nlp("film")[0].vector)


def test_words_that_are_no_utf8_are_left_out(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"caf\xe9 bar\xff bar\n" * 3)
    made = ftcore.train_unsupervised(
        str(tmp_path / "t.txt"), dim=4, minCount=1, bucket=100, epoch=1, verbose=0
    )
    vocab = spacy.blank("en").vocab
    assert to_spacy_vectors(made, vocab).shape == (1, 4)
    np.testing.assert_allclose(vocab.get_vector("bar"), made.get_word_vector("bar"), atol=1e-7)


def test_mistakes(model):
    with pytest.raises(UserError, match="words=0"):
        to_spacy_vectors(model, spacy.blank("en").vocab, words=0)
