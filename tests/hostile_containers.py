"""Of the files that mean ill: bombs, archives, what is no file, and dumps; and what all of them are made with."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

ZH = "这台笔记本很好用，我们都喜欢它的屏幕。"


EN = "A good film that nobody should miss."


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


Made = Iterator[tuple]


def lines(n: int = 2000, seed: int = 0) -> bytes:
    """Lines of JSON that do not shrink to nothing."""
    rng = random.Random(seed)
    rows = ({"text": f"{ZH} {EN} {n} {rng.getrandbits(256):x}"} for n in range(n))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _packed_zeros(name: str, size: int, byte: bytes = b"\0") -> bytes:
    """So many equal bytes, packed without ever being whole."""
    block = byte * (1 << 20)
    compressor = {
        "gz": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
        "bz2": bz2.BZ2Compressor,
        "xz": lambda: lzma.LZMACompressor(preset=0),
        "zst": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    }[name]()
    return b"".join([*(compressor.compress(block) for _ in range(size >> 20)), compressor.flush()])


def bombs(_: Path, size: int = 128 << 20) -> Made:
    for name in PACKERS:
        yield f"one-line.txt.{name}", "quarantine", _packed_zeros(name, size, b"a")
        yield f"zeros.jsonl.{name}", "quarantine", _packed_zeros(name, size)
        yield (
            f"one-string.json.{name}",
            "quarantine",
            (PACKERS[name](b'{"text": "') + _packed_zeros(name, size // 2, b"x") + PACKERS[name](b'"}')),
        )
        yield f"open-brackets.json.{name}", "quarantine", _packed_zeros(name, size // 32, b"[")
        yield f"one-file.md.{name}", "quarantine", _packed_zeros(name, size, b"a"), {"format": "file"}
        yield (
            f"one-field.csv.{name}",
            "quarantine",
            (PACKERS[name](b'text\nsound\n"') + _packed_zeros(name, size // 2, b"y")),
        )
    yield "quines.txt.gz", "any", gzip.compress(gzip.compress(_packed_zeros("gz", size, b"a")))
    table = io.BytesIO()
    pq.write_table(pa.table({"text": ["z" * 50_000_000, EN]}), table, compression="zstd")
    yield "one-cell.parquet", "quarantine", table.getvalue()
    yield (
        "huge-dictionary.txt.xz",
        "any",
        lzma.compress(
            EN.encode(), filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 4096}]
        ).replace(b"\x21\x01\x00", b"\x21\x01\x28", 1),
    )  # a dictionary of 4 GB, with a wrong checksum beside it
    yield (
        "long-window.txt.zst",
        "any",
        zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
        ).compress(EN.encode() * 1000),
    )
    with io.BytesIO() as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.txt", "w") as member:
            for _ in range(size >> 20):
                member.write(b"a" * (1 << 20))
        yield "one-member.zip", "quarantine", out.getvalue()
    yield (
        "pax-header.tar.gz",
        "quarantine",
        gzip.compress(_header("././@PaxHeader", size, b"x")) + _packed_zeros("gz", size),
    )
    yield (
        "long-name.tar.gz",
        "quarantine",
        gzip.compress(_header("././@LongLink", size, b"L")) + _packed_zeros("gz", size, b"n"),
    )
    yield "sparse.txt", "quarantine", lambda path: _sparse(path, 400 << 20)


def _header(name: str, size: int, kind: bytes) -> bytes:
    """A tar header of a member of some kind, whose content does not follow."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def _sparse(path: str, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)


