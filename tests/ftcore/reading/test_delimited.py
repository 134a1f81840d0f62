import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.config import Source
from ftcore.errors import UserError
from ftcore.reading.delimited import delimiter_of, read_delimited
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.records import text_lines
from ftcore.reading.streams import LineReader


def read(raw, header_line=None, limit=1_000_000, delimiter=",", **source):
    """([(line, text, labels, split)], [(line, reason)])"""
    out = BatchBuilder("s:f", "", "", limit)
    source = Source(path="f.csv", **source)
    lines = text_lines(LineReader(io.BytesIO(raw.encode()), limit), "utf-8")
    for _ in read_delimited(lines, out, source, delimiter, "f.csv", header_line):
        pass
    documents, rejected = [], []
    for kept, lost in out.take():
        documents = [(d["line"], d["text"], d["labels"], d["split"]) for d in kept.to_pylist()]
        rejected = [(r["line"], r["reason"]) for r in lost.to_pylist()]
    return documents, rejected


def texts(raw, **options):
    documents, rejected = read(raw, **options)
    assert rejected == []
    return [text for _, text, _, _ in documents]


def test_columns_by_name_joined_with_label_and_split():
    raw = "id,title,body,label,fold\n1,A,x y,0,train\n2,,z,1,TEST\n3,B,,2,other\n"
    documents, rejected = read(
        raw, text=["title", "body"], label="label", label_names={"0": "neg"}, split_column="fold"
    )
    assert documents == [(2, "A x y", ["neg"], "train"), (3, "z", ["1"], "test")]
    assert rejected == [(4, "unknown split")]


def test_columns_by_number_with_and_without_header():
    assert texts("a,b\nx,y\n", text=[1]) == ["y"]
    documents, _ = read("3,Title,Body\n4,T,B\n", header=False, text=[1, 2], label=0)
    assert documents == [(1, "Title Body", ["3"], ""), (2, "T B", ["4"], "")]


def test_quoted_newlines_delimiters_and_quotes():
    documents, _ = read('text,n\n"a,\nb ""c""",1\nd,2\n"e\n\nf",3\n')
    assert [(line, text) for line, text, _, _ in documents] == [(2, 'a,\nb "c"'), (4, "d"), (5, "e\n\nf")]


def test_a_quoted_header():
    assert texts('"id","the text"\n1,x\n', text=["the text"]) == ["x"]


def test_a_missing_column_lists_the_columns_there_are():
    with pytest.raises(UserError, match=r"f\.csv: no column 'txt'; the columns are: id, text"):
        read("id,text\n1,x\n", text=["txt"])
    with pytest.raises(UserError, match="no column 'lab'"):
        read("id,text\n1,x\n", label="lab")
    with pytest.raises(UserError, match="no column number 2; there are 2"):
        read("id,text\n1,x\n", text=[2])
    with pytest.raises(UserError, match="line 1: no column number 5; there are 2"):
        read("1,x\n", header=False, text=[5])
    with pytest.raises(UserError, match="'text' is a name, but header is false"):
        read("1,x\n", header=False)
    with pytest.raises(UserError, match="no column number -1"):
        read("1,x\n", header=False, text=[-1])


def test_short_and_long_rows_are_rejected_and_reading_goes_on():
    documents, rejected = read("text,n\nok,1\nshort\nok,2,,\nlong,2,3\nok,3\n")
    assert [line for line, *_ in documents] == [2, 4, 6]
    assert rejected == [(3, "short row (1 of 2 columns)"), (5, "long row (3 of 2 columns)")]
    documents, rejected = read("a,b\nc\nd,e\n", header=False, text=[1])
    assert [text for _, text, _, _ in documents] == ["b", "e"] and rejected == [(2, "short row (1 columns)")]


def test_an_empty_text_is_counted_and_blank_lines_are_none():
    documents, rejected = read("text,n\n\n ,1\nx,2\n\n")
    assert [line for line, *_ in documents] == [4] and rejected == [(3, "empty")]


@pytest.mark.parametrize("rest", ["x,9\n" * 3, "x,9\n" * 1000])
def test_an_unclosed_quote_costs_at_most_its_line(rest):
    documents, rejected = read('text,n\n"open,1\n' + rest, limit=500)
    assert rejected == [] and documents[0][1] == '"open' and len(documents) == 1 + rest.count("\n")
    documents, rejected = read('text,n\n"open\n' + rest, limit=500)
    assert rejected == [(2, "unclosed quote")] and len(documents) == rest.count("\n")


def test_a_stray_quote_that_swallows_rows_until_the_next_one_is_a_character():
    raw = 'text\tn\n"open\t1\nx\t2\ny\t3\nz" closed\t4\nw\t5\n'
    assert texts(raw, delimiter="\t") == ['"open', "x", "y", 'z" closed', "w"]


def test_text_after_a_closing_quote_is_kept():
    assert texts('text,n\n"a" b,1\n"a,b" c,2\n') == ['"a" b', "a,b c"]


def test_a_damaged_line_within_quotes():
    raw = 'text,n\n"open\0,1\nx,2\n"a\nb\0d",3\nx,4\n'
    documents, rejected = read(raw)
    assert [text for _, text, _, _ in documents] == ["x", "x"]
    assert [line for line, _ in rejected] == [2, 4, 5]


def test_the_header_of_a_later_part_comes_from_outside():
    documents, _ = read("x,1\ny,2\n", header_line="text,n", label="n")
    assert documents == [(1, "x", ["1"], ""), (2, "y", ["2"], "")]


def test_header_only_and_nothing():
    assert read("text,n\n") == ([], [])
    assert read("") == ([], [])


def test_fields_larger_than_csvs_own_limit_leave_the_limit_alone():
    before = csv.field_size_limit()
    assert texts('text,n\n"' + "x" * 300_000 + '",1\n') == ["x" * 300_000]
    assert csv.field_size_limit() == before


def test_delimiters():
    assert delimiter_of(Source(path="f"), "csv") == "," and delimiter_of(Source(path="f"), "tsv") == "\t"
    assert delimiter_of(Source(path="f", delimiter=";"), "csv") == ";"
    with pytest.raises(UserError, match="delimiter"):
        delimiter_of(Source(path="f", delimiter='"'), "csv")


cell = st.text(st.sampled_from('ab ,"\n好'), max_size=8)


@settings(deadline=None)
@given(st.lists(st.tuples(cell, cell), max_size=8))
def test_what_csv_writes_is_read_back(rows):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([("text", "n"), *rows])
    documents, _ = read(file.getvalue())
    assert [text for _, text, _, _ in documents] == [text.strip() for text, _ in rows if text.strip()]
