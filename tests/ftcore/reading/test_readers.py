import bz2
import gzip
import lzma
import random
import tracemalloc

import pytest
import zstandard

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.reading.documents import DOCUMENT, REJECTED, Notes
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files

PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def parts_of(path, limit=1_000_000, **source):
    given = Ingest(sources=[Source(path=str(path), **source)], max_document_bytes=limit)
    (file,) = list_files(given, ".")
    return cut_file(file, given), given


def read(path, **options):
    """(documents, [(line, reason)]) of a file."""
    parts, given = parts_of(path, **options)
    documents, rejected = [], []
    for part in parts:
        for kept, lost in read_part(part, given):
            assert kept.schema == DOCUMENT and lost.schema == REJECTED
            documents += kept.to_pylist()
            rejected += lost.to_pylist()
    assert all(row["source"] == f"{parts[0].name}:{path.name}" for row in documents + rejected)
    return documents, [(row["line"], row["reason"]) for row in rejected]


def texts(path, **options):
    documents, rejected = read(path, **options)
    assert rejected == []
    return [doc["text"] for doc in documents]


def write(tmp_path, raw, name="a.txt"):
    path = tmp_path / name
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return path


# --------------------------------------------------------------------------------------- encodings
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings(tmp_path, encoding, declared, newline):
    lines = ["第一行文字，写在这里。", "and a line in English", "一行一个文档\u2028还是同一行"]
    if encoding in ("utf-32",) and declared:
        newline = "\n"
    path = write(tmp_path, newline.join(lines).encode(encoding))
    assert texts(path, encoding=encoding if declared else "auto") == lines


def test_big5_detected(tmp_path):
    lines = ["這個商品的品質很好，我們都喜歡", "物流也很快"]
    assert texts(write(tmp_path, "\n".join(lines).encode("big5"))) == lines


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5"])
def test_an_undecodable_byte_costs_one_document(tmp_path, encoding):
    good = "這是一行很好的文字，沒有什麼問題" if encoding == "big5" else "这是一行很好的文字，没有什么问题"
    lines = [good.encode(encoding)] * 50
    lines[7] += b"\xff" + lines[7][:4]
    documents, rejected = read(write(tmp_path, b"\n".join(lines)))
    assert rejected == [(8, f"not {encoding}")]
    assert [doc["line"] for doc in documents] == [i for i in range(1, 51) if i != 8]


def test_a_lone_surrogate_in_utf16_costs_one_document(tmp_path):
    raw = "﻿first\n".encode("utf-16-le") + b"\x00\xd8" + "second\nthird\n".encode("utf-16-le")
    documents, rejected = read(write(tmp_path, raw))
    assert [doc["text"] for doc in documents] == ["first", "third"]
    assert rejected == [(2, "not utf-16")]


def test_utf16_that_ends_within_a_character(tmp_path):
    documents, rejected = read(write(tmp_path, "one\ntwo\nthr".encode("utf-16") + b"e"))
    assert [doc["text"] for doc in documents] == ["one", "two"]
    assert len(rejected) == 1 and rejected[0][0] == 3 and "utf-16" in rejected[0][1]


# -------------------------------------------------------------------------------------- bad input
def test_nul_bytes_are_quarantined(tmp_path):
    documents, rejected = read(write(tmp_path, "fine\nb\0d\nfine too\n"))
    assert [doc["text"] for doc in documents] == ["fine", "fine too"]
    assert rejected == [(2, "NUL byte")]


def test_lone_surrogates_and_escaped_nul_in_json_are_quarantined(tmp_path):
    raw = '{"text": "ok \\ud83d\\ude00"}\n{"text": "bad \\ud800"}\n{"text": "bad \\u0000"}\n'
    documents, rejected = read(write(tmp_path, raw, "a.jsonl"))
    assert [doc["text"] for doc in documents] == ["ok 😀"]
    assert rejected == [(2, "lone surrogate"), (3, "NUL byte")]


def test_a_document_over_the_limit(tmp_path):
    raw = "x" * 100 + "\n" + "x" * 101 + "\n" + "好" * 34 + "\r\nlast"
    documents, rejected = read(write(tmp_path, raw), limit=100)
    assert [doc["line"] for doc in documents] == [1, 4]
    assert rejected == [(2, "longer than max_document_bytes"), (3, "longer than max_document_bytes")]


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.txt", "auto"),
        ("a.jsonl", "auto"),
        ("a.csv", "auto"),
        ("a.txt", "wiki"),
        ("a.txt", "paragraphs"),
        ("a.txt.zst", "auto"),
    ],
)
def test_a_line_of_100_mb_takes_no_memory_and_one_reject(tmp_path, name, format):
    block = b"x" * (1 << 20)
    before, after = {
        "a.jsonl": (b'{"text": "first"}\n', b'\n{"text": "last"}\n'),
        "a.csv": (b"text\nfirst\n", b"\nlast\n"),
        "wiki": (b"<doc>\nt\nfirst\n</doc>\n<doc>\nt\n", b"\n</doc>\n<doc>\nt\nlast\n</doc>\n"),
        "paragraphs": (b"first\n\n", b"\n\nlast\n"),
    }.get(format if format != "auto" else name, (b"first\n", b"\nlast\n"))
    path = tmp_path / name
    with open(path, "wb") as file:
        target = (
            zstandard.ZstdCompressor().stream_writer(file, closefd=False) if name.endswith("zst") else file
        )
        target.write(before)
        for _ in range(100):
            target.write(block)
        target.write(after)
        if target is not file:
            target.close()
    tracemalloc.start()
    documents, rejected = read(path, format=format)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [doc["text"].split()[-1] for doc in documents] == ["first", "last"]
    assert [reason for _, reason in rejected] == ["longer than max_document_bytes"]
    assert peak < 40e6


