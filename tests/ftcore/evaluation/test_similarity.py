import math
import os
from pathlib import Path

import numpy as np
import pytest

from ftcore.errors import UserError
from ftcore.evaluation import similarity
from ftcore.evaluation.similarity import analogies, neighbors, read_pairs, spearman, word_similarity

DATA = Path(os.environ.get("FTCORE_DATA") or Path(__file__).parents[4] / "shared" / "data") / "wordvec_eval"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no word-vector test sets at {DATA}")


def test_spearman_with_ties_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 80), rng.integers(0, 9, 80)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert math.isnan(spearman(np.ones(3), np.arange(3))) and math.isnan(spearman(np.ones(1), np.ones(1)))


def test_word_similarity_counts_what_it_used(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text(
        "Word 1\tWord 2\tHuman (mean)\n# note\n\n猫\t狗\t9\textra\n猫\t车\t2.5\n猫\t无\t5\nUp\t狗\t6\n",
        "utf-8",
    )
    vectors = {"猫": [1, 0], "狗": [1, 0.2], "车": [0, 1], "up": [0.5, 1], "无": [0, 0]}
    found = word_similarity(
        lambda w: np.array(vectors[w]) if w in vectors else None, path, normalize=str.lower
    )
    assert found == (pytest.approx(1.0), 3, 4)
    assert word_similarity(lambda w: None, path).used == 0


def test_similarity_file_with_a_broken_line_is_refused(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("w1 w2 score\na b 1\nc d high\n")
    with pytest.raises(UserError, match=r"pairs.txt:3: .*'c d high'"):
        read_pairs(path)
    path.write_text("only a header\n")
    with pytest.raises(UserError, match="no line of the form"):
        read_pairs(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_pairs(tmp_path / "missing")


@pytest.fixture
def royal():
    words = ["man", "woman", "king", "queen", "apple", "man"]  # the second "man" must not replace the first
    vectors = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 1, 1], [-1, -1, 0.2], [9, 9, 9]], np.float32)
    return words, vectors


def test_analogies_per_section(tmp_path, royal):
    path = tmp_path / "questions.txt"
    path.write_text(
        ": family\nman woman king queen\nMan Woman King Queen\n: fruit\nman woman apple queen\nman x y z\n"
    )
    found = analogies(*royal, path, normalize=str.lower)
    assert found.sections["section"].tolist() == ["family", "fruit"]
    assert found.sections["correct"].tolist()[0] == 2 and found.sections["oov"].tolist() == [0, 1]
    assert (found.answered, found.questions, found.coverage) == (3, 4, 0.75)
    assert found.accuracy == found.correct / 3
    few = analogies(*royal, path, limit=3)
    assert few.answered == 0 and math.isnan(few.accuracy)


def slow_answer(vectors, a, b, c):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    score = unit @ (unit[b] - unit[a] + unit[c])
    score[[a, b, c]] = -np.inf
    return int(score.argmax())


def test_blocks_give_what_one_product_gives(monkeypatch):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(97, 8)).astype(np.float32)
    questions = rng.integers(0, 97, (61, 3))
    monkeypatch.setattr(similarity, "BLOCK_CELLS", 64)
    monkeypatch.setattr(similarity, "QUESTION_BLOCK", 7)
    found = similarity._best_answers(vectors, questions)
    assert found.tolist() == [slow_answer(vectors, *row) for row in questions]


def test_question_files_are_checked(tmp_path, royal):
    path = tmp_path / "questions.txt"
    path.write_text(": s\na b c\n")
    with pytest.raises(UserError, match=r":2: expected four words"):
        analogies(*royal, path)
    path.write_text(": s\n")
    with pytest.raises(UserError, match="no question"):
        analogies(*royal, path)


def test_neighbors(royal, monkeypatch):
    monkeypatch.setattr(similarity, "BLOCK_CELLS", 2)
    words, vectors = royal[0][:5], royal[1][:5]
    found = neighbors(words, vectors, ["king", "nobody"], 2)
    assert found[found["query"] == "king"]["rank"].tolist() == [1, 2]
    assert found["similarity"].iloc[0] == pytest.approx(1 / math.sqrt(2))
    assert found.iloc[-1][["query", "rank", "neighbor"]].tolist() == ["nobody", 0, ""]
    by_subwords = neighbors(words, vectors, ["kings"], 1, vector_of=lambda word: np.array([1, 0, 1.0]))
    assert by_subwords["neighbor"].tolist() == ["king"]


@needs_data
@pytest.mark.parametrize(
    ("file", "pairs"),
    [
        ("en/EN-WS-353-ALL.txt", 353),
        ("en/EN-SIMLEX-999.txt", 999),
        ("en/EN-RW-STANFORD.txt", 2034),
        ("zh/wordsim-240.txt", 240),
        ("zh/wordsim-297.txt", 297),
    ],
)
def test_real_similarity_files(file, pairs):
    found = word_similarity(lambda word: np.array([len(word), 1.0]), DATA / file)
    assert found.pairs == pairs == found.used and -1 <= found.spearman <= 1


@needs_data
@pytest.mark.parametrize(
    ("file", "questions"),
    [("en/questions-words.txt", 19544), ("zh/semantic.txt", 7636), ("zh/morphological.txt", 10177)],
)
def test_real_analogy_files(file, questions):
    sections = similarity.read_questions(DATA / file)
    words = sorted({word for _, rows in sections[:2] for row in rows[:50] for word in row})
    vectors = np.random.default_rng(0).normal(size=(len(words), 16)).astype(np.float32)
    found = analogies(words, vectors, DATA / file)
    assert found.questions == questions and found.answered > 0
    assert found.sections["questions"].sum() == questions
