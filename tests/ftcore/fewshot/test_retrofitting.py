"""Retrofitting: a case worked by hand, the optimum that the updates approach, the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ftcore import cli
from ftcore.errors import UserError
from ftcore.fewshot.retrofitting import read_graph, retrofit
from ftcore.formats.vec import read_vec, write_vec

WORDS = [b"a", b"b", b"c", b"d"]
VECTORS = np.array([[0, 8], [8, 0], [4, 4], [1, 1]], np.float32)


def test_a_round_by_hand():
    made, moved = retrofit(WORDS, VECTORS, [("a", "b", "c"), ("c", "nowhere")], rounds=1)
    a = [(8 + 4) / 2 / 2 + 0, (0 + 4) / 2 / 2 + 8 / 2]  # half the mean of b and c, half its own
    assert a == [3, 5]
    b, c = (
        [(3 + 8) / 2, (5 + 0) / 2],
        [(3 + 4) / 2, (5 + 4) / 2],
    )  # a alone is near them, and has moved already
    assert made.tolist() == [a, b, c, [1, 1]] and moved == 3
    assert VECTORS[0].tolist() == [0, 8]  # stays as it is


@pytest.mark.parametrize("own", [0.5, 1.0, 4.0])
def test_many_rounds_reach_what_solves_the_equations(own: float):
    graph = [("a", "b", "c"), ("b", "d")]
    neighbours = {0: [1, 2], 1: [0, 3], 2: [0], 3: [1]}
    system = np.zeros((4, 4))
    for word, rows in neighbours.items():
        system[word, word] = 1 + own
        system[word, rows] = -1 / len(rows)
    made, _ = retrofit(WORDS, VECTORS, graph, rounds=200, own=own)
    assert np.allclose(made, np.linalg.solve(system, own * VECTORS), atol=1e-5)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture):
    write_vec(tmp_path / "v.vec", WORDS, VECTORS)
    (tmp_path / "graph.txt").write_text("# related\na b c\n\nc nowhere\n")
    words = ["retrofit", str(tmp_path / "v.vec"), str(tmp_path / "graph.txt")]
    words += ["--output", str(tmp_path / "o.vec"), "--rounds", "1"]
    assert cli.main(words) == 0 and "3 of 4 words have a neighbour" in capsys.readouterr().err
    names, vectors = read_vec(tmp_path / "o.vec")
    assert names == WORDS and vectors[0].tolist() == [3, 5]


def test_what_makes_no_sense_is_said(tmp_path: Path):
    for arguments, error in (
        ({"graph": [("x", "y"), ("a", "x"), ("a", "a")]}, "of 3 lines of the graph none relates two words"),
        ({"graph": [("a", "b")], "rounds": -1}, "rounds = -1"),
        ({"graph": [("a", "b")], "own": 0.0}, "own = 0.0"),
    ):
        with pytest.raises(UserError, match=error):
            retrofit(WORDS, VECTORS, **arguments)
    (tmp_path / "g.txt").write_text("a b\nc\n")
    with pytest.raises(UserError, match=r"g\.txt:2: has one word"):
        read_graph(tmp_path / "g.txt")