def test_a_file_that_changes_between_cutting_and_reading(tmp_path):
    path = write(tmp_path, "one\ntwo\n")
    (part,), given = parts_of(path)
    for raw in (b"one\ntWo\n", b"one\n", b"one\ntwo\nthree\n", b""):
        path.write_bytes(raw)
        with pytest.raises(UserError, match="a.txt: changed while being read.*run again"):
            list(read_part(part, given))


def test_a_change_is_named_before_what_follows_from_it(tmp_path):
    path = write(tmp_path, "text,label\na,b\n", "a.csv")
    (part,), given = parts_of(path)
    path.write_text("other\nx\n")
    with pytest.raises(UserError, match="changed while being read"):
        list(read_part(part, given))


def test_a_file_that_vanishes_before_reading(tmp_path):
    for name, format in (("a.txt", "lines"), ("b.parquet", "parquet")):
        path = write(tmp_path, "x\n", name)
        (part,), given = parts_of(path, format=format)
        path.unlink()
        with pytest.raises(UserError, match=f"{name}: the file vanished"):
            list(read_part(part, given))


# -------------------------------------------------------------------------------------- archives
@pytest.mark.parametrize("suffix", PACKERS)
def test_archives_of_several_members(tmp_path, suffix):
    pack = PACKERS[suffix]
    path = write(tmp_path, pack("一\ntw".encode()) + pack(b"o\nthree\n"), f"a.txt.{suffix}")
    assert texts(path) == ["一", "two", "three"]


def noise(n):
    """Lines that do not compress well, so that a cut archive still holds many of them."""
    import random

    rng = random.Random(0)
    return [f"{rng.getrandbits(128):032x}" for _ in range(n)]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("members", [1, 2])
def test_a_truncated_archive_keeps_what_was_read(tmp_path, suffix, members):
    lines = noise(80_000 if suffix == "bz2" else 30_000)  # bz2 packs blocks of 900 kB
    half = len(lines) // members
    raw = b"".join(
        PACKERS[suffix]("".join(f"{x}\n" for x in lines[i : i + half]).encode())
        for i in range(0, len(lines), half)
    )
    documents, rejected = read(write(tmp_path, raw[: int(len(raw) * 0.8)], f"a.txt.{suffix}"))
    n = len(documents)
    assert 1000 < n < len(lines)
    assert [doc["text"] for doc in documents] == lines[:n]  # and no half line
    assert rejected == [(n + 1, "truncated archive")]


def test_a_truncated_gz_loses_nothing_that_can_be_unpacked(tmp_path):
    import zlib

    raw = gzip.compress("".join(f"{x}\n" for x in noise(30_000)).encode())[:-5000]
    unpacked = zlib.decompressobj(wbits=31).decompress(raw)
    documents, _ = read(write(tmp_path, raw, "a.txt.gz"))
    assert len(documents) == unpacked.count(b"\n")


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_is_no_archive_is_one_reject(tmp_path, suffix):
    documents, rejected = read(write(tmp_path, bytes(range(1, 200)) * 10, f"a.txt.{suffix}"))
    assert documents == [] and len(rejected) == 1
    assert rejected[0][0] == 1 and "archive" in rejected[0][1]


@pytest.mark.parametrize("suffix", PACKERS)
def test_an_archive_of_nothing(tmp_path, suffix):
    assert texts(write(tmp_path, PACKERS[suffix](b""), f"a.txt.{suffix}")) == []


# ---------------------------------------------------------------------------------------- batches
def test_batches_are_bounded_by_rows_and_bytes(tmp_path):
    path = write(tmp_path, "short\n" * 5000)
    (part,), given = parts_of(path)
    assert [docs.num_rows for docs, _ in read_part(part, given)] == [2000, 2000, 1000]
    path = write(tmp_path, ("x" * 300_000 + "\n") * 20)
    (part,), given = parts_of(path)
    assert all(docs.num_rows <= 4 for docs, _ in read_part(part, given))
    path = write(tmp_path, b"\xff\n" * 5000)
    (part,), given = parts_of(path, encoding="utf-8")
    assert [lost.num_rows for _, lost in read_part(part, given)] == [2000, 2000, 1000]


