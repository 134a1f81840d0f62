"""Augmented documents: what each operation changes, where they come from, and that adversarial ones change the answer."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ftcore
from ftcore import cli
from ftcore.errors import UserError
from ftcore.fewshot.augmentation import Augmenter, Synonyms, variants
from ftcore.fewshot.augmented import augment_file
from ftcore.formats.vec import write_vec
from ftcore.inference.classifier import Classifier
from ftcore.text.tokenizer import Whitespace

WORDS = [b"good", b"fine", b"bad", b"poor", b"film"]
VECTORS = np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0.1, 1, 0], [0, 0, 1]], np.float32)
NEAR = {"good": "fine", "fine": "good", "bad": "poor", "poor": "bad"}
TEXTS = ["a good film", "a bad film", "film"]


def augmenter(share: float = 0.3) -> Augmenter:
    return Augmenter(Whitespace(), share, Synonyms(WORDS, VECTORS))


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=2, max_size=30), st.integers(0, 1000))
def test_dropping_leaves_some_of_the_words_in_their_order(words: list[str], seed: int):
    (made,) = augmenter().varied([" ".join(words)], "drop", seed)
    left = iter(words)
    assert made is not None and 0 < len(made.split()) < len(words)
    assert all(word in left for word in made.split())


def test_as_many_words_go_as_was_said():
    text = " ".join(f"w{i}" for i in range(200))
    made = augmenter(0.2).varied([f"{text} {n}" for n in range(50)], "drop")
    assert abs(np.mean([201 - len(line.split()) for line in made if line]) / 201 - 0.2) < 0.02


@pytest.mark.parametrize("seed", range(5))
def test_near_words_take_the_place_of_others(seed: int):
    good, bad, film = augmenter().varied(TEXTS, "synonym", seed)
    assert (good, bad, film) == ("a fine film", "a poor film", None)


def test_chinese_comes_back_without_spaces():
    made = Augmenter(ftcore.Tokenizer(), 0.3).varied(["这部电影非常好看"], "drop", 1)[0]
    assert made and " " not in made and len(made) < 8


@pytest.mark.parametrize("operation", ["drop", "synonym", "noise"])
def test_what_was_written_can_be_made_again(operation: str):
    texts = [f"a good film of {n} bad scenes" for n in range(20)]
    first = augmenter().varied(texts, operation, 3)
    assert first == augmenter().varied(texts, operation, 3)
    assert first[7:9] == augmenter().varied(texts[7:9], operation, 3)  # whatever stands around it
    assert first != augmenter().varied(texts, operation, 4) or operation == "synonym"


def test_variants_know_their_row_and_adversarial_ones_change_the_answer():
    lines = ["__label__yes good film", "__label__no bad film"] * 20
    model = Classifier(ftcore.train_supervised(lines, lr=0.5, epoch=30, thread=1, verbose=0).classic)
    texts = ["good film", "bad film", "good good bad film"]
    every = variants(texts, augmenter(), ("drop",), copies=8)
    assert Counter(one.row for one in every) == {0: 8, 1: 8, 2: 8}
    hard = variants(texts, augmenter(), ("drop",), copies=8, classifier=model)
    said = model.predict(texts)
    assert 0 < len(hard) < len(every)
    for one in hard:
        assert one.said is not None and one.said[0] == str(said[one.row].labels[0])
        assert one.said[1] == str(model.predict([one.text])[0].labels[0]) != one.said[0]


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, str]:
    rows = [{"text": text, "label": f"l{n}", "id": n} for n, text in enumerate(TEXTS)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "d.txt").write_text("".join(f"__label__{row['label']} {row['text']}\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "d.parquet")
    return {name: str(tmp_path / f"d.{name}") for name in ("jsonl", "txt", "parquet")}


def test_files_of_every_kind_give_the_same(sources: dict[str, str], tmp_path: Path):
    found = []
    for source in sources.values():
        made = augment_file(source, str(tmp_path / "o.parquet"), copies=2)
        rows = pq.read_table(tmp_path / "o.parquet").to_pylist()
        assert made.documents == 3 and made.written == len(rows) == sum(made.by_operation.values())
        found.append(rows)
    assert found[0] == found[1] == found[2]
    assert all(row["label"] == f"l{row['row']}" for row in found[0])
    assert {(row["operation"], row["seed"]) for row in found[0]} == {
        (o, s) for o in ("drop", "noise") for s in (0, 1)
    }


def test_the_command(sources: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture):
    write_vec(tmp_path / "v.vec", WORDS, VECTORS)
    words = ["augment", sources["jsonl"], "--output", str(tmp_path / "o.parquet"), "--operation", "synonym"]
    assert cli.main([*words, "--vectors", str(tmp_path / "v.vec")]) == 0
    assert "2 changed ones of 3 documents (synonym 2)" in capsys.readouterr().err
    assert pq.read_table(tmp_path / "o.parquet")["text"].to_pylist() == ["a fine film", "a poor film"]
    model = ftcore.train_supervised(["__label__x good", "__label__y bad"] * 9, verbose=0, thread=1)
    model.save_model(str(tmp_path / "m.bin"))
    words = ["augment", sources["txt"], "--output", str(tmp_path / "o.parquet"), "--copies", "20"]
    assert cli.main([*words, "--adversarial", str(tmp_path / "m.bin")]) == 0
    rows = pq.read_table(tmp_path / "o.parquet").to_pylist()
    assert all(row["said"] != row["now"] for row in rows)
    assert cli.main(words[:2] + ["--output", "o.jsonl"]) == 1
    assert "output o.jsonl: give a name ending in .parquet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"operations": ["synonym"]}, "synonyms are found by vectors"),
        ({"vectors": "v.vec"}, "add --operation synonym"),
        ({"operations": ["turn"]}, "'turn': choose of drop, synonym, noise"),
        ({"operations": ["synonym"], "vectors": "missing.vec"}, "there is no file missing.vec"),
        ({"copies": 0}, "copies = 0"),
        ({"share": 0.9}, "share = 0.9"),
        ({"text": "body"}, "body"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said(sources: dict[str, str], tmp_path: Path, options: dict, error: str):
    with pytest.raises(UserError, match=error):
        augment_file(sources["jsonl"], str(tmp_path / "o.parquet"), **options)
    assert not (tmp_path / "o.parquet").exists()
