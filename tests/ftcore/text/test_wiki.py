from ftcore.text.documents import BatchBuilder
from ftcore.text.wiki import read_wiki


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
