import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.config import Source
from ftcore.reading import plain
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.plain import read_fasttext, read_line_blocks, read_lines, read_paragraphs
from ftcore.reading.records import text_lines
from ftcore.reading.streams import LineReader
from tests.reference.pieces import Pieces


def collect(reader, lines, *args, limit=100):
    out = BatchBuilder("s:f", "", "", limit)
    numbered = ((i, *(line if isinstance(line, tuple) else (line, ""))) for i, line in enumerate(lines, 1))
    for _ in reader(numbered, out, *args):
        pass
    documents, rejected = [], []
    for kept, lost in out.take():
        documents = [(d["line"], d["text"], d["labels"]) for d in kept.to_pylist()]
        rejected = [(r["line"], r["reason"]) for r in lost.to_pylist()]
    return documents, rejected


def test_lines():
    documents, rejected = collect(
        read_lines, ["a", "", " \t", "__label__x is text", ("bad", "not utf-8"), "b"]
    )
    assert documents == [(1, "a", []), (4, "__label__x is text", []), (6, "b", [])]
    assert rejected == [(5, "not utf-8")]


@pytest.mark.parametrize("blank", ["", "  ", "\u3000"])
def test_paragraphs(blank):
    documents, rejected = collect(read_paragraphs, [blank, "a", "b", blank, blank, "c"])
    assert documents == [(2, "a\nb", []), (6, "c", [])] and rejected == []


def test_damage_costs_the_whole_paragraph():
    lines = ["a", ("x", "not utf-8"), "b", "", "c" * 60, "d" * 60, "e", "", "f"]
    documents, rejected = collect(read_paragraphs, lines)
    assert documents == [(9, "f", [])]
    assert rejected == [(1, "not utf-8"), (5, "longer than max_document_bytes")]


def test_fasttext_labels_anywhere_in_the_line():
    lines = ["__label__a __label__b some words", "words __label__c more", "no label", "__label__only"]
    documents, rejected = collect(read_fasttext, lines, Source(path="f", label=0, label_names={"a": "A"}))
    assert documents == [(1, "some words", ["A", "b"]), (2, "words more", ["c"]), (3, "no label", [])]
    assert rejected == [(4, "empty")]


def test_fasttext_without_labels_drops_them_from_the_text():
    documents, _ = collect(read_fasttext, ["__label__a some words"], Source(path="f"))
    assert documents == [(1, "some words", [])]


def test_fasttext_with_another_prefix():
    documents, _ = collect(read_fasttext, ["#a __label__b w"], Source(path="f", label=0, label_prefix="#"))
    assert documents == [(1, "__label__b w", ["a"])]


def test_a_label_prefix_with_a_space_behind_it_is_counted():
    out = BatchBuilder("s:f", "", "", 1000)
    lines = ["__label__a good", "__label__ b bad", "__label__", "no label"]
    numbered = ((i, line, "") for i, line in enumerate(lines, 1))
    for _ in read_fasttext(numbered, out, Source(path="f", label=0)):
        pass
    ((documents, rejected),) = out.take()
    assert [(d["text"], d["labels"]) for d in documents.to_pylist()] == [
        ("good", ["a"]), ("b bad", []), ("no label", [])
    ]  # fmt: skip
    assert [r["reason"] for r in rejected.to_pylist()] == ["empty"]
    assert out.notes.counts == {
        "s: documents with '__label__' and no name behind it (a space?): no label is made of that": 2
    }


ATOMS = [
    b"a",
    b"word ",
    "中文".encode(),
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\r",
    b" ",
    b"\t",
    b"\x1c",
    b"x" * 50,
    b"\0",
    b"\xff",
]
ATOMS += [
    "\u3000".encode(),
    "\u00a0".encode(),
    "\u2003".encode(),
    "\ufeff".encode(),
    "。".encode(),
    b"\xe3\x80",
]


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.sampled_from(ATOMS), max_size=40).map(b"".join),
    st.integers(1, 200),
    st.sampled_from([9, 40, 10_000]),
    st.booleans(),
    st.sampled_from([8, 60, 1 << 19]),
)
def test_blocks_are_read_as_lines_are(text, step, limit, broken, block):
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    found = []
    for blocks in (True, False):
        out = BatchBuilder("s:f", "", "", limit)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plain, "_BLOCK", block)
            stream = Pieces(pieces, broken)
            if blocks:
                list(read_line_blocks(stream, "utf-8", out, limit))
            else:
                framed = LineReader(stream, limit, returns=True)
                list(read_lines(text_lines(framed, "utf-8"), out))
                if framed.broken:
                    out.break_off(framed.number + 1, framed.broken)
        batches = [(kept.to_pylist(), lost.to_pylist()) for kept, lost in out.take()]
        found.append((batches, out.taken, out.broken))
    assert found[0] == found[1]
