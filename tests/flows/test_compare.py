"""Models side by side, the gate of a promotion, the way back; and scoring files with the champion."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.flow


@pytest.fixture
def two(ready, first_run, invoke):
    """Version 1 (trained) and version 2 (an untrained head), with the shards of the test split."""
    worse = invoke("retrain", "--config", ready.config, "finetune.epoch=0")
    assert worse.code == 0, worse.err
    assert worse.summary["model_uri"] == "models:/tiny/2"
    return ready, first_run.summary["model_uri"], "models:/tiny/2", first_run_shards(ready, worse)


def first_run_shards(project, result) -> Path:
    return Path(result.summary["shards"])


def version_tags(project, version: str) -> dict[str, str]:
    from ftcore.config import load_config
    from tasks.tracking import Tracker

    return Tracker(load_config(project.config)).client.get_model_version("tiny", version).tags


def alias(project, name: str) -> str | None:
    from ftcore.config import load_config
    from tasks.tracking import Tracker

    return Tracker(load_config(project.config)).alias(name)


def test_a_comparison_has_a_page_a_table_and_the_digest_of_the_test_set(two, invoke):
    project, good, bad, shards = two
    done = invoke("compare", good, bad, "--config", project.config, "--data", shards)
    assert done.code == 0, done.err
    page = Path(done.summary["report"]).read_text(encoding="utf-8")
    assert "<html" in page and "tiny/2" in page and "http://" not in page.split("<body")[0]
    assert (
        done.summary["test_digest"]
        == json.loads((project.store / "first.out").read_text().splitlines()[-1])["manifest_digest"]
    )
    assert "significantly worse" in done.summary["verdicts"]["tiny/2"]
    assert "tiny/2" in done.err  # the table
    assert alias(project, "champion") is None  # nothing moves unasked


def test_a_worse_model_is_not_promoted_and_the_figures_say_why(two, invoke):
    project, good, bad, shards = two
    first = invoke("compare", good, "--config", project.config, "--data", shards, "--promote")
    assert first.code == 0, first.err
    assert alias(project, "champion") == "1"
    refused = invoke("compare", bad, "--config", project.config, "--data", shards, "--promote")
    assert refused.code == 1
    assert (
        "not promoted" in refused.err and "macro-F1" in refused.err and "-0." in refused.err.replace("−", "-")
    )
    assert alias(project, "champion") == "1"
    assert version_tags(project, "2")["gate.status"] == "refused"


def test_an_equal_model_is_promoted_and_rolled_back(two, invoke):
    project, good, _bad, shards = two
    again = invoke("retrain", "--config", project.config, "seed=1")
    third = again.summary["model_uri"]
    assert third == "models:/tiny/3"
    invoke("compare", good, "--config", project.config, "--data", shards, "--promote")
    moved = invoke("compare", third, "--config", project.config, "--data", shards, "--promote")
    assert moved.code == 0, moved.err
    assert alias(project, "champion") == "3"
    assert version_tags(project, "3")["replaced_version"] == "1"
    back = invoke("compare", "--rollback", "--config", project.config)
    assert back.code == 0 and alias(project, "champion") == "1"


def test_the_challenger_moves_on_request_only(two, invoke):
    project, good, _bad, shards = two
    done = invoke("compare", good, "--config", project.config, "--data", shards, "--promote", "challenger")
    assert done.code == 0, done.err
    assert alias(project, "challenger") == "1" and alias(project, "champion") is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["models:/tiny/1", "--data", "data/en.jsonl"], "at least two models"),
        (["models:/tiny/1", "models:/tiny/99", "--data", "data/en.jsonl"], "models:/tiny/99"),
        (["models:/tiny/1", "models:/tiny/1"], "--data is missing"),
        (["models:/tiny/1", "models:/tiny/1", "--data", "data/en.jsonl"], "the same model twice"),
        (["--rollback"], "no such alias"),
    ],
)
def test_what_cannot_be_compared_is_said(ready, invoke, arguments, said):
    done = invoke("compare", *arguments, "--config", ready.config)
    assert done.code == 1
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_a_file_of_raw_labelled_texts_is_a_test_set(two, invoke):
    project, good, bad, _shards = two
    done = invoke("compare", good, bad, "--config", project.config, "--data", project.data / "en.jsonl")
    assert done.code == 0, done.err
    assert len(done.summary["test_digest"]) == 64


def test_files_are_scored_by_the_champion(ready, invoke):
    texts = ["the goal of the team in the match", "烤箱 里 的 面团", None]
    pq.write_table(pa.table({"id": [1, 2, 3], "text": texts}), "in.parquet")
    done = invoke("predict", "--config", ready.config, "--input", "in.parquet", "--output", "out.parquet")
    assert done.code == 0, done.err
    assert done.summary["model_uri"] == "models:/tiny/1"  # no champion yet: the newest
    found = pq.read_table("out.parquet").to_pydict()
    assert found["id"] == [1, 2, 3] and found["text"] == texts
    assert found["label"][:2] == ["sport", "food"]
    assert all(0 <= p <= 1 for p in found["probability"])

    Path("lines.txt").write_text("the goal of the team\n烤箱 里 的 面团\n", encoding="utf-8")
    done = invoke("predict", "--config", ready.config, "--input", "lines.txt", "--output", "lines.parquet")
    assert done.code == 0, done.err
    assert pq.read_table("lines.parquet")["label"].to_pylist() == ["sport", "food"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--input", "nowhere.parquet", "--output", "o.parquet"], "nowhere.parquet: no such file"),
        (["--input", "data/en.jsonl", "--output", "o.csv"], "ending in .parquet"),
        (
            ["--input", "data/en.jsonl", "--output", "o.parquet", "--model", "models:/tiny/7"],
            "models:/tiny/7",
        ),
        (["--input", "data/en.jsonl", "--output", "o.parquet", "--column", "body"], "body"),
    ],
)
def test_what_cannot_be_scored_is_said(ready, invoke, options, said):
    done = invoke("predict", "--config", ready.config, *options)
    assert done.code == 1 and said in " ".join(done.err.split())
    assert not Path("o.parquet").exists()
