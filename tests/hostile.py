"""Some two hundred files that mean ill, each a function of its name: what a corpus from the open net may hold.

`write` makes them below a folder and says what is to become of each:

* ``read``        it is sound, if odd: its documents are there
* ``quarantine``  at least one row of it is put aside with a reason; what was sound may be there as well
* ``error``       a `UserError` that names it
* ``nothing``     it holds no document, and nothing is lost
* ``any``         one of the first three: decoders differ in what they can still make of it
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile_containers import EN, PACKERS, ZH, Made, archives, bombs, dumps, lines, special


@dataclass
class Hostile:
    """A file, what is to become of it, and options of its source."""

    path: str
    expected: str
    source: dict = field(default_factory=dict)


def write(folder: Path, kinds: Sequence[str] = ()) -> list[Hostile]:
    """Make all of them, or those of some kinds."""
    made: list[Hostile] = []
    for kind in KINDS:
        if kinds and kind.__name__.strip("_") not in kinds:
            continue
        place = folder / kind.__name__.strip("_")
        place.mkdir(parents=True, exist_ok=True)
        for name, expected, content, *source in kind(place):
            path = os.path.join(os.fsencode(place), name if isinstance(name, bytes) else name.encode())
            if isinstance(content, bytes):
                with open(path, "wb") as file:
                    file.write(content)
            elif content is not None:
                content(os.fsdecode(path))
            made.append(Hostile(os.fsdecode(path), expected, source[0] if source else {}))
    return made


def _encodings(_: Path) -> Made:
    text = f"{ZH}\n{EN}\n" * 20
    for codec in ("utf-16-le", "utf-16-be", "utf-16", "utf-32", "gb18030", "big5", "shift_jis", "euc_kr", "cp1252",
                  "cp037", "utf-7", "koi8_r", "hz", "iso2022_jp"):  # fmt: skip
        yield f"{codec}.txt", "any", text.encode(codec, "replace")
        yield f"{codec}-cut.txt", "any", text.encode(codec, "replace")[:-3]
    yield "latin-in-utf8.txt", "quarantine", (f"{ZH}\n" * 400).encode() + b"caf\xe9\n"
    yield (
        "gb-in-utf8.jsonl",
        "quarantine",
        lines(50) + json.dumps({"text": ZH}, ensure_ascii=False).encode("gb18030"),
    )
    yield "overlong.txt", "quarantine", (f"{ZH}\n" * 400).encode() + b"\xc0\xaf\xe0\x80\xaf\n"
    yield "surrogates.txt", "quarantine", (f"{ZH}\n" * 400).encode() + b"\xed\xa0\x80\xed\xb0\x80\n"
    yield "beyond-unicode.txt", "quarantine", (f"{ZH}\n" * 400).encode() + b"\xf5\x90\x80\x80\n"
    yield "nul.txt", "quarantine", b"a\0b\nsound line\n" * 10
    yield "nul.csv", "quarantine", b"text\nsound\na\0b\n"
    yield "all-ff.txt", "quarantine", b"\xff" * 5000
    yield "all-zero.txt", "quarantine", b"\0" * 5000
    yield "random.txt", "quarantine", random.Random(1).randbytes(20_000)
    yield "random.jsonl", "quarantine", random.Random(2).randbytes(20_000)
    yield "random.csv", "any", random.Random(3).randbytes(20_000)
    yield "random.parquet", "quarantine", random.Random(4).randbytes(20_000)
    yield "bom-in-the-middle.txt", "read", f"{EN}\n\ufeff{ZH}\n".encode()
    yield "three-boms.txt", "read", ("\ufeff" * 3 + EN + "\n").encode()
    yield "half-a-character.txt", "quarantine", (ZH * 30).encode()[:-1]
    yield "declared-ascii.txt", "quarantine", f"{EN}\n{ZH}\n".encode(), {"encoding": "ascii"}
    yield "declared-utf16.txt", "quarantine", f"{EN}x\n{ZH}\n".encode()[:-1], {"encoding": "utf-16"}
    yield "declared-nonsense.txt", "error", EN.encode(), {"encoding": "utf-99"}
    yield "declared-hex.txt", "error", EN.encode(), {"encoding": "hex"}
    yield "declared-idna.txt", "any", EN.encode() * 50, {"encoding": "idna"}
    yield "declared-punycode.txt", "any", EN.encode() * 50, {"encoding": "punycode"}
    yield "declared-utf7.txt", "any", b"+" * 5000, {"encoding": "utf-7"}
    yield (
        "declared-unicode-escape.txt",
        "any",
        b"\\U0011ffff \\x \\N{none}\n" * 5,
        {"encoding": "unicode_escape"},
    )


def _truncated(_: Path) -> Made:
    raw = lines()
    for name, pack in PACKERS.items():
        whole = pack(raw)
        for cut in (5, len(whole) // 10, len(whole) // 2, len(whole) - 9, len(whole) - 1):
            expected = "any" if cut == len(whole) - 1 and name == "zst" else "quarantine"
            yield f"cut-at-{cut}.jsonl.{name}", expected, whole[:cut]
        middle = len(whole) // 2
        seen = "any" if name == "zst" else "quarantine"  # it has no checksum unless asked for one
        yield (
            f"flipped.jsonl.{name}",
            seen,
            whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
        )
        yield f"zeroed.jsonl.{name}", seen, whole[:middle] + b"\0" * 500 + whole[middle + 500 :]
        yield f"garbage-behind.jsonl.{name}", "any", whole + b"garbage" * 40
        yield f"magic-alone.txt.{name}", "quarantine", whole[:4]
        yield f"not-packed.jsonl.{name}", "read", raw[: raw.index(b"\n") + 1]
        yield f"empty.jsonl.{name}", "any", b""
        yield f"twice.txt.{name}", "quarantine", pack(pack(random.Random(5).randbytes(5000)))
    header = bytearray(gzip.compress(raw))
    header[3] = 0xFF  # all flags of gzip: a name, a comment, more fields that are not there
    yield "flags.jsonl.gz", "quarantine", bytes(header)
    yield "named-zst-is-gz.jsonl.zst", "read", gzip.compress(raw)
    table = io.BytesIO()
    pq.write_table(pa.table({"text": [f"{EN} {n}" for n in range(5000)]}), table, row_group_size=500)
    whole = table.getvalue()
    for cut in (4, len(whole) // 2, len(whole) - 1):
        yield f"cut-at-{cut}.parquet", "quarantine", whole[:cut]
    yield "flipped.parquet", "quarantine", whole[:2000] + b"\xff" * 40 + whole[2040:]
    yield "long-footer.parquet", "quarantine", whole[:-8] + struct.pack("<I", 0x7FFFFFFF) + b"PAR1"
    yield "negative-footer.parquet", "quarantine", whole[:-8] + struct.pack("<I", 0xFFFFFFF0) + b"PAR1"
    yield "mad-footer.parquet", "quarantine", whole[:-400] + random.Random(6).randbytes(392) + whole[-8:]


def _json(_: Path) -> Made:
    for depth in (10_000, 1_000_000):
        nested = b'{"a":' * depth + b"1" + b"}" * depth
        yield f"objects-{depth}.json", "quarantine", nested
        yield f"arrays-{depth}.json", "quarantine", b"[" * depth + b"]" * depth
        yield (
            f"in-a-line-{depth}.jsonl",
            "quarantine",
            lines(3) + b'{"text":' + b"[" * depth + b"]" * depth + b"}\n",
        )
        yield (
            f"beside-{depth}.jsonl",
            "any",
            lines(3) + b'{"text":"a b","x":' + b"[" * depth + b"]" * depth + b"}\n",
        )
        yield (
            f"unclosed-{depth}.jsonl",
            "quarantine",
            lines(3) + b'{"text":' + b"[" * depth + b"\n" + lines(1, 9),
        )
    yield "long-number.jsonl", "any", b'{"text":' + b"9" * 100_000 + b"}\n" + lines(2)
    yield "long-exponent.jsonl", "any", b'{"text":1e999999999}\n{"text":-1e-999999999}\n' + lines(2)
    yield "nan.jsonl", "any", b'{"text":NaN}\n{"text":Infinity}\n' + lines(2)
    yield "lone-surrogate.jsonl", "quarantine", b'{"text":"\\ud800 word"}\n' + lines(2)
    yield "nul-escape.jsonl", "quarantine", b'{"text":"\\u0000 word"}\n' + lines(2)
    yield "bad-escape.jsonl", "quarantine", b'{"text":"\\x41 \\q"}\n' + lines(2)
    yield "long-line.jsonl", "quarantine", b'{"text":"' + b"w " * 25_000_000 + b'"}\n' + lines(2)
    yield "long-key.jsonl", "any", b'{"' + b"k" * 8_000_000 + b'":1,"text":"a"}\n' + lines(2)
    yield (
        "many-keys.jsonl",
        "any",
        (b"{" + b",".join(b'"k%d":1' % n for n in range(300_000)) + b',"text":"a word"}\n' + lines(2)),
    )
    yield "same-keys.jsonl", "read", b"{" + b'"text":"a word",' * 5000 + b'"text":"last word"}\n'
    yield "scalars.jsonl", "quarantine", b'1\n"text"\nnull\ntrue\n' + lines(2)
    yield "other-types.jsonl", "quarantine", b'{"text":[1]}\n{"text":{}}\n{"text":true}\n' + lines(2)
    yield "not-json.json", "any", b"<html>no</html>"
    yield "commas.json", "any", b"[" + b"," * 100_000 + b"]"
    yield "quotes.json", "quarantine", b'"' * 100_001
    yield "backslashes.json", "quarantine", b'{"text":"' + b"\\" * 3_000_001
    yield "columns.json", "any", b'{"text":{"0":"a","1":"b"},"label":{"0":1}}'
    yield "no-text.jsonl", "error", b'{"a":1}\n' * 50


def _tables(_: Path) -> Made:
    field_ = b"w " * 25_000_000  # 50 MB
    yield "long-field.csv", "quarantine", b"text,label\nsound,1\n" + field_ + b",1\nsound too,2\n"
    yield "long-quoted.csv", "quarantine", b'text,label\nsound,1\n"' + field_ + b'",1\nsound too,2\n'
    yield "never-closed.csv", "quarantine", b'text,label\nsound,1\n"' + (b"some words\n" * 500_000)
    yield "long-field.tsv", "quarantine", b"text\tlabel\nsound\t1\n" + field_ + b"\t1\n"
    yield "many-columns.csv", "any", b"text," + b",".join(b"c%d" % n for n in range(200_000)) + b"\nsound\n"
    yield "many-cells.csv", "any", b"text\n" + b"a," * 3_000_000 + b"\nsound\n"
    yield "quotes.csv", "any", b"text\n" + b'"' * 1_000_001 + b"\nsound\n"
    yield "quotes-in-lines.csv", "any", b"text\n" + b'a"b\n' * 50_000
    yield "header-alone.csv", "nothing", b"text,label\n"
    yield "no-header.csv", "error", b"\n\n\n1,2\n3,4\n"
    yield "long-header.csv", "error", b"h" * 40_000_000 + b"\nsound\n"
    yield "other-columns.csv", "error", b"a,b\n1,2\n"
    yield "ragged.csv", "quarantine", b"text,label\na\nb,c,d,e\nsound,1\n"
    yield "returns.csv", "read", b"text,label\rsound one,1\rsound two,2\r"
    yield "formulas.csv", "read", b"text\n\"=cmd|'/C calc'!A0\"\n"
    yield "blank.csv", "any", b"\n" * 1_000_000
    yield "empty.csv", "any", b""
    table = io.BytesIO()
    pq.write_table(pa.table({"other": [1, 2]}), table)
    yield "other-columns.parquet", "error", table.getvalue()
    table = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array([[1], [2]])}), table)
    yield "lists.parquet", "error", table.getvalue()
    table = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array([b"\xff\xfe", b"sound words"], pa.binary())}), table)
    yield "bytes.parquet", "quarantine", table.getvalue()
    table = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), table)
    yield "no-rows.parquet", "nothing", table.getvalue()
    deep = pa.array([1])
    for _ in range(150):
        deep = pa.StructArray.from_arrays([deep], names=["a"])
    table = io.BytesIO()
    pq.write_table(pa.table({"text": [EN], "deep": deep}), table)
    yield "deep.parquet", "any", table.getvalue()


def _names(_: Path) -> Made:
    sound = f"{EN}\n".encode()
    for name in ("中文新闻.txt".encode("gb18030"), "Ä.txt".encode("latin-1"), b"\xff\xfe\xfd.txt", "表.txt".encode("shift_jis"),
                 b"new\nline.txt", b"\x1b]0;title\x07.txt", b"-rf.txt", b" .txt", b"a[1].txt", b"star*.txt", b"what?.txt",
                 b"%s%n.txt", b"{x}.txt", b"$(id).txt", b"n" * 251 + b".txt", "\u202etxt.exe.txt".encode(), b"a:b.txt",
                 b"back\\slash.txt", b"CON.txt", "é.txt".encode(), "e\u0301.txt".encode(), b"__label__x.txt", b"~.txt"):  # fmt: skip
        yield name, "read", sound


def _texts(_: Path) -> Made:
    """Sound bytes that a step of the way might take forever for, or blow up."""
    million = 900_000
    for name, text in {
        "tags": "<a " * (million // 3),
        "comments": "<!--" * (million // 4),
        "attributes": "<a b='" * (million // 6),
        "entities": "&amp;" * (million // 5),
        "entities-of-entities": "&" + "amp;" * (million // 4),
        "open-angles": "<" * million,
        "brackets": "(" * million,
        "digits": "1" * million,
        "decimals": "1." * (million // 2),
        "mails": "a@" * (million // 2),
        "addresses": "http://" * (million // 7),
        "dots": "." * million,
        "hyphens": "a-" * (million // 2),
        "accents": "e" + "\u0301" * (million // 2),
        "ligatures": "\ufdfa " * (million // 4),
        "unknown-characters": "".join(chr(0x3400 + n % 6000) for n in range(million // 3)),
        "one-character": "的" * (million // 3),
        "emoji": "👨‍👩‍👧‍👦" * (million // 25),
        "flags": "🇨" * (million // 4),
        "joiners": "\u200d" * (million // 3),
        "directions": "\u202e" * (million // 3) + "word",
        "variants": "字" + "\U000e0100" * (million // 4),
        "private": "\ue000" * (million // 3) + " word",
        "noncharacters": "\ufffe\uffff" * (million // 6) + " word",
        "controls": "\x01\x02" * (million // 2) + " word",
        "spaces": " \u3000\u00a0" * (million // 7) + "word",
        "labels": "__label__" * (million // 9),
        "one-word": "w" * million,
        "c++": "C++" * (million // 3),
    }.items():
        yield f"{name}.txt", "any", f"{text}\n{EN}\n".encode()
    yield "no-newline.txt", "quarantine", b"w " * 30_000_000
    yield "newlines.txt", "any", b"\n" * 3_000_000
    yield "returns.txt", "read", b"word one\rword two\r" * 1000
    yield "pages.txt", "quarantine", b"<doc>\n" * 20_000, {"format": "wiki"}
    yield "one-page.txt", "quarantine", b'<doc title="a">\n' + b"words\n" * 2_000_000, {"format": "wiki"}
    yield "no-blank-line.txt", "quarantine", b"some words\n" * 2_000_000, {"format": "paragraphs"}
    yield (
        "labels-alone.txt",
        "any",
        b"__label__x " * 100_000 + b"\n",
        {"format": "fasttext", "label": "label"},
    )


KINDS = [_encodings, _truncated, bombs, _json, _tables, archives, special, _names, _texts, dumps]
