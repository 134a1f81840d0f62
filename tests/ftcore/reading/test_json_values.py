"""JSON however it is laid out."""

import gzip
import io
import json
import tracemalloc

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.reading.json_values import Values, layout_of
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files

ROWS = [{"text": f'text {i} 第{i}号 "}}{{][', "label": "ab"[i % 2], "more": {"x": [i, {}]}} for i in range(7)]
LAYOUTS = {
    "lines": "\n".join(json.dumps(r) for r in ROWS),
    "array in one line": json.dumps(ROWS),
    "compact array": json.dumps(ROWS, separators=(",", ":"), ensure_ascii=False) + "\n",
    "indented array": json.dumps(ROWS, indent=2, ensure_ascii=False),
    "array of lines": "[\n" + ",\n".join(json.dumps(r) for r in ROWS) + "\n]\n",
    "indented objects": "\n".join(json.dumps(r, indent=4) for r in ROWS),
    "indented by nothing": json.dumps(ROWS, indent=0),
    "objects without newlines": "".join(json.dumps(r) for r in ROWS),
    "objects with commas": ", ".join(json.dumps(r) for r in ROWS),
    "blank lines before": "\n\n  " + json.dumps(ROWS, indent="\t"),
    "columns": json.dumps({key: [r[key] for r in ROWS] for key in ROWS[0]}),
    "indented columns": json.dumps({key: [r[key] for r in ROWS] for key in ROWS[0]}, indent=1),
    "one list under a key": json.dumps({"version": 2, "data": ROWS}),
    **{f"pandas {orient}": pd.DataFrame(ROWS).to_json(orient=orient) for orient in
       ("columns", "index", "split", "records")},
}  # fmt: skip


def read(path, limit=1_000_000, **source):
    """([(line, text, labels)], [(line, reason)]) of a file."""
    ingest = Ingest(sources=[Source(path=str(path), **source)], max_document_bytes=limit, part_bytes=10_000)
    documents, rejected = [], []
    for file in list_files(ingest, "."):
        for part in cut_file(file, ingest):
            for kept, lost in read_part(part, ingest):
                documents += [(d["line"], d["text"], d["labels"]) for d in kept.to_pylist()]
                rejected += [(r["line"], r["reason"]) for r in lost.to_pylist()]
    return documents, rejected


def write(tmp_path, raw, name="a.json"):
    (tmp_path / name).write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return tmp_path / name


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.json.gz"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_documents(tmp_path, layout, name):
    raw = LAYOUTS[layout].encode()
    documents, rejected = read(
        write(tmp_path, gzip.compress(raw) if name.endswith("gz") else raw, name), label="label"
    )
    assert [(text, labels) for _, text, labels in documents] == [(r["text"], [r["label"]]) for r in ROWS]
    assert rejected == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("layout", ["indented array", "compact array", "indented objects"])
def test_layouts_in_other_encodings(tmp_path, layout, encoding):
    documents, rejected = read(write(tmp_path, LAYOUTS[layout].encode(encoding)))
    assert [text for _, text, _ in documents] == [r["text"] for r in ROWS] and rejected == []


def test_arrays_as_rows(tmp_path):
    rows = [["pos", "good"], ["neg", "bad"]]
    for raw in (json.dumps(rows), json.dumps(rows, indent=1), "\n".join(map(json.dumps, rows))):
        documents, _ = read(write(tmp_path, raw), text=[1], label=0)
        assert [(text, labels) for _, text, labels in documents] == [("good", ["pos"]), ("bad", ["neg"])]


def test_lines_and_record_numbers(tmp_path):
    documents, _ = read(write(tmp_path, json.dumps(ROWS[:3], indent=1)))
    assert [line for line, *_ in documents] == [2, 12, 22]
    assert [line for line, *_ in read(write(tmp_path, json.dumps(ROWS[:3])))[0]] == [1, 2, 3]
    assert [line for line, *_ in read(write(tmp_path, LAYOUTS["columns"]))[0]] == [*range(1, 8)]


