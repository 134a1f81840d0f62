"""The list of suspects as a flow: planted errors are in it with their text, place and suggestion."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.flow


def test_planted_errors_are_listed_with_their_lines(project, invoke, prefect_api):
    file = project.data / "en.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    planted = [row["text"] for row in rows if row["label"] == "food"][:3]
    for row in rows:
        if row["text"] in planted:
            row["label"] = "tech"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = ["pretrain.enabled=false", "finetune.dim=null", "finetune.head=linear", "label_errors.folds=3"]
    words.append("label_errors.splits=[train, valid, test]")
    vectors = project.data / "words.vec"
    vectors.write_text("2 3\nzzz 0.1 0.2 0.3\nyyy 0.3 0.2 0.1\n", encoding="utf-8")
    words.append(f"finetune.pretrained_vectors={vectors}")
    done = invoke("label_errors", "--config", project.config, *words)
    assert done.code == 0, done.err
    listed = [json.loads(line) for line in Path(done.summary["list_jsonl"]).read_text("utf-8").splitlines()]
    first = {row["text"]: row for row in listed[:5]}
    assert set(planted) <= set(first)
    for text in planted:
        row = first[text]
        assert (row["given"], row["suggested"]) == ("tech", "food")
        name, line = row["source"].rsplit(":", 1)
        assert json.loads(file.read_text("utf-8").splitlines()[int(line) - 1])["text"] == text
    with open(done.summary["list_csv"], encoding="utf-8-sig", newline="") as table:
        assert [row["text"] for row in csv.DictReader(table)] == [row["text"] for row in listed]
    vectors.write_text("1 3\nzzz 0.1 0.2 0.3\n", encoding="utf-8")
    other = invoke("label_errors", "--config", project.config, *words)
    assert "input changed: vectors" in other.err and other.summary["list_jsonl"] != done.summary["list_jsonl"]
    done = other
    again = invoke("label_errors", "--config", project.config, *words)
    assert again.code == 0 and again.summary["list_jsonl"] == done.summary["list_jsonl"]
