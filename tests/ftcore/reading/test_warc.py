"""Records of a crawl as documents: which are taken, in which encoding, and what damage costs."""

from __future__ import annotations

import gzip
import io
import random
import tarfile

import pytest

from ftcore.config import Ingest, Source
from ftcore.reading.documents import Notes
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files

pytest.importorskip("warcio", reason="the extra warc")
ZH = "这台笔记本很好用，我们都喜欢它的屏幕。"


def record(kind: str, body: bytes, content: str = "text/plain", address: str = "http://a/b") -> bytes:
    """A record as the standard (ISO 28500) writes it."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {address}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
    )
    head += f"WARC-Record-ID: <urn:uuid:{kind}-{len(body)}>\r\nContent-Type: {content}\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"\r\n\r\n"


def answer(body: bytes, content: str = "text/html", status: str = "200 OK", more: str = "") -> bytes:
    http = f"HTTP/1.1 {status}\r\nContent-Type: {content}\r\n{more}\r\n".encode() + body
    return record("response", http, "application/http; msgtype=response")


def read(path, limit=1_000_000, **source):
    ingest = Ingest(sources=[Source(path=str(path), name="s", **source)], max_document_bytes=limit)
    notes, documents, rejected = Notes(), [], []
    for file in list_files(ingest, "."):
        for part in cut_file(file, ingest):
            for batch, refused in read_part(part, ingest, notes):
                documents += [(row["line"], row["text"]) for row in batch.to_pylist()]
                rejected += [(row["line"], row["reason"]) for row in refused.to_pylist()]
    return documents, rejected, notes


def test_texts_of_a_wet_file(tmp_path):
    records = [
        record("warcinfo", b"software: x"),
        record("conversion", ZH.encode()),
        record("conversion", b"caf\xe9"),
    ]
    records += [record("conversion", b"w " * 600)]
    (tmp_path / "a.warc.wet.gz").write_bytes(b"".join(map(gzip.compress, records)))
    documents, rejected, notes = read(tmp_path / "a.warc.wet.gz", limit=1000)
    assert documents == [(2, ZH)]
    assert rejected == [(3, "not utf-8"), (4, "longer than max_document_bytes")]
    assert notes.counts == {"s: records left out: warcinfo": 1}
    (tmp_path / "a.wet").write_bytes(b"".join(records))
    assert read(tmp_path / "a.wet", limit=1000)[:2] == (documents, rejected)


def test_pages_of_a_warc_file(tmp_path):
    html = f"<html><head><meta charset='gb2312'></head><p>{ZH}</p></html>"
    chunked = b"6\r\nchunk \r\n5\r\nwords\r\n0\r\n\r\n"
    records = [
        record("request", b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request"),
        answer("<p>caf\u00e9</p>".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        answer(html.encode("gb18030")),
        answer(ZH.encode("gb18030") * 4, "text/plain"),
        answer(gzip.compress(b"packed words"), "text/plain", more="Content-Encoding: gzip\r\n"),
        answer(chunked, "text/plain", more="Transfer-Encoding: chunked\r\n"),
        answer(b"not here", status="404 Not Found"),
        answer(b"\x89PNG", "image/png"),
        record("resource", b"a resource"),
        record("metadata", b"a: b"),
        answer(b"words \xff\xfe", "text/plain; charset=utf-8"),
        answer(b"no such set", "text/plain; charset=x-none"),
    ]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(map(gzip.compress, records)))
    documents, rejected, notes = read(tmp_path)
    assert documents == [
        (2, "<p>café</p>"),
        (3, html),
        (4, ZH * 4),
        (5, "packed words"),
        (6, "chunk words"),
        (9, "a resource"),
        (12, "no such set"),
    ]
    assert rejected == [(11, "not utf-8")]
    assert notes.counts == {
        "s: records left out: request": 1,
        "s: records left out: metadata": 1,
        "s: records left out: answers of another status than 200": 1,
        "s: records left out: neither HTML nor plain text": 1,
    }


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_cut_off_is_said(tmp_path, packed):
    rng = random.Random(3)
    records = [record("conversion", f"{ZH} {rng.getrandbits(900):x}".encode()) for n in range(40)]
    whole = b"".join(map(gzip.compress, records)) if packed else b"".join(records)
    (tmp_path / "a.wet").write_bytes(whole)
    assert len(read(tmp_path / "a.wet")[0]) == 40
    for cut in range(len(whole) // 3, len(whole) // 3 + 400, 37):
        (tmp_path / "a.wet").write_bytes(whole[:cut])
        documents, rejected, notes = read(tmp_path / "a.wet")
        assert 5 < len(documents) < 20 and len(rejected) == 1, rejected
        assert "truncated" in rejected[0][1] or "corrupt WARC" in rejected[0][1]
        assert notes.lost


def test_what_is_no_warc_and_headers_without_end(tmp_path):
    for name, raw in {
        "words": b"just words\n" * 500,
        "line": b"WARC/1.0\r\nX: " + b"y" * 5_000_000,
        "lines": b"WARC/1.0\r\n" + b"X: y\r\n" * 500_000,
        "length": record("conversion", b"abc").replace(b"Length: 3", b"Length: -3"),
        "huge": record("conversion", b"abc").replace(b"Length: 3", b"Length: 99999999999999"),
    }.items():
        (tmp_path / "a.warc").write_bytes(raw)
        documents, rejected, _ = read(tmp_path / "a.warc")
        assert len(documents) <= 1 and len(rejected) == 1, (name, documents, rejected)


def test_in_an_archive(tmp_path):
    raw = gzip.compress(record("conversion", ZH.encode()))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("crawl/a.wet.gz")
        info.size = len(raw)
        archive.addfile(info, io.BytesIO(raw))
    (tmp_path / "a.tar").write_bytes(out.getvalue())
    assert read(tmp_path / "a.tar")[0] == [(1, ZH)]
