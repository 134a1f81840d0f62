"""Scoring files: Parquet keeps its columns, text gets its lines; the champion answers unless another is named."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.command import metrics_table
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


def test_parquet_keeps_its_columns_and_order(ready, predict, caplog):
    table = pa.table({"id": range(5), "body": TEXTS, "label": ["old"] * 5})
    pq.write_table(table, ready.folder / "docs.parquet", row_group_size=2)
    done = predict(ready.folder / "docs.parquet", "--column", "body")
    assert done.code == 0, done.err
    assert done.summary["documents"] == 5 and done.summary["model_uri"] == "models:/tiny/1"
    assert done.summary["unanswered"] == 2 and done.summary["columns"] == ["predicted_label", "probability"]
    assert "docs.parquet has a column label of its own; the new one is predicted_label" in caplog.text
    assert "2 of 5 rows have no word or n-gram that the model knows" in caplog.text
    found = scored(ready)
    assert found.column_names == ["id", "body", "label", "predicted_label", "probability"]
    assert found.select(table.column_names).to_pylist() == table.to_pylist(), (
        "the old columns are as they were"
    )
    labels = found["predicted_label"].to_pylist()
    assert labels == ["sport", "tech", None, None, "food"]
    assert [p > 0 for p in found["probability"].to_pylist()] == [True, True, False, False, True]
    assert found.schema.metadata[b"ftcore.model"] == b"models:/tiny/1"


def test_line_n_is_row_n_in_every_format(ready, predict):
    import pandas as pd

    lines = ["", TEXTS[0], "", TEXTS[1], "qwx zvk", ""]
    (ready.folder / "docs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = predict(ready.folder / "docs.txt")
    assert done.code == 0 and (done.summary["documents"], done.summary["unanswered"]) == (6, 4)
    found = scored(ready)
    assert found.column_names == ["source", "line", "text", "label", "probability"]
    assert found["line"].to_pylist() == [1, 2, 3, 4, 5, 6] and found["text"].to_pylist() == lines
    assert found["label"].to_pylist() == [None, "sport", None, "tech", None, None]
    assert predict(ready.folder / "docs.txt", output="scored.csv").code == 0
    assert predict(ready.folder / "docs.txt", output="scored.jsonl").code == 0
    frame = pd.read_csv(ready.folder / "scored.csv")
    assert frame["label"].fillna("").tolist() == ["", "sport", "", "tech", "", ""]
    pd.testing.assert_frame_equal(
        pd.read_json(ready.folder / "scored.jsonl", lines=True)[["line", "probability"]],
        frame[["line", "probability"]],
    )


def test_csv_and_jsonl_keep_their_columns(ready, predict):
    import pandas as pd

    assert predict(ready.data / "zh.csv", output="scored.csv").summary["documents"] == 150
    before, after = pd.read_csv(ready.data / "zh.csv"), pd.read_csv(ready.folder / "scored.csv")
    assert list(after.columns) == ["text", "label", "predicted_label", "probability"]
    pd.testing.assert_frame_equal(after[["text", "label"]], before)
    assert (after["predicted_label"] == before["label"]).mean() > 0.9
    assert predict(ready.data / "en.jsonl").summary["documents"] == 150
    assert scored(ready).column_names == ["text", "label", "predicted_label", "probability"]


def test_a_folder_of_parts_and_a_file_without_a_header(ready, predict):
    folder = ready.folder / "docs.parquet"
    folder.mkdir()
    (folder / "_SUCCESS").write_bytes(b"")
    for number in range(2):
        pq.write_table(pa.table({"text": [TEXTS[number].encode()]}), folder / f"part-{number}.parquet")
    assert predict(folder).code == 0
    assert scored(ready)["label"].to_pylist() == ["sport", "tech"]
    (ready.folder / "bare.csv").write_text(f"1,{TEXTS[0]}\n2,{TEXTS[4]}\n")
    done = predict(ready.folder / "bare.csv")
    assert done.code == 1 and "--no-header" in done.err
    assert predict(ready.folder / "bare.csv", "--no-header", "--column", "1").code == 0
    assert scored(ready).column_names == ["0", "1", "label", "probability"]
    assert scored(ready)["label"].to_pylist() == ["sport", "food"]


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


def test_broken_lines_are_counted_and_stay_in_place(ready, predict, caplog):
    (ready.folder / "docs.txt").write_bytes(TEXTS[0].encode() + b"\nbad \xff\xfe byte\nthe soup\n")
    done = predict(ready.folder / "docs.txt")
    assert done.code == 0 and (done.summary["documents"], done.summary["rejected"]) == (3, 1)
    assert "1 rows are broken (not utf-8)" in caplog.text
    found = scored(ready)
    assert found["line"].to_pylist() == [1, 2, 3] and found["text"].to_pylist()[1] is None
    assert found["label"].to_pylist() == ["sport", None, "food"] and found["probability"].to_pylist()[1] == 0


def test_bad_requests_are_one_line(ready, predict):
    pq.write_table(pa.table({"body": ["x"]}), ready.folder / "docs.parquet")
    pq.write_table(pa.table({"text": [["x"]]}), ready.folder / "lists.parquet")
    (ready.folder / "empty.txt").write_text("")
    cases = [
        (["gone.txt"], "gone.txt"),
        (["gone.parquet"], "no such file or directory"),
        ([ready.folder / "docs.parquet"], "the columns are: body; choose one with --column"),
        ([ready.folder / "lists.parquet"], "column 'text' is list<"),
        ([ready.data / "zh.csv", "--no-header"], "give --column a number from 0"),
        ([ready.data / "zh.csv", "--column", "body"], "body"),
        ([ready.folder / "empty.txt"], "no document to score"),
        ([ready.data / "en.txt", "--model", "models:/tiny/7"], "models:/tiny/7"),
    ]
    for words, said in cases:
        done = predict(*words)
        assert done.code == 1 and said in done.err and "Traceback" not in done.err, (words, done.err)
        assert not (ready.folder / "scored.parquet").exists(), "no half a result"
    for output in ("scored.xlsx", "scored", "scored.json"):
        done = predict(ready.data / "en.txt", output=output)
        assert done.code == 1 and "ending in .csv, .jsonl or .parquet" in done.err
        assert not (ready.folder / output).exists()
    before = (ready.data / "zh.csv").read_bytes()
    done = predict(ready.data / "zh.csv", output="data/zh.csv")
    assert done.code == 1 and "is the input" in done.err and (ready.data / "zh.csv").read_bytes() == before


def test_without_any_version_it_says_what_to_do(project, invoke, prefect_api):
    done = invoke(
        "predict", "--config", project.config, "--input", project.data / "en.txt", "--output", "a.parquet"
    )
    assert done.code == 1 and "run the pipeline first" in done.err


def test_a_model_of_several_labels_says_them(ready, predict, invoke):
    import mlflow
    import pandas as pd

    done = invoke("pipeline", "--config", ready.config, "finetune.loss=ova")
    assert done.code == 0, done.err
    metrics = done.summary["metrics"]
    assert metrics["threshold_micro_f1"] > 0.8 and metrics["subset_accuracy"] > 0.8
    assert metrics["labels_gold"] == 1 and {"en/subset_accuracy", "zh/threshold_micro_f1"} <= metrics.keys()
    assert "subset_accuracy" in [column.header for column in metrics_table(metrics).columns]
    page = (ready.folder / done.summary["report"]).read_text(encoding="utf-8")
    assert "Subset accuracy" in page and "said from" in page
    both = f"{TEXTS[0]} {TEXTS[4]}"
    (ready.folder / "docs.txt").write_text(f"{TEXTS[0]}\n\n{both}\n", encoding="utf-8")
    assert predict(ready.folder / "docs.txt").code == 0
    found = scored(ready)
    assert found.column_names[-3:] == ["label", "probability", "labels"]
    assert found["labels"].to_pylist()[:2] == [["sport"], []] and found["label"].to_pylist()[0] == "sport"
    said = found["labels"].to_pylist()[2]
    assert said[:1] == found["label"].to_pylist()[2:] and set(said) <= {"sport", "food", "tech"}
    Tracker(load_config(ready.config))
    served = mlflow.pyfunc.load_model(done.summary["model_uri"])
    answer = served.predict(pd.DataFrame({"text": [TEXTS[0], None, both]}))
    assert answer["labels"].tolist() == found["labels"].to_pylist()
    assert served.metadata.signature.outputs.input_names() == ["label", "probability", "labels"]
    assert predict(ready.folder / "docs.txt", output="scored.csv").code == 0
    frame = pd.read_csv(ready.folder / "scored.csv", keep_default_na=False)
    assert frame["labels"].tolist() == ["sport", "", "|".join(said)]
