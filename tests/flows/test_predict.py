"""Scoring files: Parquet keeps its columns, text gets its lines; the champion answers unless another is named."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore.config import load_config
from tasks.tracking import Tracker

pytestmark = pytest.mark.flow
TEXTS = [
    "the goal of the striker won the match",
    "这部手机的电池和屏幕很好",
    "",
    None,
    "soup with butter and salt",
]


@pytest.fixture
def predict(ready, invoke):
    def call(source: object, *words: object, output: str = "scored.parquet"):
        target = ready.folder / output
        return invoke("predict", "--config", ready.config, "--input", source, "--output", target, *words)

    return call


def scored(ready) -> pa.Table:
    return pq.read_table(ready.folder / "scored.parquet")


def test_parquet_keeps_its_columns_and_order(ready, predict):
    table = pa.table({"id": range(5), "body": TEXTS, "label": ["old"] * 5})
    pq.write_table(table, ready.folder / "docs.parquet", row_group_size=2)
    done = predict(ready.folder / "docs.parquet", "--column", "body")
    assert done.code == 0, done.err
    assert done.summary["documents"] == 5 and done.summary["model_uri"] == "models:/tiny/1"
    found = scored(ready)
    assert found.column_names == ["id", "body", "label", "probability"]
    assert found["id"].to_pylist() == list(range(5)) and found["body"].to_pylist() == TEXTS
    labels = found["label"].to_pylist()
    assert (labels[0], labels[1], labels[4]) == ("sport", "tech", "food"), "the old labels give way"
    assert all(0 <= p <= 1 for p in found["probability"].to_pylist())
    assert found.schema.metadata[b"ftcore.model"] == b"models:/tiny/1"


def test_text_and_csv_and_jsonl(ready, predict):
    (ready.folder / "docs.txt").write_text("\n".join([TEXTS[0], TEXTS[1]]) + "\n", encoding="utf-8")
    assert predict(ready.folder / "docs.txt").code == 0
    found = scored(ready)
    assert found.column_names == ["source", "line", "text", "label", "probability"]
    assert found["line"].to_pylist() == [1, 2] and found["label"].to_pylist() == ["sport", "tech"]
    for name in ("zh.csv", "en.jsonl"):
        assert predict(ready.data / name).summary["documents"] == 150


def test_it_answers_as_the_pyfunc_does(ready, predict):
    import mlflow
    import pandas as pd

    (ready.folder / "docs.txt").write_text("\n".join([TEXTS[0], TEXTS[1]]) + "\n", encoding="utf-8")
    predict(ready.folder / "docs.txt")
    Tracker(load_config(ready.config))
    model = mlflow.pyfunc.load_model("models:/tiny/1")
    answer = model.predict(pd.DataFrame({"text": TEXTS[:2]}))
    assert scored(ready)["label"].to_pylist() == answer["label"].tolist()
    assert scored(ready)["probability"].to_pylist() == pytest.approx(answer["probability"].tolist(), abs=1e-6)


def test_the_champion_answers_else_the_newest_version(ready, predict, invoke):
    assert (
        invoke("pipeline", "--config", ready.config, "finetune.epoch=0").summary["model_uri"]
        == "models:/tiny/2"
    )
    source = ready.data / "en.txt"
    assert predict(source).summary["model_uri"] == "models:/tiny/2"
    Tracker(load_config(ready.config)).move_alias("champion", "1")
    assert predict(source).summary["model_uri"] == "models:/tiny/1"
    assert predict(source, "--model", "models:/tiny/2").summary["model_uri"] == "models:/tiny/2"
    assert predict(source, "--model", "models:/tiny@champion").summary["model_uri"] == "models:/tiny/1"


def test_broken_lines_are_counted(ready, predict):
    (ready.folder / "docs.txt").write_bytes(TEXTS[0].encode() + b"\nbad \xff\xfe byte\nthe soup\n")
    done = predict(ready.folder / "docs.txt")
    assert done.code == 0 and (done.summary["documents"], done.summary["rejected"]) == (2, 1)
    assert scored(ready)["line"].to_pylist() == [1, 3]


def test_bad_requests_are_one_line(ready, predict):
    pq.write_table(pa.table({"body": ["x"]}), ready.folder / "docs.parquet")
    (ready.folder / "empty.txt").write_text("")
    cases = [
        (["gone.txt"], "gone.txt"),
        (["gone.parquet"], "gone.parquet: no such file"),
        ([ready.folder / "docs.parquet"], "the columns are body"),
        ([ready.data / "zh.csv", "--column", "body"], "body"),
        ([ready.folder / "empty.txt"], "no document to score"),
        ([ready.data / "en.txt", "--model", "models:/tiny/7"], "models:/tiny/7"),
    ]
    for words, said in cases:
        done = predict(*words)
        assert done.code == 1 and said in done.err and "Traceback" not in done.err, (words, done.err)
        assert not (ready.folder / "scored.parquet").exists(), "no half a result"
    done = predict(ready.data / "en.txt", output="scored.csv")
    assert done.code == 1 and ".parquet" in done.err


def test_without_any_version_it_says_what_to_do(project, invoke, prefect_api):
    done = invoke(
        "predict", "--config", project.config, "--input", project.data / "en.txt", "--output", "a.parquet"
    )
    assert done.code == 1 and "run the pipeline first" in done.err
