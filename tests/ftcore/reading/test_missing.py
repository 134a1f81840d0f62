"""Missing values are missing at every door, and whole numbers have one name."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore.config import NA_VALUES, Ingest, Source
from ftcore.dataset import label_rows
from ftcore.dictionary.lines import Lines
from ftcore.errors import UserError
from ftcore.inference.answers import texts_of
from ftcore.native import PAD
from ftcore.reading.documents import Notes
from ftcore.reading.missing import is_missing, unified_names
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files
from ftcore.shards.labels import renamed


def read(path, **source):
    """([(text, labels, split)], [(reason, excerpt)], notes) of a file."""
    ingest = Ingest(sources=[Source(path=str(path), **source)])
    documents, rejected, notes = [], [], Notes()
    for file in list_files(ingest, "."):
        for part in cut_file(file, ingest):
            for kept, lost in read_part(part, ingest, notes):
                documents += [(d["text"], d["labels"], d["split"]) for d in kept.to_pylist()]
                rejected += [(r["reason"], r["excerpt"]) for r in lost.to_pylist()]
    return documents, rejected, dict(notes.counts)


MISSING = [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT, Decimal("nan"), np.datetime64("NaT")]


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_what_is_missing(value):
    assert is_missing(value) and texts_of([value, "a"]) == ["", "a"]


def test_what_is_not_missing():
    assert [v for v in ("", "nan", "None", 0, 0.0, False, [], b"") if is_missing(v)] == []


def test_the_list_is_that_of_pandas():
    from pandas._libs.parsers import STR_NA_VALUES

    assert set(NA_VALUES) == set(STR_NA_VALUES)


FRAME = pd.DataFrame(
    {"text": ["good film", None, "bad film", "so so"], "label": pd.array([1, 0, None, 0], "Int64")}
)
HELD = [("good film", ["1"], ""), ("bad film", [], ""), ("so so", ["0"], "")]


def written(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
@pytest.mark.parametrize("kind", ["Int64", "float64", "object"])
def test_a_frame_comes_back_the_same_by_every_door(tmp_path, suffix, kind):
    frame = FRAME.assign(label=FRAME["label"].astype(kind))
    documents, rejected, notes = read(written(frame, tmp_path / f"a{suffix}"), label="label")
    names = unified_names(label for _, labels, _ in documents for label in labels)
    assert [(t, [names.get(label, label) for label in labels], s) for t, labels, s in documents] == HELD
    assert [reason for reason, _ in rejected] == ["empty"]
    assert notes == {"a: documents whose label is missing: they stay as text without a label": 1}


@pytest.mark.parametrize("word", ["NaN", "NULL", "None", "NA", "", "nan", "<NA>", "n/a", "null", "#N/A"])
def test_csv_cells_that_pandas_takes_for_missing(tmp_path, word):
    path = tmp_path / "a.csv"
    path.write_text(f"title,body,label,split\nT,{word},x,train\nU,b,{word},{word}\n{word},{word},x,train\n")
    documents, rejected, notes = read(path, text=["title", "body"], label="label", split_column="split")
    assert documents == [("T", ["x"], "train"), ("U b", [], "")]
    assert [reason for reason, _ in rejected] == ["empty"] and word in rejected[0][1]
    assert sorted(n.split(" is missing")[0] for n in notes) == [
        "a: documents whose label", "a: documents whose split"
    ]  # fmt: skip
    kept, _, _ = read(path, text=["title"], label="label", na_values=["missing"])
    assert [labels for _, labels, _ in kept] == [["x"], [word] if word else [], *([["x"]] if word else [])]


def test_json_and_parquet_know_missing_values_and_words_apart(tmp_path):
    rows = [{"text": "None", "label": "nan"}, {"text": "NA", "label": None}]
    (tmp_path / "a.jsonl").write_text(
        "\n".join([*map(json.dumps, rows), '{"text": NaN, "label": "x"}', '{"text": "t", "label": NaN}'])
    )
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": [1.0, float("nan")], "label": ["x", "y"]}), tmp_path / "numbers.parquet")
    both = [("None", ["nan"], ""), ("NA", [], "")]
    assert read(tmp_path / "a.parquet", label="label")[0] == both
    documents, rejected, _ = read(tmp_path / "a.jsonl", label="label")
    assert documents == [*both, ("t", [], "")] and [reason for reason, _ in rejected] == ["empty"]
    documents, rejected, _ = read(tmp_path / "numbers.parquet", label="label")
    assert documents == [("1.0", ["x"], "")] and [reason for reason, _ in rejected] == ["empty"]


def test_labels_have_one_name():
    assert unified_names(["1.0", "0.0", "2"]) == {"1.0": "1", "0.0": "0"}
    assert unified_names(["1.0", "-1.00", "sport"]) == {"1.0": "1", "-1.00": "-1"}
    assert unified_names(["3.0", "3.5", "4.0", "4"]) == {"4.0": "4"}  # ratings, versions
    assert unified_names(["007.0", "1.0.0", ".0", "1.", "1e5"]) == {}
    assert unified_names(["True", "true", "FALSE"]) == {"True": "true", "FALSE": "false"}
    assert unified_names(["True", "maybe"]) == {} == unified_names([])


def test_renaming_unites_labels_that_become_one():
    batch = pa.RecordBatch.from_pydict(
        {"labels": pa.array([["1.0", "1"], [], ["2.0"]], pa.list_(pa.string()))}
    )
    assert renamed(batch, {"1.0": "1", "2.0": "2"}).column(0).to_pylist() == [["1"], [], ["2"]]


def test_label_names_know_whole_floats(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,1.0\nb,0\n")
    documents, _, _ = read(tmp_path / "a.csv", label="label", label_names={"1": "pos", "0": "neg"})
    assert [labels for _, labels, _ in documents] == [["pos"], ["neg"]]


def test_the_library_takes_whole_floats_and_names_what_is_missing():
    assert label_rows([1.0, np.float64(0), [2.0, "a"]]) == [[1], [0], [2, "a"]]
    for missing in MISSING[:5]:
        with pytest.raises(UserError, match=r"text 1: label .* is missing"):
            label_rows(["a", missing])
    with pytest.raises(UserError, match="text 0: label 1.5 is a float"):
        label_rows([1.5])


def test_training_lines_of_a_parquet_file_with_float_labels(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"tokens": ["a", "b", None], "labels": [1.0, float("nan"), None]}), path)
    (block,) = Lines(path).blocks()
    assert bytes(block()[:-PAD]) == b"__label__1 a\n b\n \n"
    with pytest.raises(UserError, match=r"line 1: a missing value \(nan\)"):
        list(Lines(["a", float("nan")]).blocks())
