"""Articles of a dump of MediaWiki as plain text, and XML that means ill."""

from __future__ import annotations

import bz2
from xml.sax.saxutils import escape

import pytest

from ftcore.config import Ingest, Source
from ftcore.reading.documents import Notes
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files

pytest.importorskip("mwparserfromhell", reason="the extra mediawiki")
HEAD = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="zh">\n<siteinfo><namespaces>'
    '<namespace key="0"/><namespace key="6">文件</namespace><namespace key="14">分类</namespace></namespaces></siteinfo>\n'
)


def page(title: str, text: str, ns: int = 0, redirect: str = "") -> str:
    turn = f'<redirect title="{redirect}" />' if redirect else ""
    body = f'<text bytes="9" xml:space="preserve">{escape(text)}</text>'
    return f"<page>\n<title>{escape(title)}</title>\n<ns>{ns}</ns>\n<id>1</id>{turn}<revision>{body}</revision>\n</page>\n"


def read(path, raw, limit=1_000_000):
    path.write_bytes(raw)
    ingest = Ingest(sources=[Source(path=str(path), name="w", format="mediawiki")], max_document_bytes=limit)
    notes, documents, rejected = Notes(), [], []
    for part in cut_file(list_files(ingest, ".")[0], ingest):
        for batch, refused in read_part(part, ingest, notes):
            documents += [(row["line"], row["text"]) for row in batch.to_pylist()]
            rejected += [(row["line"], row["reason"]) for row in refused.to_pylist()]
    return documents, rejected, dict(notes.counts)


def test_articles_without_markup(tmp_path):
    text = (
        "{{Infobox|a=b}}'''金'''是一种[[元素|化学元素]]，符号为Au。<ref>a source</ref>\n\n== History ==\n[[文件:a.jpg|thumb|a "
        "[[caption]]]]\nKnown & used <!-- hidden -->since.\n\n\n[[分类:金属]]\n"
    )
    pages = [
        page("金 & gold", text),
        page("Talk:金", "talk", ns=1),
        page("黄金", "#R", redirect="金"),
        page("空", " "),
    ]
    raw = (HEAD + "".join(pages) + page("Long", "w " * 900) + page("最后", "完") + "</mediawiki>").encode()
    for name, packed in (("w.xml", raw), ("w.xml.bz2", bz2.compress(raw[:900]) + bz2.compress(raw[900:]))):
        documents, rejected, notes = read(tmp_path / name, packed, limit=1000)
        assert documents == [
            (3, "金 & gold\n金是一种化学元素，符号为Au。\n\nHistory\n\nKnown & used since."),
            (HEAD.count("\n") + 1 + "".join(pages).count("\n") + page("Long", "w").count("\n"), "最后\n完"),
        ]
        assert [reason for _, reason in rejected] == ["empty", "longer than max_document_bytes"]
        assert notes == {"w: pages left out: of another name space": 1, "w: pages left out: redirects": 1}


def test_what_is_cut_off_or_no_dump(tmp_path):
    raw = (HEAD + page("One", "first text") + page("Two", "second text")).encode()
    documents, rejected, _ = read(tmp_path / "w.xml", raw[:-30])
    assert [text for _, text in documents] == ["One\nfirst text"] and "not the XML of a dump" in rejected[0][
        1
    ]
    assert "html" in read(tmp_path / "w.xml", b"<html><body>words</body></html>")[1][0][1]
    assert read(tmp_path / "w.xml", b"words " * 100)[1]


@pytest.mark.parametrize(
    "raw",
    [
        '<!DOCTYPE m [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]>'
        + HEAD
        + page("A", "words")
        + "&b;</mediawiki>",
        '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + HEAD + "<page>&a;</page></mediawiki>",
        HEAD + "<!--" + "x" * 6_000_000,
        HEAD + "<page a='" + "x" * 6_000_000,
        HEAD + "<a>" * 500_000,
    ],
    ids=["entities", "a file", "a comment", "a tag", "depth"],
)
def test_xml_that_means_ill(tmp_path, raw):
    documents, rejected, _ = read(tmp_path / "w.xml", raw.encode())
    assert not documents and len(rejected) == 1


@pytest.mark.parametrize(
    "unit", ["{{", "[[", "{{{", "{|", "<ref>", "''", "[http://", "{{a|", "&amp;", "=", "<b", "\n*", "[[a|"]
)
def test_markup_that_means_ill(tmp_path, unit):
    raw = (HEAD + page("A", unit * (60_000 // len(unit)) + " words") + "</mediawiki>").encode()
    documents, rejected, _ = read(tmp_path / "w.xml", raw)
    assert len(documents) + len(rejected) == 1
