import json

import pyarrow as pa
import pytest

from ftcore.errors import UserError
from ftcore.shards.manifest import MANIFEST, FileEntry, Manifest, load_manifest
from ftcore.shards.shards import SHARD, ShardSet, write_shard


@pytest.fixture
def folder(tmp_path):
    """A set of two shards with three documents."""
    rows = [
        {
            "id": f"{n:032x}",
            "language": "en",
            "split": "train",
            "labels": ["a"],
            "tokens": "x y",
            "source": "s:f",
        }
        for n in range(15)
    ]
    table = pa.Table.from_pylist(rows, schema=SHARD)
    shards = [write_shard(tmp_path, n, table.slice(10 * n, 10).to_batches(), row_group=10) for n in (0, 1)]
    (tmp_path / "quarantine.jsonl").write_text("{}\n")
    manifest = Manifest(
        inputs="i", options="o", shards=shards, rows=15, read=16, rejected=1, filtered=0, duplicates=0,
        quarantine=FileEntry.of(tmp_path / "quarantine.jsonl", 1),
        counts={"read": {"broken": 1}}, documents={"train": {"en": 15}}, labels={"a": {"train": 15}},
    )  # fmt: skip
    manifest.write(tmp_path)
    return tmp_path


def shard(folder, number):
    """The name of a shard's file."""
    return json.loads((folder / MANIFEST).read_bytes())["shards"][number]["file"]


def rewrite(folder, **changes):
    tree = json.loads((folder / MANIFEST).read_bytes()) | changes
    (folder / MANIFEST).write_text(json.dumps(tree))


def test_a_whole_set_loads_and_equals_what_was_written(folder):
    manifest = load_manifest(folder)
    assert [entry.rows for entry in manifest.shards] == [10, 5]
    assert manifest.to_bytes() == (folder / MANIFEST).read_bytes()
    assert load_manifest(folder / MANIFEST) == manifest
    assert ShardSet.open(folder) == ShardSet(str(folder), manifest.digest, 15)


def test_the_digest_is_the_sha256_of_the_file_and_a_shard_set_checks_it(folder):
    digest = load_manifest(folder).digest
    assert load_manifest(folder, digest=digest).digest == digest
    with pytest.raises(UserError, match=r"manifest.json: changed.*preparation again"):
        load_manifest(folder, digest="0" * 64)


def test_missing_manifest(tmp_path):
    with pytest.raises(UserError, match=r"manifest.json: no manifest.*preparation again"):
        load_manifest(tmp_path / "nowhere")


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", ["", "quarantine.jsonl"])
def test_missing_file(folder, name, verify):
    name = name or shard(folder, 1)
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name}: missing.*preparation again"):
        load_manifest(folder, verify=verify)


@pytest.mark.parametrize("verify", [True, False])
def test_wrong_size(folder, verify):
    with open(folder / shard(folder, 0), "ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match="shard-.*parquet: .* bytes, the manifest says"):
        load_manifest(folder, verify=verify)


@pytest.mark.parametrize("at", [0, 100, -1])
def test_one_flipped_byte_is_found(folder, at):
    path = folder / shard(folder, 0)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    load_manifest(folder, verify=False)
    with pytest.raises(UserError, match="shard-.*parquet: damaged: SHA-256"):
        load_manifest(folder)


def test_wrong_row_counts(folder):
    tree = json.loads((folder / MANIFEST).read_bytes())
    tree["shards"][0]["rows"] = 9
    rewrite(folder, shards=tree["shards"])
    with pytest.raises(UserError, match="shard-.*parquet: 10 rows, the manifest says 9"):
        load_manifest(folder)
    rewrite(folder, shards=[])
    with pytest.raises(UserError, match="hold 0 rows, the manifest says 15"):
        load_manifest(folder)


def test_a_file_that_is_no_parquet_or_has_other_columns(folder):
    import pyarrow.parquet as pq

    tree = json.loads((folder / MANIFEST).read_bytes())
    path = folder / shard(folder, 0)
    path.write_bytes(b"junk")
    rewrite(folder, shards=[FileEntry.of(path, 10).model_dump(), tree["shards"][1]])
    with pytest.raises(UserError, match="not a Parquet file"):
        load_manifest(folder)
    pq.write_table(pa.table({"a": list(range(10))}), path)
    rewrite(folder, shards=[FileEntry.of(path, 10).model_dump(), tree["shards"][1]])
    with pytest.raises(UserError, match=r"columns \['a'\]"):
        load_manifest(folder)


@pytest.mark.parametrize("changes", [{"schema_version": 99}, {"schema_version": 99, "new_field": 1}])
def test_other_schema_version(folder, changes):
    rewrite(folder, **changes)
    with pytest.raises(UserError, match="schema version 99, this program reads 1"):
        load_manifest(folder)


def test_other_kind_and_broken_json(folder):
    rewrite(folder, kind="model")
    with pytest.raises(UserError, match="kind 'model'"):
        load_manifest(folder)
    rewrite(folder, rows="many")
    with pytest.raises(UserError, match=r"not a manifest of shards \(rows:"):
        load_manifest(folder)
    (folder / MANIFEST).write_text("{")
    with pytest.raises(UserError, match="not a manifest of shards"):
        load_manifest(folder)
