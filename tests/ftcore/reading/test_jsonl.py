import json

import pytest

from ftcore.config import Source
from ftcore.errors import UserError
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.jsonl import read_jsonl


def read(lines, place="f.jsonl", **source):
    out = BatchBuilder("s:f", "", "", 1000)
    numbered = (
        (i, line if isinstance(line, str) else json.dumps(line), "") for i, line in enumerate(lines, 1)
    )
    for _ in read_jsonl(numbered, out, Source(path="f", **source), place):
        pass
    documents, rejected = [], []
    for kept, lost in out.take():
        documents = [(d["line"], d["text"], d["labels"]) for d in kept.to_pylist()]
        rejected = [(r["line"], r["reason"]) for r in lost.to_pylist()]
    return documents, rejected


def test_labels_are_scalars_or_lists():
    records = [
        {"text": "t", "y": y} for y in ("a", 1, 1.0, 1.5, True, None, [], ["b", 2, "b"], [None, "c"], "")
    ]
    documents, rejected = read(records, label="y", label_names={"a": "A", "2": "two"})
    assert rejected == []
    assert [labels for *_, labels in documents] == [
        ["A"], ["1"], ["1"], ["1.5"], ["true"], [], [], ["b", "two"], ["c"], [],
    ]  # fmt: skip


def test_several_text_columns_and_numbers_as_text():
    documents, _ = read([{"a": "x", "b": None, "c": 7}], text=["a", "b", "c"])
    assert documents == [(1, "x 7", [])]


def test_arrays_by_position():
    documents, _ = read([["pos", "good"], ["neg", "bad"]], text=[1], label=0)
    assert documents == [(1, "good", ["pos"]), (2, "bad", ["neg"])]


def test_broken_lines_are_rejected_one_by_one():
    lines = [
        '{"text": "ok"}',
        '{"text": "cut',
        "",
        "[]",
        '"scalar"',
        '{"text": {"a": 1}}',
        "9" * 5000,
        "[" * 100_000,
        '{"text": "ok"}',
    ]
    documents, rejected = read(lines)
    assert [line for line, *_ in documents] == [1, 9]
    assert rejected == [
        (2, "broken JSON"),
        (4, "no column 'text'"),
        (5, "not a JSON object"),
        (6, "text is an object, not a string"),
        (7, "broken JSON"),
        (8, "broken JSON"),
    ]


def test_a_column_missing_in_the_first_record_is_an_error_later_a_reject():
    with pytest.raises(UserError, match=r"f\.jsonl, line 2: no column 'text'; the columns are: txt, id"):
        read(["broken", {"txt": "x", "id": 1}])
    documents, rejected = read([{"text": "x"}, {"txt": "y"}, {"text": "z"}])
    assert [text for _, text, _ in documents] == ["x", "z"] and rejected == [(2, "no column 'text'")]
    documents, rejected = read([{"txt": "y"}, {"text": "z"}], place="")  # not the start of the file
    assert len(documents) == 1 and rejected == [(1, "no column 'text'")]


def test_nothing_to_read_is_counted():
    documents, rejected = read([{"text": ""}, {"text": None}, {"text": " "}])
    assert documents == [] and [reason for _, reason in rejected] == ["empty"] * 3
