"""Tables with answers beside: the columns of the input stay, the new ones take no name that is there."""

from __future__ import annotations

import datetime
import decimal
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore.errors import UserError
from ftcore.inference.scored import ScoredWriter, check_output, free_names
from ftcore.reading.rows import FileRows, open_rows


def test_names_of_files_say_the_format():
    assert [check_output(name) for name in ("a.csv", "b/c.JSONL", "d.x.parquet")] == [
        ".csv",
        ".jsonl",
        ".parquet",
    ]
    for name in ("a", "a.txt", "a.parquet.gz", "parquet", "a.json", "a.xlsx"):
        with pytest.raises(UserError, match="give a name ending in .csv, .jsonl or .parquet"):
            check_output(name)


def test_no_column_of_the_users_is_overwritten():
    assert free_names(["label", "probability"], ["text"]) == {"label": "label", "probability": "probability"}
    assert free_names(["label", "probability"], ["label"]) == {
        "label": "predicted_label",
        "probability": "probability",
    }
    taken = ["label", "predicted_label", "predicted_label_2"]
    assert free_names(["label"], taken) == {"label": "predicted_label_3"}


ANSWERS = pa.schema(
    [("label", pa.string()), ("probability", pa.float64()), ("labels", pa.list_(pa.string()))]
)
FOUND = [["a", None], [0.5, 0.0], [["a", "b"], []]]


def written(path, source, **metadata):
    with (
        path.open("wb") as file,
        ScoredWriter(file, path.suffix, source.schema, ANSWERS, metadata) as writer,
    ):
        for rows in source.read():
            writer.write(rows, FOUND)
    return path


@pytest.fixture
def parquet(tmp_path):
    table = pa.table(
        {
            "when": [datetime.datetime(2026, 1, 2, 3), None],
            "price": [decimal.Decimal("1.50"), None],
            "raw": [b"caf\xc3\xa9", b"\xff\x00"],
            "nested": [{"a": [1, None], "x": float("nan")}, None],
            "n": pa.array([2**60, None], pa.int64()),
            "f": [float("inf"), 0.25],
            "yes": [True, None],
            "text": ['say "hi", 你好\nthere', ""],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    return open_rows(tmp_path / "in.parquet", ["text"])


def test_parquet_to_parquet_keeps_types(tmp_path, parquet):
    found = pq.read_table(written(tmp_path / "out.parquet", parquet, who="me"))
    assert found.schema.remove_metadata() == pa.schema([*parquet.schema, *ANSWERS])
    before = pq.read_table(tmp_path / "in.parquet")
    assert str(found.select(before.column_names).to_pylist()) == str(before.to_pylist())
    assert [found[name].to_pylist() for name in ANSWERS.names] == FOUND and found.schema.metadata[
        b"who"
    ] == b"me"


def test_parquet_to_json_lines_is_json(tmp_path, parquet):
    lines = written(tmp_path / "out.jsonl", parquet).read_text(encoding="utf-8").splitlines()
    first, second = (json.loads(line, parse_constant=pytest.fail) for line in lines)
    assert first == {
        "when": "2026-01-02 03:00:00", "price": "1.50", "raw": "café", "nested": {"a": [1, None], "x": None},
        "n": 2**60, "f": None, "yes": True, "text": 'say "hi", 你好\nthere', "label": "a", "probability": 0.5,
        "labels": ["a", "b"],
    }  # fmt: skip
    assert second["raw"] == "/wA=" and second["label"] is None and second["labels"] == []


def test_parquet_to_csv_is_read_by_pandas(tmp_path, parquet):
    frame = pd.read_csv(written(tmp_path / "out.csv", parquet))
    assert list(frame.columns) == [*parquet.schema.names, *ANSWERS.names]
    assert frame["text"][0] == 'say "hi", 你好\nthere' and frame["n"][0] == 2**60 and frame["price"][0] == 1.5
    assert json.loads(frame["nested"][0]) == {"a": [1, None], "x": None} and frame["yes"][0] in (True, "true")
    assert frame["labels"].tolist()[0] == "a|b" and frame["label"].isna().tolist() == [False, True]
    assert frame["probability"].tolist() == [0.5, 0.0]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_csv_cells_come_back_as_they_were(tmp_path, suffix):
    source = tmp_path / "in.csv"
    source.write_text('id,text,=x\n007,"a,""b"", 你",NULL\n,,"x\ny"\n', encoding="utf-8")
    path = written(tmp_path / f"out{suffix}", open_rows(source, ["text"]))
    if suffix == ".csv":
        rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    else:
        rows = pq.read_table(path).to_pylist()
    kept = [{name: row[name] for name in ("id", "text", "=x")} for row in rows]
    assert kept == [{"id": "007", "text": 'a,"b", 你', "=x": "NULL"}, {"id": "", "text": "", "=x": "x\ny"}]


def test_values_that_do_not_go_together_and_lone_surrogates(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "m": 1, "s": "\\ud800x"}\n{"text": "b", "m": {"k": [1]}}\n')
    table = pq.read_table(written(tmp_path / "out.parquet", open_rows(source, ["text"])))
    assert table["m"].to_pylist() == ["1", '{"k": [1]}'] and table["s"].to_pylist() == ["?x", None]
    assert len(FileRows(["a"], [""], [{}])) == 1
