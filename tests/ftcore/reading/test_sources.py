import bz2
import gzip
import json
import lzma
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.reading.readers import read_part
from ftcore.reading.sources import Part, cut_file, list_files, source_names


def ingest(*sources, **options):
    return Ingest(
        sources=[Source(**s) if isinstance(s, dict) else Source(path=str(s)) for s in sources], **options
    )


def relatives(files):
    return [file.relative for file in files]


def test_a_directory_takes_known_suffixes_sorted_and_skips_hidden_files(tmp_path):
    for name in (
        "b.txt",
        "a/z.jsonl.gz",
        "a/c.csv",
        "README.md",
        ".hidden.txt",
        ".git/x.txt",
        "d.TSV.zst",
        "e.parquet",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x\n")
    files = list_files(ingest(tmp_path), ".")
    assert [(f.relative, f.format, f.compression) for f in files] == [
        ("a/c.csv", "csv", ""),
        ("a/z.jsonl.gz", "jsonl", "gz"),
        ("b.txt", "lines", ""),
        ("d.TSV.zst", "tsv", "zst"),
        ("e.parquet", "parquet", ""),
    ]


def test_globs_are_recursive_and_start_at_data(tmp_path):
    for name in ("x/1.txt", "x/y/2.txt", "x/y/3.dat"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    assert relatives(list_files(ingest("x/**/*.txt"), str(tmp_path))) == ["1.txt", "y/2.txt"]
    given = ingest({"path": "x/y/*", "format": "lines"})
    assert relatives(list_files(given, str(tmp_path))) == ["2.txt", "3.dat"]


def test_sources_stay_in_the_order_of_the_configuration(tmp_path):
    for name in ("b.txt", "a.txt"):
        (tmp_path / name).write_text("x\n")
    files = list_files(ingest("b.txt", {"path": "a.txt", "name": "own"}), str(tmp_path))
    assert [(f.source, f.name) for f in files] == [(0, "b"), (1, "own")]


def test_a_file_whose_name_looks_like_a_glob(tmp_path):
    (tmp_path / "a[1].txt").write_text("x\n")
    assert relatives(list_files(ingest("a[1].txt"), str(tmp_path))) == ["a[1].txt"]


def test_names_are_unique():
    given = ingest("a/train.csv", "b/train.csv.zst", {"path": "zh/**/*.txt"}, {"path": "x", "name": "train"})
    assert source_names(given) == ["train", "train-2", "zh", "train-3"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("missing.txt", "no such file or directory.*missing.txt"),
        ("folder", "no file with a known suffix"),
        ("folder/*.csv", "no file matches"),
        ("nowhere/*.csv", "no file matches"),
        ("folder/notes.md", "cannot tell the format.*notes.md.*set `format`"),
        ("packed.parquet.gz", "compressed Parquet"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, source, says):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.md").write_text("x")
    (tmp_path / "packed.parquet.gz").write_bytes(b"x")
    with pytest.raises(UserError, match=says):
        list_files(ingest(source), str(tmp_path))


def test_no_sources_at_all():
    with pytest.raises(UserError, match=r"ingest\.sources is empty"):
        list_files(Ingest(), ".")


def parts_of(path, part_bytes=10_000, **source):
    given = ingest({"path": str(path), **source}, part_bytes=part_bytes)
    (file,) = list_files(given, ".")
    return cut_file(file, given), given


def check_ranges(parts, raw):
    """Ranges follow each other, digests are those of the bytes, line numbers are right."""
    at = 0
    for part in parts:
        stop = len(raw) if part.stop < 0 else part.stop
        assert part.start == at
        assert part.digest == xxhash.xxh3_128_hexdigest(raw[at:stop])
        assert part.first_line == raw[:at].count(b"\n") + 1
        at = stop
    assert at == len(raw) and parts[-1].stop == -1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9000), max_size=30), st.booleans())
def test_line_files_are_cut_at_newlines(tmp_path_factory, lengths, ends_with_newline):
    path = tmp_path_factory.mktemp("cut") / "a.txt"
    raw = b"\n".join(b"x" * n for n in lengths) + b"\n" * ends_with_newline
    path.write_bytes(raw)
    parts, given = parts_of(path)
    check_ranges(parts, raw)
    assert all(raw[p.stop - 1 : p.stop] == b"\n" for p in parts if p.stop > 0)
    read = [
        (doc["line"], len(doc["text"]))
        for p in parts
        for docs, _ in read_part(p, given)
        for doc in docs.to_pylist()
    ]
    assert read == [(i, n) for i, n in enumerate(lengths, 1) if n]


