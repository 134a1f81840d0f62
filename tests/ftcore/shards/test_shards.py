import errno
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.base import files
from ftcore.errors import UserError
from ftcore.shards import shards
from ftcore.shards.manifest import FileEntry, Manifest
from ftcore.shards.shards import SHARD, ShardSet, iter_batches, iter_file, write_shard

SPLITS, LANGUAGES = ["train", "valid", "test", "unlabelled"], ["zh", "en", "mixed"]


def rows(n, tokens="word 中文"):
    return [
        {
            "id": f"{i:032x}",
            "language": LANGUAGES[i % 3],
            "split": SPLITS[i % 4],
            "labels": [] if i % 4 == 3 else ["a b", "乙"][: i % 3],
            "tokens": f"{tokens} {i}",
            "source": f"s:{i % 2}.txt",
        }
        for i in range(n)
    ]


def batch(items):
    return pa.RecordBatch.from_pylist(items, schema=SHARD)


def write(folder, batches, rows=100_000, row_group=10_000):
    """Shards of a fixed number of rows."""
    folder.mkdir(exist_ok=True)
    table = pa.Table.from_batches(batches, SHARD)
    starts = range(0, max(1, len(table)), rows)
    return [
        write_shard(folder, number, table.slice(start, rows).to_batches(), min(row_group, rows))
        for number, start in enumerate(starts)
    ]


def committed(folder, items, **options):
    entries = write(folder, [batch(items)], **options)
    (folder / "quarantine.jsonl").touch()
    manifest = Manifest(
        inputs="", options="", shards=entries, quarantine=FileEntry.of(folder / "quarantine.jsonl", 0),
        rows=len(items), read=len(items), rejected=0, filtered=0, duplicates=0, counts={}, documents={}, labels={},
    )  # fmt: skip
    manifest.write(folder)
    return ShardSet(str(folder), manifest.digest, len(items))


def test_rows_per_shard_and_per_group(tmp_path):
    entries = write(tmp_path, [batch(rows(25))], rows=10, row_group=4)
    assert [(e.rows, e.first, e.last) for e in entries] == [
        (10, "s:0.txt", "s:1.txt"),
        (10, "s:0.txt", "s:1.txt"),
        (5, "s:0.txt", "s:0.txt"),
    ]
    assert [e.file for e in entries] == [f"shard-{e.sha256[:32]}.parquet" for e in entries]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(e.file for e in entries)
    meta = pq.read_metadata(tmp_path / entries[0].file)
    assert [meta.row_group(g).num_rows for g in range(meta.num_row_groups)] == [4, 4, 2]
    encodings = {meta.row_group(0).column(c).path_in_schema: meta.row_group(0).column(c) for c in range(6)}
    assert all(column.compression == "ZSTD" for column in encodings.values())
    assert [name for name, c in encodings.items() if c.has_dictionary_page] == ["language", "split", "source"]


def test_no_documents_are_an_empty_shard(tmp_path):
    (entry,) = write(tmp_path / "b", [])
    assert (entry.rows, entry.first, entry.last) == (0, "", "")
    assert pq.read_table(tmp_path / "b" / entry.file).schema.equals(SHARD)


@settings(deadline=None, max_examples=25)
@given(between=st.tuples(st.integers(0, 30), st.integers(0, 30)), size=st.integers(1, 30))
def test_rows_between_two(tmp_path_factory, between, size):
    folder = tmp_path_factory.mktemp("between")
    (entry,) = write(folder, [batch(rows(30))], row_group=7)
    found = list(iter_file(folder / entry.file, ["id", "tokens"], size, between))
    first, last = between
    assert [row["id"] for part in found for row in part.to_pylist()] == [
        r["id"] for r in rows(30)[first:last]
    ]
    assert all(0 < len(part) <= size for part in found)


