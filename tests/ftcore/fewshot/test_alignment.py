"""Two languages in one space: a rotation is found from few pairs, and more pairs from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ortho_group

import ftcore
from ftcore import cli
from ftcore.errors import UserError
from ftcore.fewshot.alignment import align, mutual, procrustes, read_pairs
from ftcore.formats.vec import read_vec, write_vec

ROOT = Path(__file__).resolve().parents[3]
DRAW = np.random.default_rng(0)
TURN = ortho_group.rvs(20, random_state=1)
MEANINGS = DRAW.normal(size=(400, 20))
EN = [f"e{i}".encode() for i in range(400)], MEANINGS.astype(np.float32)
ZH = (
    [f"z{i}".encode() for i in range(400)],
    (MEANINGS @ TURN + DRAW.normal(size=(400, 20)) * 0.3).astype(np.float32),
)
PAIRS = [(f"e{i}", f"z{i}") for i in range(16)]


def right(rounds: int) -> float:
    """Of words that no pair names, how many have their translation nearest."""
    a, b, known = align(EN, ZH, PAIRS, rounds)
    assert known == 16
    return float(((a[30:] @ b.T).argmax(axis=1) == np.arange(30, 400)).mean())


def test_words_that_no_pair_names_find_their_translation():
    assert right(3) > 0.95 > right(0) > 0.3


def test_procrustes_finds_the_very_rotation():
    np.testing.assert_allclose(procrustes(MEANINGS, MEANINGS @ TURN), TURN, atol=1e-10)


def test_mutual_neighbours_are_those_of_the_formula(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ftcore.fewshot.alignment._BLOCK", 7)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (MEANINGS[:40, :5], MEANINGS[40:75, :5]))
    cosine = a @ b.T
    hubs_a = np.sort(cosine, axis=1)[:, -10:].mean(axis=1)
    hubs_b = np.sort(cosine, axis=0)[-10:].mean(axis=0)
    csls = 2 * cosine - hubs_a[:, None] - hubs_b[None, :]
    wanted = [(i, j) for i, j in enumerate(csls.argmax(axis=1)) if csls[:, j].argmax() == i]
    assert [tuple(pair) for pair in mutual(a, b).tolist()] == wanted


def test_what_cannot_be_aligned():
    with pytest.raises(UserError, match="of 20 and of 19 numbers"):
        align(EN, (ZH[0], ZH[1][:, :19]), PAIRS)
    with pytest.raises(UserError, match="of 12 word pairs 9 are known"):
        align(EN, ZH, [*PAIRS[:9], ("a", "b"), ("e1", "b"), ("a", "z1")])


def test_labels_of_one_language_answer_the_other(tmp_path: Path, capsys: pytest.CaptureFixture):
    write_vec(tmp_path / "en.vec", *EN)
    write_vec(tmp_path / "zh.vec", *ZH)
    (tmp_path / "pairs.txt").write_text("# words\n" + "".join(f"{a} {b}\n" for a, b in PAIRS))
    words = [
        "align",
        str(tmp_path / "en.vec"),
        str(tmp_path / "zh.vec"),
        "--pairs",
        str(tmp_path / "pairs.txt"),
    ]
    assert cli.main([*words, "--output", str(tmp_path / "both.vec")]) == 0
    assert len(read_vec(tmp_path / "both.vec")[0]) == 800
    side = ["high" if row[0] > 0 else "low" for row in MEANINGS]
    lines = [f"__label__{side[i]} e{i}" for i in range(300)]
    model = ftcore.train_supervised(lines, head="linear", pretrainedVectors=tmp_path / "both.vec", verbose=0)
    clear = [i for i in range(400) if abs(MEANINGS[i, 0]) > 0.5]
    said = model.predict([f"z{i}" for i in clear])[0]
    assert np.mean([a[0] == f"__label__{side[i]}" for a, i in zip(said, clear, strict=True)]) > 0.9
    (tmp_path / "pairs.txt").write_text("a b\na\n")
    assert cli.main([*words, "--output", "x"]) == 1 and "pairs.txt:2: has 1 words" in capsys.readouterr().err


def test_the_pairs_that_are_shipped():
    pairs = read_pairs(ROOT / "examples" / "en_zh.txt")
    assert len(pairs) > 300 and len(set(pairs)) == len(pairs)
    assert all(a.isascii() and not b.isascii() for a, b in pairs)
