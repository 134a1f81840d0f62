"""Files as tables: row n is row n of the file, with all its columns, whatever is in it."""

from __future__ import annotations

import datetime
import gzip
import json
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore.config import Ingest
from ftcore.errors import UserError
from ftcore.reading.rows import open_rows


def read(path, text=("text",), **options):
    """(texts, damage, records, schema) of a whole file."""
    source = open_rows(path, list(text), **options)
    texts, damage, records = [], [], []
    for rows in source.read():
        assert (
            len(rows.texts)
            == len(rows.damage)
            == len(rows.as_records())
            == rows.as_table(source.schema).num_rows
        )
        texts += rows.texts
        damage += rows.damage
        records += rows.as_records()
    return texts, damage, records, source.schema


def test_line_n_of_a_text_file_is_row_n(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\none\n\n  \nbad \xff byte\r\ntwo\r\n\n")
    path_ending = tmp_path / "b.txt"
    path_ending.write_bytes("one\n\n二".encode())
    texts, damage, records, schema = read(path)
    assert texts == ["", "one", "", "", "", "two", ""]
    assert [bool(d) for d in damage] == [False, False, False, False, True, False, False]
    assert [r["line"] for r in records] == [1, 2, 3, 4, 5, 6, 7]
    assert [r["text"] for r in records] == ["", "one", "", "", None, "two", ""]
    assert schema.names == ["source", "line", "text"] and records[0]["source"] == "a:a.txt"
    assert read(path_ending)[0] == ["one", "", "二"]


@pytest.mark.parametrize("part_bytes", [None, 10_000])
def test_blank_lines_are_counted_over_batches_and_parts(tmp_path, part_bytes, monkeypatch):
    lines = [f"word{i} " * 8 if i % 3 else "" for i in range(7_000)]
    path = tmp_path / "a.txt"
    path.write_text("\n".join(lines) + "\n")
    if part_bytes:
        monkeypatch.setattr("ftcore.reading.rows.Ingest", partial(Ingest, part_bytes=part_bytes))
    texts, _, records, _ = read(path)
    assert texts == lines and [r["line"] for r in records] == list(range(1, 7_001))
    packed = tmp_path / "b.txt.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read(packed)[0] == texts


def test_csv_keeps_all_columns_as_they_are(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        'id,text,note,text\n007,"a, ""b""\nc",x,1\n008,,NULL,2\n009,NaN,"",3\n010,short\n011,d,e,4\n'
    )
    texts, damage, records, schema = read(path)
    assert schema.names == ["id", "text", "note", "text_2"] and set(schema.types) == {pa.string()}
    assert texts == ['a, "b"\nc', "", "", "", "d"]
    assert damage == ["", "", "", "short row (2 of 4 columns)", ""]
    assert records[0] == {"id": "007", "text": 'a, "b"\nc', "note": "x", "text_2": "1"}
    assert records[2] == {"id": "009", "text": "NaN", "note": "", "text_2": "3"}
    assert records[3] == {"id": "010", "text": "short"}
    frame = pd.read_csv(
        path, dtype=str, keep_default_na=False, on_bad_lines="skip", header=0, names=schema.names
    )
    assert [r["id"] for r in records] == frame["id"].tolist(), "the rows of another reader"


def test_csv_without_a_header_goes_by_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,good film\n2,dull\n3,nice,more\n")
    texts, damage, records, schema = read(path, [1], header=False)
    assert texts == ["good film", "dull", "nice"] and not any(damage)
    assert schema.names == ["0", "1", "2"] and records[2] == {"0": "3", "1": "nice", "2": "more"}
    with pytest.raises(
        UserError,
        match=r"no column 'text'; the columns are: 1, good film; .*--column, or with --no-header and a number",
    ):
        read(path)
    with pytest.raises(UserError, match="no column number 7; .*--column and a number from 0"):
        read(path, [7], header=False)
    (tmp_path / "b.tsv").write_text("x\tgood\n")
    assert read(tmp_path / "b.tsv", [1], header=False)[0] == ["good"]


def test_json_lines_keep_keys_and_types(tmp_path):
    path = tmp_path / "a.jsonl"
    values = [
        {"text": "a", "n": 1, "tags": ["x"], "deep": {"k": 1}},
        {"text": None, "n": 2.5, "mixed": 1},
        {"text": "", "mixed": "one", "late": True, "深": None},
        {"n": 10**30},
    ]
    lines = [json.dumps(v, ensure_ascii=False) for v in values]
    path.write_text("\n".join([*lines[:3], '{"text": broken', lines[3]]) + "\n")
    texts, damage, records, schema = read(path)
    assert texts == ["a", "", "", "", ""] and [bool(d) for d in damage] == [False, False, False, True, True]
    assert records == [*values[:3], {}, values[3]]
    assert schema.names == ["text", "n", "tags", "deep", "mixed", "late", "深"]
    assert schema.field("tags").type == pa.list_(pa.string()) and schema.field("late").type == pa.bool_()
    assert schema.field("mixed").type == pa.string(), "values that do not go together are text"
    source = open_rows(path, ["text"])
    (rows,) = source.read()
    table = rows.as_table(source.schema).to_pydict()
    assert table["mixed"] == [None, "1", "one", None, None] and table["tags"][0] == ["x"]
    assert table["n"][:2] == ["1", "2.5"] and table["n"][4] == str(10**30)


TEXTS = ["一", None, "b", ""]
KINDS = {
    "string": pa.array(TEXTS),
    "large_string": pa.array(TEXTS, pa.large_string()),
    "string_view": pa.array(TEXTS, pa.string_view()),
    "binary": pa.array([t and t.encode() for t in TEXTS], pa.binary()),
    "binary_view": pa.array([t and t.encode() for t in TEXTS], pa.binary_view()),
    "dictionary": pa.array(TEXTS).dictionary_encode(),
    "dictionary of bytes": pa.array([t and t.encode() for t in TEXTS], pa.large_binary()).dictionary_encode(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_parquet_text_of_every_kind(tmp_path, kind):
    table = pa.table(
        {
            "id": range(4),
            "text": KINDS[kind],
            "when": [datetime.datetime(2026, 1, 1)] * 4,
            "s": [{"a": [1]}] * 4,
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    texts, damage, _, schema = read(tmp_path / "a.parquet")
    assert texts == ["一", "", "b", ""] and not any(damage)
    source = open_rows(tmp_path / "a.parquet", ["text"])
    assert pa.Table.from_batches([r.as_table(schema) for r in source.read()]).equals(
        pq.read_table(tmp_path / "a.parquet")
    )


def test_bytes_that_are_no_utf8_cost_their_row(tmp_path):
    pq.write_table(pa.table({"text": [b"ok", "中".encode("gb18030"), b"ok"]}), tmp_path / "a.parquet")
    texts, damage, *_ = read(tmp_path / "a.parquet")
    assert texts == ["ok", "", "ok"] and [bool(d) for d in damage] == [False, True, False]


@pytest.mark.parametrize("value", [{"text": "a"}, ["a"], True], ids=["struct", "list", "bool"])
def test_columns_that_are_no_text_are_refused(tmp_path, value):
    pq.write_table(pa.table({"body": [value]}), tmp_path / "a.parquet")
    kind = str(pq.read_schema(tmp_path / "a.parquet").field("body").type)
    with pytest.raises(UserError) as refused:
        open_rows(tmp_path / "a.parquet", ["body"])
    assert f"column 'body' is {kind}" in str(refused.value)


def test_a_folder_as_spark_writes_it(tmp_path):
    folder = tmp_path / "scored.parquet"
    for lang, part, texts in [("zh", 0, ["一", "二"]), ("en", 1, ["a"]), ("en", 0, ["b", None])]:
        (folder / f"lang={lang}").mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.table({"id": range(len(texts)), "text": texts}),
            folder / f"lang={lang}" / f"part-0000{part}-ab.snappy.parquet",
        )
        (folder / f"lang={lang}" / f".part-0000{part}-ab.snappy.parquet.crc").write_bytes(b"crc")
    (folder / "_SUCCESS").write_bytes(b"")
    (folder / "_delta_log").mkdir()
    (folder / "_delta_log" / "0.json").write_text("{}")
    texts, _, records, schema = read(folder)
    assert texts == ["b", "", "a", "一", "二"]
    assert [r["lang"] for r in records] == ["en", "en", "en", "zh", "zh"] and schema.names == [
        "id",
        "text",
        "lang",
    ]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_folder_of_text_parts(tmp_path, kind):
    for part, texts in enumerate([["a", "b"], [], ["c"]]):
        frame = pd.DataFrame({"id": range(len(texts)), "text": texts})
        body = frame.to_csv(index=False) if kind == "csv" else frame.to_json(orient="records", lines=True)
        (tmp_path / f"part-{part:05}.{kind}").write_text(body if texts else "")
    (tmp_path / "_SUCCESS").write_text("")
    texts, damage, records, schema = read(tmp_path)
    assert texts == ["a", "b", "c"] and not any(damage) and [str(r["id"]) for r in records] == ["0", "1", "0"]
    assert schema.names == ["id", "text"]


def test_folders_that_are_no_table_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,id\nx,1\n")
    (tmp_path / "b.csv").write_text("text,other\ny,1\n")
    with pytest.raises(UserError, match=r"b.csv: its columns are text, other, those of a.csv are text, id"):
        read(tmp_path)
    (tmp_path / "b.csv").unlink()
    (tmp_path / "c.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"several formats \(csv, jsonl\); name one"):
        read(tmp_path)
    with pytest.raises(UserError, match="no such file or directory"):
        read(tmp_path / "gone.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="bad.parquet: not a Parquet file"):
        read(tmp_path / "bad.parquet")
    for name, kind in (("a", pa.int64()), ("b", pa.string())):
        (tmp_path / "p").mkdir(exist_ok=True)
        pq.write_table(pa.table({"text": ["x"], "n": pa.nulls(1, kind)}), tmp_path / "p" / f"{name}.parquet")
    with pytest.raises(UserError, match="columns differ.* n "):
        read(tmp_path / "p")


def test_several_text_columns_are_joined_as_in_ingestion(tmp_path):
    (tmp_path / "a.csv").write_text("title,body,n\nT,B,1\n,B,2\n")
    assert read(tmp_path / "a.csv", ["title", "body"])[0] == ["T B", "B"]
    pq.write_table(pa.table({"title": ["T", None], "body": ["B", "B"]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", ["title", "body"])[0] == ["T B", "B"]