def _tar(members: list[tuple[str, bytes | None, bytes]], **options: object) -> bytes:
    """An archive of (name, content, kind)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as archive:  # type: ignore[call-overload]
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "../../../../etc/passwd" if kind in (b"1", b"2") else ""
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return out.getvalue()


def _zip(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def archives(_: Path) -> Made:
    text, sound = f"{EN}\n{ZH}\n".encode(), b"0"
    names = [
        "../../escaped.txt",
        "/abs/olute.txt",
        "a/../../b.txt",
        "..\\..\\win.txt",
        "C:\\c.txt",
        "./d.txt",
    ]
    yield "dots.tar", "read", _tar([(name, text, sound) for name in names])
    yield "dots.zip", "read", _zip(dict.fromkeys(names, text))
    yield "gb18030-names.tar", "read", _tar([("新闻/中文.txt", text, sound)], encoding="gb18030")
    yield "gb18030-names.zip", "read", _zip({"xxxx.txt": text}).replace(b"xxxx", "中文".encode("gb18030"))
    yield "links.tar", "read", _tar(
        [("a.txt", text, sound), ("link.txt", None, b"2"), ("hard.txt", None, b"1"), ("fifo.txt", None, b"6"),
         ("device.txt", None, b"3"), ("block.txt", None, b"4"), ("folder", None, b"5")]
    )  # fmt: skip
    yield "long-names.tar", "read", _tar([("d/" * 2000 + "n" * 5000 + ".txt", text, sound)])
    yield "long-name.zip", "read", _zip({"n" * 60_000 + ".txt": text})
    yield (
        "odd-names.tar",
        "read",
        _tar([(n, text, sound) for n in ("a\nb.txt", "\x1b[31m.txt", " .txt", "\u202egpj.txt")]),
    )
    yield "same-names.tar", "read", _tar([("a.txt", text, sound)] * 50)
    yield (
        "archive-in-archive.tar",
        "any",
        _tar([("inner.tar", _tar([("a.txt", text, sound)]), sound), ("a.txt", text, sound)]),
    )
    yield "no-texts.zip", "any", _zip({"a.exe": b"MZ", "b.png": b"\x89PNG"})
    yield "empty.zip", "any", _zip({})
    yield "empty.tar", "any", _tar([])
    yield "many.zip", "read", _zip({f"{n}.txt": b"a word" for n in range(3000)}, zipfile.ZIP_STORED)
    whole = _tar([(f"{n}.txt", text * 20, sound) for n in range(20)])
    yield "cut.tar", "quarantine", whole[:10_300]
    yield "flipped.tar", "any", whole[:512] + b"\xff" * 600 + whole[1112:]
    yield "cut.tar.gz", "quarantine", gzip.compress(whole)[:200]
    yield "negative-size.tar", "quarantine", _damaged_size(_tar([("a.txt", text, sound)]), b"\xff" * 12)
    yield "huge-size.tar", "quarantine", _damaged_size(_tar([("a.txt", text, sound)]), b"\x80" + b"\x7f" * 11)
    yield "random.tar", "quarantine", random.Random(7).randbytes(40_000)
    packed = _zip({f"{n}.txt": lines(50, n) for n in range(20)})
    yield "cut.zip", "quarantine", packed[: len(packed) // 2]
    yield (
        "wrong-checksum.zip",
        "quarantine",
        _zip({"a.txt": text * 9}, zipfile.ZIP_STORED).replace(b"film", b"flim", 1),
    )
    yield "random.zip", "quarantine", random.Random(8).randbytes(40_000)
    encrypted = bytearray(_zip({"a.txt": text}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.index(mark) + at] |= 1
    yield "encrypted.zip", "quarantine", bytes(encrypted)
    strange = bytearray(_zip({"a.txt": text}))
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        strange[strange.index(mark) + at] = 99  # a way of packing that nobody has
    yield "strange-packing.zip", "quarantine", bytes(strange)
    yield "bad-member.zip", "quarantine", _zip({"a.txt.gz": gzip.compress(text)[:20], "b.txt": text})


def _damaged_size(raw: bytes, size: bytes) -> bytes:
    """A tar whose first header says another size, with its checksum right."""
    header = bytearray(raw[:512])
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + raw[512:]


def special(place: Path) -> Made:
    yield "fifo.txt", "error", os.mkfifo
    yield "socket.txt", "error", _socket
    yield "zero.txt", "error", lambda path: os.symlink("/dev/zero", path)
    yield "random.jsonl", "error", lambda path: os.symlink("/dev/urandom", path)
    yield "itself.txt", "error", lambda path: os.symlink("itself.txt", path)
    yield "one.txt", "error", lambda path: os.symlink("other.txt", path)
    yield "other.txt", "error", lambda path: os.symlink("one.txt", path)
    yield "nowhere.txt", "error", lambda path: os.symlink("/no/such/file", path)
    yield "folder.txt", "error", os.mkdir
    yield "loop", "read", _loop
    yield "specials", "read", _specials


def _socket(path: str) -> None:
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # a socket's name is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.basename(path))
    finally:
        os.chdir(here)


def _loop(path: str) -> None:
    """A folder that leads back to itself, twice."""
    inner = Path(path, "a", "b")
    inner.mkdir(parents=True)
    (inner / "sound.txt").write_text(f"{EN}\n")
    os.symlink("../..", inner / "up")
    os.symlink(".", inner / "here")
    os.symlink(path, Path(path, "again"))


def _specials(path: str) -> None:
    """A folder of what is no file, and one that is."""
    os.mkdir(path)
    os.mkfifo(os.path.join(path, "fifo.txt"))
    os.symlink("/dev/zero", os.path.join(path, "zero.txt"))
    os.symlink("nowhere", os.path.join(path, "broken.txt"))
    Path(path, "sound.txt").write_text(f"{EN}\n")


def dumps(_: Path) -> Made:
    """Crawls, wikis and saved data sets."""
    out, rng = io.BytesIO(), random.Random(11)
    table = pa.table({"text": [f"{EN} {n}" for n in range(3000)]})
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    whole = out.getvalue()
    yield "cut.arrow", "quarantine", whole[: len(whole) // 2]
    yield "cut-early.arrow", "quarantine", whole[:9]
    yield "random.arrow", "quarantine", rng.randbytes(20_000)
    yield "long-message.arrow", "quarantine", whole[:4] + struct.pack("<i", 0x7FFFFFF0) + whole[8:]
    yield "negative-message.arrow", "quarantine", whole[:4] + struct.pack("<i", -9) + whole[8:]
    for n in range(12):
        spoiled = bytearray(whole)
        for _ in range(4):
            spoiled[rng.randrange(8, 1500 if n % 2 else len(whole))] = rng.randrange(256)
        yield f"spoiled-{n}.arrow", "any", bytes(spoiled)
    record = b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a/\r\nContent-Length: %d\r\n\r\n%b\r\n\r\n"
    good = record % (len(EN), EN.encode())
    yield "random.warc", "quarantine", rng.randbytes(20_000)
    yield "cut.wet.gz", "quarantine", gzip.compress(good * 500)[:-20]
    yield "long-header.warc", "quarantine", good + b"WARC/1.0\r\nX: " + b"y" * 30_000_000
    yield "negative-length.warc", "quarantine", good + good.replace(b"36", b"-36")
    yield "huge-length.warc", "quarantine", good + good.replace(b"36", b"9" * 30)
    yield "bomb.warc.gz", "quarantine", gzip.compress(good) + _packed_zeros("gz", 64 << 20, b"a")
    bomb = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + _packed_zeros(
        "gz", 64 << 20, b"a"
    )
    yield "bomb-inside.warc", "quarantine", (record % (len(bomb), bomb)).replace(b"conversion", b"response")
    wiki = (
        "<mediawiki>{}<page><title>A</title><ns>0</ns><revision><text>{}</text></revision></page></mediawiki>"
    )
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    laughs = f'<!DOCTYPE m [<!ENTITY l0 "ha">{laughs}]>' + wiki.format("", "&l11;")
    for name, text in {
        "laughs": laughs,
        "outside": '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + wiki.format("", "&x;"),
        "depth": "<mediawiki>" + "<a>" * 1_000_000,
        "long-page": wiki.format("", "words " * 2_000_000),
        "long-tag": f"<mediawiki><a b='{'c' * 9_000_000}",
        "brackets": wiki.format("", "{{a|" * 200_000),
        "cut": wiki.format("", EN)[:-40],
        "empty": "",
    }.items():
        expected = "any" if name == "empty" else "quarantine"
        yield f"{name}.xml", expected, text.encode(), {"format": "mediawiki"}
    yield (
        "cut.xml.bz2",
        "quarantine",
        bz2.compress(wiki.format("", EN * 2000).encode())[:-9],
        {"format": "mediawiki"},
    )
