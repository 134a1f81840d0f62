import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.reading import wiki
from ftcore.reading.documents import BatchBuilder
from ftcore.reading.records import text_lines
from ftcore.reading.streams import LineReader
from ftcore.reading.wiki import read_pages, read_wiki
from tests.reference.pieces import Pieces


def read(text, limit=200):
    out = BatchBuilder("s:f", "", "", limit)
    lines = (
        (i, "bad" if line == "BAD" else line, "not utf-8" if line == "BAD" else "")
        for i, line in enumerate(text.split("\n"), 1)
    )
    for _ in read_wiki(lines, out):
        pass
    documents, rejected = [], []
    for kept, lost in out.take():
        documents = [(d["line"], d["text"]) for d in kept.to_pylist()]
        rejected = [(r["line"], r["step"], r["reason"]) for r in lost.to_pylist()]
    return documents, rejected


def test_title_and_body_are_the_document():
    text = '<doc id="1" url="u" title="A &amp; B">\nA & B\n\nBody <b>one</b>.\nTwo.\n</doc>\n\n<doc id="2" title="C">\nC\n\nBody\n</doc>\n'
    assert read(text) == ([(1, "A & B\n\nBody <b>one</b>.\nTwo."), (8, "C\n\nBody")], [])


def test_a_page_with_a_title_and_no_body_is_empty_by_a_filter():
    text = '<doc title="Stub">\nStub\n\n\n</doc>\n<doc title="None">\n</doc>\n<doc title="T">\nOnly a body line\n</doc>'
    documents, rejected = read(text)
    assert documents == [(8, "Only a body line")]
    assert rejected == [(1, "filters", "empty"), (6, "filters", "empty")]


def test_damage_costs_its_page():
    text = (
        '<doc title="a">\na\nBAD\nmore\n</doc>\n<doc title="b">\nb\n\n'
        + "x" * 300
        + '\n</doc>\n<doc title="c">\nc\nfine\n</doc>'
    )
    documents, rejected = read(text)
    assert documents == [(11, "c\nfine")]
    assert rejected == [(1, "read", "not utf-8"), (6, "read", "longer than max_document_bytes")]


def test_what_is_outside_and_what_is_not_closed():
    text = 'stray\n</doc>\n<doc title="a">\na\nbody\n<doc title="b">\nb\nbody\n</doc>\n<doc title="c">\nc\ncut off'
    documents, rejected = read(text)
    assert documents == [(6, "b\nbody")]
    assert rejected == [
        (1, "read", "text outside <doc>"),
        (2, "read", "text outside <doc>"),
        (3, "read", "<doc> without </doc>"),
        (10, "read", "<doc> without </doc>"),
    ]


def taken(out):
    found = [(kept.to_pylist(), lost.to_pylist()) for kept, lost in out.take()]
    return found, out.taken, out.broken


def by_lines(pieces, limit, broken):
    out = BatchBuilder("s:f", "", "", limit)
    framed = LineReader(Pieces(pieces, broken), limit, 1, returns=True)
    for _ in read_wiki(text_lines(framed, "utf-8"), out):
        pass
    if framed.broken:
        out.break_off(framed.number + 1, framed.broken)
    return taken(out)


LINES = [
    b'<doc id="1" url="u" title="A">',
    '<doc title="中 &amp; b">'.encode(),
    b'<doc title="">',
    b"<doc>",
    b'<doc title="x" > ',
    b'<doc id="a>b" title="A">',
    b"<document>",
    b'<doc subtitle="A">',
    b'<doc title="A" other="B">',
    *(b"</doc>", b"</doc>", b"</doc>", b"</doc>", b" </doc>", b"</doc>\r", b"a</doc>", b"<b>x</b>"),
    *(
        b"A",
        b" A ",
        "中 & b".encode(),
        b"B",
        b"",
        b"",
        b" ",
        b"\t",
        "\u3000".encode(),
        "\u00a0A\u2003".encode(),
    ),
    *(
        b"bad \xff",
        b"\xed\xa0\x80",
        b"nul \x00",
        b"cr \r in it",
        b"x" * 60,
        "长".encode() * 30,
        b"\xef\xbb\xbf<doc>",
    ),
]


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.sampled_from(LINES), max_size=40).map(b"\n".join),
    st.integers(1, 200),
    st.sampled_from([40, 100, 10_000]),
    st.booleans(),
    st.sampled_from([16, 100, 1 << 19]),
    st.sampled_from([30, 4 << 20]),
)
def test_blocks_are_read_as_lines_are(text, step, limit, broken, block, longest):
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    out = BatchBuilder("s:f", "", "", limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiki, "_BLOCK", block)
        patch.setattr(wiki, "_LONGEST", longest)
        for _ in read_pages(Pieces(pieces, broken), "utf-8", out, limit):
            pass
    assert taken(out) == by_lines(pieces, limit, broken)


def test_most_pages_are_looked_at_by_the_core(monkeypatch):
    text = b'<doc title="A">\nA\n\nbody\n</doc>\n' * 1000 + b'<doc title="A">\nA\n</doc>\n' * 1000
    monkeypatch.setattr(wiki, "read_wiki", lambda lines, out: iter(()))  # what goes there is lost
    out = BatchBuilder("s:f", "", "", 1000)
    for _ in read_pages(io.BytesIO(text), "utf-8", out, 1000):
        pass
    ((kept, lost),) = out.take()
    assert (len(kept), len(lost)) == (1000, 1000)