@settings(deadline=None, max_examples=25)
@given(
    cuts=st.lists(st.integers(0, 40), max_size=8),
    row_group=st.integers(1, 20),
    limit=st.sampled_from([1, 30, 100, 1 << 20]),
)
def test_bytes_do_not_depend_on_batches(tmp_path_factory, cuts, row_group, limit):
    whole = batch(rows(40))
    edges = [0, *sorted(cuts), 40]
    pieces = [whole.slice(a, b - a) for a, b in zip(edges, edges[1:], strict=False)]
    folder = tmp_path_factory.mktemp("bytes")
    old, shards.GROUP_BYTES = shards.GROUP_BYTES, limit
    try:
        one = write(folder / "one", [whole], rows=17, row_group=row_group)
        many = write(folder / "many", pieces, rows=17, row_group=row_group)
    finally:
        shards.GROUP_BYTES = old
    assert one == many
    tables = [pq.read_table(folder / "many" / e.file) for e in many]
    assert pa.concat_tables(tables).to_pylist() == rows(40)


def test_a_group_of_long_documents_ends_by_bytes(tmp_path):
    (entry,) = write(tmp_path, [batch(rows(6, "x" * (3 << 20)))], rows=100)
    meta = pq.read_metadata(tmp_path / entry.file)
    assert [meta.row_group(g).num_rows for g in range(meta.num_row_groups)] == [2, 2, 2]


def test_stream_filters_and_projects(tmp_path):
    items = rows(50)
    shard_set = committed(tmp_path, items, rows=20, row_group=7)

    def read(*args, **kwargs):
        return [row for part in iter_batches(*args, **kwargs) for row in part.to_pylist()]

    assert read(shard_set, SPLITS) == items
    assert read(tmp_path, "train") == [r for r in items if r["split"] == "train"]
    zh = read(shard_set, ["train", "unlabelled"], ["zh"], ["tokens", "id"], rows=3)
    wanted = [r for r in items if r["split"] in ("train", "unlabelled") and r["language"] == "zh"]
    assert zh == [{"tokens": r["tokens"], "id": r["id"]} for r in wanted]
    assert [list(r) for r in zh[:1]] == [["tokens", "id"]]
    assert all(0 < len(part) <= 3 for part in iter_batches(shard_set, SPLITS, rows=3))
    assert read(shard_set, [], ["zh"]) == []


def test_stream_refuses_what_it_does_not_know(tmp_path):
    shard_set = committed(tmp_path, rows(5))
    with pytest.raises(UserError, match="unknown split 'dev'; there are: train, valid"):
        next(iter_batches(shard_set, ["dev"]))
    with pytest.raises(UserError, match="unknown language 'fr'"):
        next(iter_batches(shard_set, ["train"], ["fr"]))
    with pytest.raises(UserError, match="unknown column 'text'"):
        next(iter_batches(shard_set, ["train"], columns=["text"]))
    with pytest.raises(UserError, match="changed"):
        next(iter_batches(ShardSet(shard_set.path, "0", 5), ["train"]))
    assert ShardSet.from_dict(shard_set.to_dict()) == shard_set


class Full:
    """A file on a disk that takes `room` bytes."""

    def __init__(self, path, room):
        self._file, self._room = open(path, "wb"), room  # noqa: SIM115

    def write(self, data):
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [0, 2, 5_000, 14_000])
def test_full_disk_while_a_shard_is_written(tmp_path, monkeypatch, room):
    left = [room]

    def open_sink(path):
        return Full(path, left[0])

    monkeypatch.setattr(files, "open_sink", open_sink)
    noise = [row | {"tokens": os.urandom(500).hex()} for row in rows(40)]
    with pytest.raises(UserError) as caught, files.atomic_directory(tmp_path / "shards") as folder:
        write(folder, [batch(noise)], rows=20, row_group=5)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'shards' / 'shard-00000.parquet'}: disk full")
    assert "bytes are free" in message and "store=" in message
    assert list(tmp_path.iterdir()) == []