def test_large_files_are_cut_near_part_bytes(tmp_path):
    path = tmp_path / "a.jsonl"
    raw = b"".join(b'{"text": "%d"}\n' % i for i in range(200_000))
    path.write_bytes(raw)
    parts, _ = parts_of(path, part_bytes=1_000_000)
    check_ranges(parts, raw)
    assert len(parts) == 4 and all(p.first_line > 0 for p in parts)  # a cut comes within 1 MiB of the size


def test_wiki_is_cut_after_a_page(tmp_path):
    path = tmp_path / "wiki.txt"
    raw = b"".join(b'<doc title="t">\nt\n\n%s\n</doc>\n' % (b"body " * 1000) for _ in range(10))
    path.write_bytes(raw)
    parts, given = parts_of(path, format="wiki")
    check_ranges(parts, raw)
    assert len(parts) > 1 and all(raw[: p.stop].endswith(b"</doc>\n") for p in parts if p.stop > 0)
    assert sum(docs.num_rows for p in parts for docs, _ in read_part(p, given)) == 10


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_delimited_files_are_cut_only_without_quotes(tmp_path, format):
    comma = "," if format == "csv" else "\t"
    raw = (f"text{comma}n\n" + f"word{comma}1\n" * 5000).encode()
    plain, quoted = tmp_path / f"plain.{format}", tmp_path / f"quoted.{format}"
    plain.write_bytes(raw)
    quoted.write_bytes(raw + f'"a\nb"{comma}2\n'.encode())
    parts, given = parts_of(plain)
    check_ranges(parts, raw)
    assert len(parts) > 1
    assert (
        sum(docs.num_rows for p in parts for docs, _ in read_part(p, given)) == 5000
    )  # the header is known to all
    parts, _ = parts_of(quoted)
    assert [(p.start, p.stop) for p in parts] == [(0, -1)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf16_is_not_cut(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(("a line of text\n" * 5000).encode(encoding))
    (part,), _ = parts_of(path)
    assert (part.start, part.stop, part.encoding) == (0, -1, encoding)


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_archives_are_one_part_and_their_bytes_are_digested(tmp_path, suffix, pack):
    path = tmp_path / f"a.txt.{suffix}"
    path.write_bytes(pack("一行文字，很长很长的文字。\n".encode("gb18030") * 5000))
    (part,), _ = parts_of(path)
    assert part.digest == xxhash.xxh3_128_hexdigest(path.read_bytes())
    assert (part.encoding, part.compression) == ("gb18030", suffix)


def test_chinese_far_into_the_file_is_seen(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(
        b"an English line\n" * 100_000 + "后面是中文，一行一行的文字。\n".encode("gb18030") * 100
    )
    parts, _ = parts_of(path, part_bytes=1 << 20)
    assert {p.encoding for p in parts} == {"gb18030"}


def test_parquet_is_cut_by_row_groups(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"text": [f"{i} " * 500 for i in range(100)]}), path, row_group_size=10, compression="none"
    )
    parts, given = parts_of(path, part_bytes=30_000)
    assert len(parts) > 2 and parts[0].start == 0 and parts[-1].stop == -1
    assert [p.stop for p in parts[:-1]] == [p.start for p in parts[1:]]
    read = [doc["line"] for p in parts for docs, _ in read_part(p, given) for doc in docs.to_pylist()]
    assert read == list(range(1, 101))
    assert len({p.digest for p in parts}) == len(parts)


def test_a_part_travels_as_json(tmp_path):
    (tmp_path / "a.txt").write_text("x\n")
    (part,), _ = parts_of(tmp_path / "a.txt")
    assert Part(**json.loads(json.dumps(asdict(part)))) == part


def test_an_empty_file_is_one_part_without_documents(tmp_path):
    for name in ("a.txt", "a.jsonl", "a.csv"):
        (tmp_path / name).write_bytes(b"")
        (part,), given = parts_of(tmp_path / name)
        assert list(read_part(part, given)) == []


def test_an_unknown_encoding_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("x\n")
    with pytest.raises(UserError, match="a.txt: unknown encoding 'klingon'"):
        parts_of(tmp_path / "a.txt", encoding="klingon")


def test_a_file_that_vanished_after_listing(tmp_path):
    for name in ("a.txt", "a.parquet"):
        path = tmp_path / name
        path.write_bytes(b"x\n")
        given = ingest(path)
        (file,) = list_files(given, ".")
        path.unlink()
        with pytest.raises(UserError, match=f"{name}: the file vanished"):
            cut_file(file, given)