def test_language_and_split_of_the_source_are_filled_in(tmp_path):
    documents, _ = read(write(tmp_path, "x\n"), language="zh", split="test")
    assert (documents[0]["language"], documents[0]["split"]) == ("zh", "test")
    documents, _ = read(write(tmp_path, "x\n"))
    assert (documents[0]["language"], documents[0]["split"]) == ("", "")


# ------------------------------------------------------------------------- as it is, whatever the name
@pytest.mark.parametrize("packed", ["", *PACKERS])
@pytest.mark.parametrize("named", ["", *PACKERS])
def test_the_first_bytes_tell_the_compression(tmp_path, packed, named, caplog):
    raw = "第一行 one\nsecond\n".encode()
    path = write(tmp_path, PACKERS[packed](raw) if packed else raw, f"a.txt{'.' if named else ''}{named}")
    assert texts(path) == ["第一行 one", "second"]
    assert ("read as what it is" in caplog.text) == (packed != named)


def test_zstd_with_a_long_window(tmp_path):
    lines = [f"line {i}" for i in range(3000)]
    long = zstandard.ZstdCompressionParameters.from_level(3, window_log=28)
    packer = zstandard.ZstdCompressor(compression_params=long).compressobj()  # no size: the window counts
    raw = packer.compress("\n".join(lines).encode()) + packer.flush()
    assert zstandard.get_frame_parameters(raw).window_size == 1 << 28
    assert texts(write(tmp_path, raw, "a.txt.zst")) == lines
    assert texts(write(tmp_path, raw + raw, "b.txt.zst"))[-2999:] == lines[1:]
    documents, rejected = read(write(tmp_path, raw[: len(raw) // 2], "c.txt.zst"))
    assert [reason for _, reason in rejected] == ["truncated archive"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_lone_carriage_returns_end_lines(tmp_path, encoding):
    path = write(tmp_path, "第一行\rsecond\r\r第三\r".encode(encoding))
    assert [(d["line"], d["text"]) for d in read(path)[0]] == [(1, "第一行"), (2, "second"), (4, "第三")]
    path = write(tmp_path, 'text,label\rone,a\r"two, too",b\r'.encode(encoding), "a.csv")
    assert [(d["text"], d["labels"]) for d in read(path, label="label")[0]] == [
        ("one", ["a"]),
        ("two, too", ["b"]),
    ]
    path = write(tmp_path, '{"text": "one"}\r{"text": "two"}'.encode(encoding), "a.jsonl")
    assert texts(path) == ["one", "two"]
    path = write(tmp_path, "p1\rp1\r\rp2".encode(encoding), "b.txt")
    assert texts(path, format="paragraphs") == ["p1\np1", "p2"]


def test_a_carriage_return_inside_a_line_of_others_is_text(tmp_path):
    assert texts(write(tmp_path, b"a\rb\nc\r\nd")) == ["a\rb", "c", "d"]


def test_a_carriage_return_at_the_border_of_two_blocks(tmp_path):
    raw = b"x" * ((1 << 18) - 1) + b"\r" + b"second\rthird"
    raw = b"a\r" + raw[2:]
    assert [len(t) for t in texts(write(tmp_path, raw))] == [1, (1 << 18) - 3, 6, 5]


# ------------------------------------------------------------------------------------- bytes that are lost
@pytest.mark.parametrize("suffix", ["gz"])
def test_what_follows_a_break_is_known_by_its_bytes(tmp_path, suffix):
    rng = random.Random(0)
    raw = PACKERS[suffix]("\n".join(rng.randbytes(500).hex() for _ in range(3000)).encode())
    middle = len(raw) // 2
    path = write(tmp_path, raw[:middle] + b"\xff" * 20_000 + raw[middle + 20_000 :], f"a.txt.{suffix}")
    (part,), given = parts_of(path)
    notes = Notes()
    documents = sum(len(kept) for kept, _ in read_part(part, given, notes))
    ((file, reason, lost),) = notes.lost
    assert file == f"a:a.txt.{suffix}" and "corrupt" in reason and notes.bytes == len(raw)
    if documents:
        assert 0.2 * len(raw) < lost < 0.6 * len(raw)
    else:
        assert lost == len(raw)


def test_a_file_that_gives_nothing_is_lost_whole(tmp_path):
    for name in ("a.txt.gz", "b.parquet", "c.tar", "d.zip"):
        (part,), given = parts_of(write(tmp_path, bytes(range(1, 200)) * 10, name))
        notes = Notes()
        assert sum(len(kept) for kept, _ in read_part(part, given, notes)) == 0
        assert [(file.split(":")[1], lost) for file, _, lost in notes.lost] == [
            (name, 1990)
        ] and notes.bytes == 1990