DAMAGE = {
    "unclosed string": lambda row: row.replace('号 ', '号\n', 1),
    "missing brace": lambda row: row[: row.rindex("}")],
    "missing comma": lambda row: row.replace('", "label"', '" "label"').replace('",\n', '"\n', 1),
    "bad byte": lambda row: row.replace("第", "\udcff"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("indent", [None, 2])
def test_damage_costs_one_record(tmp_path, damage, indent):
    rows = [json.dumps(r, indent=indent, ensure_ascii=False) for r in ROWS]
    rows[3] = DAMAGE[damage](rows[3])
    raw = ("[\n" + ",\n".join(rows) + "\n]").encode("utf-8", "surrogateescape")
    documents, rejected = read(write(tmp_path, raw))
    kept = [text for _, text, _ in documents]
    assert kept == [r["text"] for i, r in enumerate(ROWS) if i != 3]
    assert [reason for _, reason in rejected] == ["not utf-8" if damage == "bad byte" else "broken JSON"]


def test_files_that_break_off(tmp_path):
    raw = json.dumps(ROWS, indent=1)
    documents, rejected = read(write(tmp_path, raw[: raw.index('"text 5')]))
    assert [text for _, text, _ in documents] == [r["text"] for r in ROWS[:5]]
    assert [reason for _, reason in rejected] == ["broken JSON"]
    packed = gzip.compress(json.dumps(ROWS * 2000).encode())
    documents, rejected = read(write(tmp_path, packed[: len(packed) // 2], "b.json.gz"))
    assert len(documents) > 1000 and [reason for _, reason in rejected] == ["truncated archive"]


def test_a_record_that_is_too_long_costs_itself(tmp_path):
    for long in ("x" * 700_000, '\\"{' * 200_000):
        rows = [*ROWS[:2], {"text": long, "label": "a"}, *ROWS[2:]]
        documents, rejected = read(write(tmp_path, json.dumps(rows)), limit=1000)
        assert [text for _, text, _ in documents] == [r["text"] for r in ROWS]
        assert rejected == [(3, "longer than max_document_bytes")]


def test_an_object_that_holds_no_records_is_named_for_what_it_is(tmp_path):
    splits = {name: [["a text", "label"]] * n for name, n in (("train", 30), ("test", 5))}
    with pytest.raises(
        UserError, match=r"one JSON object, and no column 'text' in it, but lists: train \(30\), test"
    ):
        read(write(tmp_path, json.dumps(splits)))
    with pytest.raises(UserError, match="columns that differ in length: text 2, label 1"):
        read(write(tmp_path, '{"text": ["a", "b"], "label": ["x"]}'), label="label")
    with pytest.raises(UserError, match=r"record 1: no column 'text'; the columns are: txt"):
        read(write(tmp_path, '[{"txt": "a"}, {"txt": "b"}]'))


def test_scalars_are_no_records(tmp_path):
    documents, rejected = read(write(tmp_path, '[{"text": "a"}, "b", {"text": "c"}]'))
    assert [text for _, text, _ in documents] == ["a", "c"] and rejected == [(2, "not a JSON object")]


def test_memory_does_not_grow_with_an_array_in_one_line(tmp_path):
    path = tmp_path / "a.json"
    with open(path, "w") as file:
        file.write("[")
        for i in range(400):
            file.write(f'{"," if i else ""}{{"text": "text number {i} {"x" * 20_000}"}}')
        file.write("]")
    ingest = Ingest(sources=[Source(path=str(path))])
    tracemalloc.start()
    rows = sum(len(kept) for file in list_files(ingest, ".") for part in cut_file(file, ingest)
               for kept, _ in read_part(part, ingest))  # fmt: skip
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 400 and path.stat().st_size > 7_900_000 and peak < 5_000_000


def test_layouts_are_told_from_the_first_line():
    def layout(raw):
        return layout_of(io.BytesIO(raw.encode()), "utf-8")

    assert layout('{"text": "a"}\n{"text": "b"}') == "jsonl" == layout('{"text": "cut\n{"text": "b"}')
    assert layout('{"text": "a"}\nbroken') == "jsonl" == layout('["a", "b"]\n["c", "d"]') == layout("")
    assert (
        layout('{\n"text": "a"}')
        == "json"
        == layout('{"text": "a"} {"text": "b"}')
        == layout('[\n{"text": "a"}]')
    )


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, raw, step):
        self.raw, self.step, self.at = raw, step, 0

    def read(self, size=-1):
        self.at += self.step
        return self.raw[self.at - self.step : self.at]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=4),
    st.sampled_from([None, 0, 2]),
    st.sampled_from(["array", "", "\n", " , "]),
    st.booleans(),
    st.integers(1, 9),
)
def test_values_are_those_of_json(rows, indent, between, ascii_only, step):
    dumped = [json.dumps(r, indent=indent, ensure_ascii=ascii_only) for r in rows]
    text = (
        json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
        if between == "array"
        else between.join(dumped)
    )
    raw = text.encode("utf-8", "surrogatepass")
    found = list(Values(Trickle(raw, step), "utf-8", 10_000))
    assert [damage for *_, damage in found] == [""] * len(rows)
    assert [
        json.loads(t.encode("utf-8", "surrogateescape").decode("utf-8", "surrogatepass"))
        for _, _, t, _ in found
    ] == rows
