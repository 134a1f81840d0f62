"""Files inside tar and zip archives: read one by one, damage costs one of them."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.reading.documents import Notes
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files

PACKERS = {
    "": lambda raw: raw,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
FILES = {
    "pos/a.txt": b"good film",
    "pos/b.txt": "很好看的电影，我们都喜欢".encode("gb18030"),
    "neg/c.txt": b"bad film",
    "neg/d.txt.gz": gzip.compress(b"worse film"),
}
TEXTS = [
    ("good film", ["pos"]),
    ("很好看的电影，我们都喜欢", ["pos"]),
    ("bad film", ["neg"]),
    ("worse film", ["neg"]),
]


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return out.getvalue()


def zipped(files, **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return out.getvalue()


def read(path, limit=1_000_000, **source):
    """(documents, rejected, notes) of an archive."""
    ingest = Ingest(sources=[Source(path=str(path), **source)], max_document_bytes=limit)
    (file,) = list_files(ingest, ".")
    (part,) = cut_file(file, ingest)
    documents, rejected, notes = [], [], Notes()
    for kept, lost in read_part(part, ingest, notes):
        documents += kept.to_pylist()
        rejected += lost.to_pylist()
    return documents, rejected, notes


def write(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    return tmp_path / name


@pytest.mark.parametrize("format", ["file", "lines", "auto"])
@pytest.mark.parametrize(
    "name, pack",
    [*((f"a.tar{suffix}", lambda f, p=p: p(tar(f))) for suffix, p in PACKERS.items()),
     ("a.tgz", lambda f: gzip.compress(tar(f))), ("a.zip", zipped)],
)  # fmt: skip
def test_an_archive_is_its_files(tmp_path, name, pack, format):
    documents, rejected, notes = read(write(tmp_path, name, pack(FILES)), format=format, label_from="folder")
    assert [(d["text"], d["labels"]) for d in documents] == TEXTS and rejected == []
    assert [d["source"] for d in documents] == [f"a:{name}/{member}" for member in FILES]
    assert notes.bytes == (tmp_path / name).stat().st_size and notes.lost == []


def test_members_of_every_format(tmp_path):
    table = io.BytesIO()
    pq.write_table(pa.table({"text": ["from parquet"], "label": [1.0]}), table)
    files = {
        "a.jsonl": b'{"text": "from lines", "label": "x"}\n{broken\n',
        "b.json": b'[\n{"text": "from an array", "label": "y"}\n]',
        "c.csv": b"text,label\nfrom csv,NA\n",
        "d.parquet": table.getvalue(),
        "notes.pdf": b"%PDF",
        "more.pdf": b"%PDF",
        "__MACOSX/a.jsonl": b"junk",
        ".DS_Store": b"junk",
        "README": b"not a known suffix",
    }
    for name, pack in (("a.tar", tar), ("a.zip", zipped)):
        documents, rejected, notes = read(write(tmp_path, name, pack(files)), label="label")
        assert [(d["text"], d["labels"]) for d in documents] == [
            ("from lines", ["x"]), ("from an array", ["y"]), ("from csv", []), ("from parquet", ["1"])
        ]  # fmt: skip
        assert [(r["source"], r["line"], r["reason"]) for r in rejected] == [
            (f"a:{name}/a.jsonl", 2, "broken JSON")
        ]
        assert notes.counts["a: files in archives left out: *.pdf"] == 2
        assert notes.counts["a: files in archives left out: without a suffix"] == 1


def test_names_that_lead_elsewhere_are_only_names(tmp_path):
    files = {"../../evil/x.txt": b"one", "/etc/y.txt": b"two", "a\\z.txt": b"three"}
    for name, pack in (("a.tar", tar), ("a.zip", zipped)):
        documents, _, _ = read(write(tmp_path, name, pack(files)), label_from="folder")
        assert [(d["text"], d["labels"]) for d in documents] == [
            ("one", ["evil"]), ("two", ["etc"]), ("three", ["a"])
        ]  # fmt: skip
        assert [d["source"] for d in documents] == [
            f"a:{name}/{m}" for m in ("evil/x.txt", "etc/y.txt", "a/z.txt")
        ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar", "a.zip"]


def test_links_and_devices_in_a_tar_are_left_out(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind, name in (
            (tarfile.SYMTYPE, "link.txt"),
            (tarfile.CHRTYPE, "device.txt"),
            (tarfile.DIRTYPE, "d"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("d/real.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"text"))
    documents, rejected, _ = read(write(tmp_path, "a.tar", out.getvalue()))
    assert [d["text"] for d in documents] == ["text"] and rejected == []


def test_a_broken_member_of_a_zip_costs_itself(tmp_path):
    raw = bytearray(zipped({f"{i}.txt": f"number {i} ".encode() * 50 for i in range(5)}))
    spot = raw.find(b"2.txt") + len(b"2.txt") + 4
    raw[spot : spot + 6] = b"\xff" * 6
    documents, rejected, notes = read(write(tmp_path, "a.zip", bytes(raw)), format="file")
    assert [d["source"] for d in documents] == [f"a:a.zip/{i}.txt" for i in (0, 1, 3, 4)]
    ((source, reason, size),) = notes.lost
    assert source == "a:a.zip/2.txt" and "corrupt archive" in reason and 0 < size < 100
    assert [r["source"] for r in rejected] == ["a:a.zip/2.txt"]


def test_an_archive_that_breaks_off_keeps_what_came_before(tmp_path):
    whole = tar({f"{i}.txt": f"number {i}".encode() for i in range(20)})
    documents, rejected, notes = read(write(tmp_path, "a.tar", whole[:4300]), format="file")
    assert len(documents) == 4 and [r["reason"] for r in rejected] == ["truncated archive"]
    packed = gzip.compress(whole)
    documents, rejected, notes = read(write(tmp_path, "b.tar.gz", packed[: len(packed) // 2]), format="file")
    assert len(rejected) == 1 and "truncated" in rejected[0]["reason"]
    for name in ("c.zip", "d.tar"):
        documents, rejected, notes = read(write(tmp_path, name, b"no archive at all " * 100))
        assert documents == [] and len(rejected) == 1 and "not a" in rejected[0]["reason"]
        assert notes.lost[0][2] == notes.bytes == 1800  # the whole file


def test_chinese_names_of_windows_zips(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("XXXX/a.txt", "text")
    raw = out.getvalue().replace(b"XXXX", "体育".encode("gb18030"))
    documents, _, _ = read(write(tmp_path, "a.zip", raw), label_from="folder")
    assert [d["labels"] for d in documents] == [["体育"]]


def test_a_missing_column_names_the_member(tmp_path):
    path = write(tmp_path, "a.zip", zipped({"x/a.jsonl": b'{"txt": "a"}\n'}))
    with pytest.raises(UserError, match=r"a\.zip: x/a\.jsonl.*no column 'text'; the columns are: txt"):
        read(path)


def test_a_file_that_unpacks_to_much_more_is_bounded(tmp_path):
    bomb = zipped({"a.txt": b"x" * 20_000_000, "b.txt": b"fine"})
    documents, rejected, _ = read(write(tmp_path, "a.zip", bomb), limit=1000, format="file")
    assert [d["text"] for d in documents] == ["fine"]
    assert [r["reason"] for r in rejected] == ["longer than max_document_bytes"]
