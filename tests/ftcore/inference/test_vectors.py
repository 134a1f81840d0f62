"""Vectors, neighbours and analogies against the original."""

from __future__ import annotations

import numpy as np
import pytest

from ftcore.errors import UserError
from ftcore.inference.vectors import Vectors
from tests.ftcore.inference.conftest import random_lines
from tests.reference.peer import run_peer

WORDS = ["w1", "w5", "电影", "好看", "zzz", "naïve", "</s>", "q", "", "zz qq"]
LINES = random_lines(30, seed=3) + ["a\x00b w1", "w1\tw2\x0bw3", "q"]
FILES = ["skipgram.bin", "cbow.bin", "softmax.bin", "softmax.ftz", "ns.ftz"]
ROWS = [0, 5, 200, 390]
TRIPLES = [("w1", "w2", "w3"), ("电影", "好看", "w9"), ("zz", "qq", "w1")]
_ASK = """
words, lines = [str(w) for w in given["words"]], [str(line) for line in given["lines"]]
for name in given["files"]:
    m = fasttext.load_model(f"{given['models']}/{name}")
    out[f"{name} words"] = np.array([m.get_word_vector(w) for w in words])
    out[f"{name} all"] = np.array([m.get_word_vector(w) for w in m.words[::3]])
    out[f"{name} sentences"] = np.array([m.get_sentence_vector(line) for line in lines])
    out[f"{name} input"] = np.array([m.get_input_vector(i) for i in given["rows"].tolist()])
    for i, w in enumerate(words):
        names, ids = m.get_subwords(w)
        out[f"{name} names {i}"], out[f"{name} ids {i}"] = np.array(names or [""]), ids
        near = m.get_nearest_neighbors(w, 7)
        out[f"{name} near {i}"], out[f"{name} cosines {i}"] = np.array([w for _, w in near]), np.array([c for c, _ in near])
    for i, triple in enumerate(given["triples"]):
        near = m.get_analogies(*map(str, triple), k=6)
        out[f"{name} analogies {i}"] = np.array([w for _, w in near])
        out[f"{name} scores {i}"] = np.array([c for c, _ in near])
"""


@pytest.fixture(scope="session")
def original(models):
    return run_peer(_ASK, words=WORDS, lines=LINES, files=FILES, models=models, rows=ROWS, triples=TRIPLES)


@pytest.mark.parametrize("name", FILES)
def test_vectors_are_the_originals(name, load, original):
    vectors = Vectors(load(name), threads=2)
    close = dict(rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(vectors.words(WORDS), original[f"{name} words"], **close)
    np.testing.assert_allclose(vectors.all()[::3], original[f"{name} all"], **close)
    np.testing.assert_allclose(vectors.sentences(LINES), original[f"{name} sentences"], **close)
    np.testing.assert_allclose([vectors.input(i) for i in ROWS], original[f"{name} input"], **close)


@pytest.mark.parametrize("name", FILES)
def test_subwords_are_the_originals(name, load, original):
    vectors = Vectors(load(name))
    for i, word in enumerate(WORDS):
        names, ids = vectors.subwords(word)
        assert len(names) == len(ids)
        assert [n.decode() for n in names] == [n for n in original[f"{name} names {i}"].tolist() if n]
        assert ids[ids >= 0].tolist() == original[f"{name} ids {i}"].tolist()


@pytest.mark.parametrize("name", FILES)
def test_neighbours_and_analogies_are_the_originals(name, load, original):
    vectors = Vectors(load(name))
    for i, word in enumerate(WORDS):
        near = vectors.neighbors(word, 7)
        _same(near, original[f"{name} near {i}"], original[f"{name} cosines {i}"])
        assert word.encode() not in [w for _, w in near]
    for i, triple in enumerate(TRIPLES):
        _same(
            vectors.analogies(*triple, k=6), original[f"{name} analogies {i}"], original[f"{name} scores {i}"]
        )


def _same(found, words, scores):
    np.testing.assert_allclose([score for score, _ in found], scores, rtol=1e-5, atol=1e-6)
    for (_, word), expected, its in zip(found, words.tolist(), scores.tolist(), strict=True):
        # cosines that differ by a rounding may change places
        assert word.decode() == expected or np.isclose(scores, its, rtol=0, atol=1e-6).sum() > 1, (
            word,
            expected,
        )


@pytest.mark.parametrize("small", [True, False])  # whether a quantised table is written out
def test_one_word_or_line_has_the_bits_of_many(load, small, monkeypatch):
    if not small:
        monkeypatch.setattr("ftcore.inference.tables._SMALL_TABLE", 0)
    for name in ("skipgram.bin", "softmax.bin", "softmax.ftz"):
        vectors = Vectors(load(name), threads=2)
        table = vectors.all()
        for i, word in enumerate(vectors.dictionary.words[:50]):
            assert (vectors.word(word).view(np.int32) == table[i].view(np.int32)).all()
        assert (vectors._words is not None) == (small or name != "softmax.ftz")
        assert (vectors.word("zzz").view(np.int32) == vectors.words(["zzz"]).view(np.int32)).all()
        lines = vectors.sentences(LINES)
        for i, line in enumerate(LINES):
            assert (vectors.sentence(line).view(np.int32) == lines[i].view(np.int32)).all()


def test_errors_say_what_to_give(load):
    vectors = Vectors(load("skipgram.bin"))
    with pytest.raises(UserError, match="k = 0"):
        vectors.neighbors("w1", 0)
    with pytest.raises(UserError, match="rows 0 to"):
        vectors.input(10**9)
    assert len(vectors.neighbors("w1", -1)) == len(vectors.dictionary.words) - 1
