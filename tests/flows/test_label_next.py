"""Which documents to label next, by a registered model: JSON lines out, which the next run learns from."""

from __future__ import annotations

import json

import pytest

from flows.arguments import read
from ftcore.errors import UserError

pytestmark = pytest.mark.flow


def test_chosen_documents_get_labels_and_teach_the_next_run(ready, invoke):
    pool, out = ready.folder / "pool.jsonl", ready.folder / "next.jsonl"
    texts = [
        "goal of the striker",
        "butter and salt",
        "the goal of the soup and the battery",
        "手机 和 酱油 和 比赛",
    ]
    pool.write_text(
        "".join(
            json.dumps({"text": text, "id": n}, ensure_ascii=False) + "\n" for n, text in enumerate(texts)
        )
    )
    done = invoke("label_next", "--config", ready.config, "--input", pool, "--output", out, "--count", "2")
    assert done.code == 0, done.err
    assert (done.summary["documents"], done.summary["chosen"]) == (4, 2)
    assert done.summary["model_uri"] == "models:/tiny/1"
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert {row["id"] for row in rows} == {2, 3}, "those that are of several topics"
    assert rows[0]["margin"] <= rows[1]["margin"] and {"said", "probability"} <= rows[0].keys()
    labelled = ready.data / "next.jsonl"
    labelled.write_text(
        "".join(json.dumps(row | {"label": "tech"}, ensure_ascii=False) + "\n" for row in rows)
    )
    tree = ready.tree()
    tree["ingest"]["sources"].append({"path": "next.jsonl", "label": "label", "split": "train"})
    ready.write(tree)
    again = invoke("pipeline", "--config", ready.config, "tracking.register_model=false")
    assert again.code == 0 and "finetune" in again.recomputed


def test_wrong_words_end_before_any_work():
    with pytest.raises(UserError, match="--count 0: ask for one document"):
        read("label_next", ["--input", "a.jsonl", "--output", "b.jsonl", "--count", "0"])
