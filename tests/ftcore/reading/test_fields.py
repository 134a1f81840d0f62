"""What users say of their columns: nested keys, several labels, labels from names of folders and files."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore.config import Ingest, Source, load_config
from ftcore.errors import UserError
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files


def read(path, data=".", **source):
    """[(text, labels)], [(reason)] of a source."""
    ingest = Ingest(sources=[Source(path=str(path), **source)])
    documents, rejected = [], []
    for file in list_files(ingest, str(data)):
        for part in cut_file(file, ingest):
            for kept, lost in read_part(part, ingest):
                documents += [(d["text"], d["labels"]) for d in kept.to_pylist()]
                rejected += [r["reason"] for r in lost.to_pylist()]
    return documents, rejected


ROWS = [
    {"request": {"text": "one", "by": {"name": "x"}}, "a": 1, "b.c": "p,q"},
    {"request": {"text": "two", "by": None}, "a": 0, "b.c": " r , ,p"},
    {"request": None, "a": 1, "b.c": None},
]


@pytest.fixture(params=[".jsonl", ".json", ".parquet"])
def nested(request, tmp_path):
    path = tmp_path / f"a{request.param}"
    if request.param == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        path.write_text("\n".join(map(json.dumps, ROWS)) if request.param == ".jsonl" else json.dumps(ROWS))
    return path


def test_keys_with_points_lead_inside(nested):
    documents, rejected = read(nested, text=["request.text"], label="request.by.name")
    assert documents == [("one", ["x"]), ("two", [])] and rejected == ["empty"]
    documents, _ = read(nested, text=["request.text", "b.c"], label="a")  # a key may hold a point itself
    assert documents == [("one p,q", ["1"]), ("two r , ,p", ["0"]), *documents[2:]]
    with pytest.raises(UserError, match=r"no column 'request\.txt'; the columns are: .*request\.text"):
        read(nested, text=["request.txt"])


def test_several_labels_from_columns_or_from_one_cell(nested):
    documents, _ = read(nested, text=["request.text"], label=["a", "b.c"], label_separator=",")
    assert documents == [("one", ["1", "p", "q"]), ("two", ["0", "r", "p"])]
    documents, _ = read(nested, text=["request.text"], label=["a", "b.c"], label_names={"1": "yes"})
    assert documents == [("one", ["yes", "p,q"]), ("two", ["0", "r , ,p"])]


def test_several_labels_in_csv(tmp_path):
    (tmp_path / "a.csv").write_text("text,x,y\nt,a|b,c\nu,,c\nv,NaN,\n")
    assert read(tmp_path / "a.csv", label=["x", "y"], label_separator="|")[0] == [
        ("t", ["a", "b", "c"]), ("u", ["c"]), ("v", [])
    ]  # fmt: skip


def test_indicator_columns_name_the_labels(tmp_path):
    (tmp_path / "a.csv").write_text("text,toxic,rude,ok\nt,1,1.0,0\nu,0,,TRUE\nv,0,0,0\nw,2,0,0\n")
    columns = ["toxic", "rude", "ok"]
    documents, rejected = read(
        tmp_path / "a.csv", label=columns, label_from="indicators", label_names={"ok": "fine"}
    )
    assert documents == [("t", ["toxic", "rude"]), ("u", ["fine"]), ("v", [])]
    assert rejected == ["indicator column 'toxic' holds '2', not 0 or 1"]


@pytest.fixture
def tree(tmp_path):
    """A file a document, a folder a label."""
    for name, raw in {
        "news/pos/1.md": b"good\n\nfilm\n",
        "news/neg/2.txt": "很糟糕的电影，我们都不喜欢".encode("gb18030"),
        "news/neg/3": "bad film\r\nindeed".encode("utf-16"),
        "news/neg/empty.txt": b" \n",
        "news/pos/4.html": b"<p>fine</p>",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return tmp_path


WHOLE = [("很糟糕的电影，我们都不喜欢", ["neg"]), ("bad film\nindeed", ["neg"]), ("good\n\nfilm", ["pos"]),
         ("<p>fine</p>", ["pos"])]  # fmt: skip


@pytest.mark.parametrize("path", ["news", "news/*/*", "news/**", "."])
def test_one_file_is_one_document_and_its_folder_the_label(tree, path):
    documents, rejected = read(path, tree, format="file", label_from="folder")
    assert documents == WHOLE and rejected == ["empty"]


def test_a_folder_or_file_named_itself_has_its_own_name_as_label(tree):
    assert read("news/pos", tree, format="file", label_from="folder")[0] == WHOLE[2:]
    assert read("news/pos/1.md", tree, format="file", label_from="folder")[0] == WHOLE[2:3]
    assert read(".", tree / "news" / "pos", format="file", label_from="folder")[0] == WHOLE[2:]
    names = {"pos": "1", "neg": "0"}
    labels = [
        labels for _, labels in read("news", tree, format="file", label_from="folder", label_names=names)[0]
    ]
    assert labels == [["0"], ["0"], ["1"], ["1"]]


def test_labels_from_file_names(tmp_path):
    (tmp_path / "pos.txt").write_text("good\nfine\n")
    (tmp_path / "neg.jsonl").write_text('{"text": "bad"}')
    assert read(tmp_path, label_from="file")[0] == [("bad", ["neg"]), ("good", ["pos"]), ("fine", ["pos"])]


def test_a_file_that_is_too_long_is_no_document(tmp_path):
    (tmp_path / "a.txt").write_text("字" * 400_000)
    assert read(tmp_path / "a.txt", format="file") == ([], ["longer than max_document_bytes"])


def test_a_lone_name_is_a_list_of_one():
    source = load_config(
        overrides=["ingest.sources=[{path: a.csv, text: title, label: cat}]"]
    ).ingest.sources[0]
    assert source.text == ["title"] and source.label_columns == ["cat"]


@pytest.mark.parametrize(
    "options, why",
    [
        ({"label": "a", "label_from": "folder"}, "takes no column"),
        ({"label_from": "indicators"}, "needs the columns"),
        ({"label_separator": ","}, "no effect without a label column"),
        ({"label": []}, "names no column"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, why):
    with pytest.raises(ValueError, match=why):
        Source(path="a", **options)
