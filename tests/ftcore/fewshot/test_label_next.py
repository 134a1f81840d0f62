"""Which documents to label: unsure ones, unlike one another; what they teach."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import ftcore
from ftcore import cli
from ftcore.errors import UserError
from ftcore.fewshot.label_next import label_next, unlike

TOPICS = 12


def drawn(count: int, seed: int) -> tuple[list[str], list[int]]:
    """Texts of twelve topics, half of which are rare."""
    draw = np.random.default_rng(seed)
    share = np.array([8.0] * 6 + [1.0] * 6)
    topics = draw.choice(TOPICS, count, p=share / share.sum()).tolist()
    lines = [
        " ".join(
            [*(f"t{t}w{w}" for w in draw.integers(8, size=3)), *(f"w{w}" for w in draw.integers(60, size=3))]
        )
        for t in topics
    ]
    return lines, topics


LINES, TRUE = drawn(1500, 0)
TEST = [f"__label__{t} {line}" for line, t in zip(*drawn(1000, 1), strict=True)]


def trained(rows: list[int]):
    lines = [f"__label__{TRUE[i]} {LINES[i]}" for i in rows]
    return ftcore.train_supervised(lines, head="linear", verbose=0)


def test_chosen_documents_teach_more_than_others_drawn_at_random():
    """As much as half as many again."""
    first = list(range(40))
    model, pool = trained(first).classic, [i for i in range(1500) if i not in first]
    chosen = [pool[one.row] for one in label_next(model, [LINES[i] for i in pool], 60)]
    assert trained([*first, *chosen]).test(TEST)[1] > trained(list(range(130))).test(TEST)[1]


def test_copies_of_what_was_taken_are_passed_over():
    rows = csr_matrix(np.float32([[1, 1, 0], [2, 2, 0], [1, 1, 0.1], [0, 0, 1], [0, 0, 0]]))
    assert unlike(rows, 3).tolist() == [0, 3, 4]
    assert unlike(rows, 4).tolist() == [0, 3, 4, 1] and unlike(rows, 9).tolist() == [0, 3, 4, 1, 2]
    model = trained(list(range(100))).classic
    first = label_next(model, LINES, 5)
    twice = label_next(model, [*LINES, *LINES], 5)
    assert [LINES[one.row % 1500] for one in twice] == [LINES[one.row] for one in first]


def test_what_it_says_of_a_document():
    model = trained(list(range(100)))
    for one in label_next(model.classic, LINES[:50], 5):
        labels, p = model.predict(LINES[one.row], k=2)
        assert labels[0] == f"__label__{one.label}" and p[0] == pytest.approx(one.probability, abs=1e-4)
        assert one.margin == pytest.approx(p[0] - p[1], abs=1e-4)


def test_what_makes_no_sense():
    model = trained(list(range(100))).classic
    for lines, count, said in ((LINES, 0, "count = 0"), ([], 3, "no document")):
        with pytest.raises(UserError, match=said):
            label_next(model, lines, count)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture):
    trained(list(range(100))).save_model(str(tmp_path / "m.bin"))
    pool, out = tmp_path / "pool.jsonl", tmp_path / "next.jsonl"
    pool.write_text("".join(json.dumps({"n": n, "text": line}) + "\n" for n, line in enumerate(LINES[:200])))
    words = ["label-next", str(tmp_path / "m.bin"), str(pool), "--count", "7", "--output", str(out)]
    assert cli.main(words) == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(found) == 7 and all(record["text"] == LINES[record["n"]] for record in found)
    assert {"said", "probability", "margin"} <= set(found[0])
    pool.write_text('{"text": "a"}\n{"other": 1}\n')
    assert cli.main(words) == 1
    assert "pool.jsonl:2: has no text in the field 'text'" in capsys.readouterr().err
