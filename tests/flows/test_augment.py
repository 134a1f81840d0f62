"""The flow that writes augmented documents: its files, its run, adversarial ones by a registered model."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from flows.arguments import read
from ftcore.errors import UserError

pytestmark = pytest.mark.flow


def test_documents_and_those_that_change_a_registered_models_answer(ready, invoke):
    source, out = ready.folder / "more.jsonl", ready.folder / "more.parquet"
    texts = ["the goal of the striker won the match", "soup with butter and salt"]
    source.write_text("".join(json.dumps({"text": text, "label": "x"}) + "\n" for text in texts))
    words = ("augment", "--config", ready.config, "--input", source, "--output", out, "--copies", "6")
    done = invoke(*words)
    assert done.code == 0, done.err
    rows = pq.read_table(out).to_pylist()
    assert done.summary["documents"] == 2 and done.summary["written"] == len(rows)
    assert {row["operation"] for row in rows} == {"drop", "noise"} and {row["row"] for row in rows} == {0, 1}
    done = invoke(*words, "--share", "0.5", "--adversarial", "models:/tiny/1")
    assert done.summary["model_uri"] == "models:/tiny/1"
    assert all(row["said"] != row["now"] for row in pq.read_table(out).to_pylist())


def test_wrong_words_end_before_any_work():
    with pytest.raises(UserError, match=r"output o\.csv: give a name ending in \.parquet"):
        read("augment", ["--input", "a.jsonl", "--output", "o.csv"])
    with pytest.raises(UserError, match="name some with --vectors"):
        read("augment", ["--input", "a.jsonl", "--output", "o.parquet", "--operation", "synonym"])
