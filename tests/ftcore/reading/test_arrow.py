"""Arrow files as Hugging Face's library saves a data set: rows, parts, names of labels, damage."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files

FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
    "tags": {"feature": {"names": ["a", "b", "c"], "_type": "ClassLabel"}, "_type": "Sequence"},
}


def save(folder, rows=5000, batch=1000, compression=None, magic=False):
    """What `Dataset.save_to_disk` leaves: a stream of batches of 1000 rows, and notes about it."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "text": [f"document {n} of 文件" for n in range(rows)],
            "label": pa.array([n % 2 if n % 7 else -1 for n in range(rows)], pa.int64()),
            "tags": pa.array([[n % 3] for n in range(rows)], pa.list_(pa.int64())),
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})
    path = folder / "data-00000-of-00001.arrow"
    options = pa.ipc.IpcWriteOptions(compression=compression)
    opened = pa.ipc.new_file if magic else pa.ipc.new_stream
    with opened(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=batch)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": path.name}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    return path


def read(path, part_bytes=32_000_000, **source):
    ingest = Ingest(sources=[Source(path=str(path), name="s", **source)], part_bytes=part_bytes)
    parts = [part for file in list_files(ingest, ".") for part in cut_file(file, ingest)]
    found, rejected = [], []
    for part in parts:
        for batch, refused in read_part(part, ingest):
            found += [(row["line"], row["text"], row["labels"]) for row in batch.to_pylist()]
            rejected += [(row["line"], row["reason"]) for row in refused.to_pylist()]
    return found, rejected, parts


@pytest.mark.parametrize(
    ("compression", "magic"), [(None, False), ("zstd", False), ("lz4", False), (None, True)]
)
def test_a_folder_with_its_notes_in_parts(tmp_path, compression, magic):
    save(tmp_path / "train", compression=compression, magic=magic)
    found, rejected, parts = read(tmp_path / "train", 10_000, label="label")
    assert len(parts) > 2 and not rejected
    expected = [["neg", "pos"][n % 2 : n % 2 + 1] if n % 7 else [] for n in range(5000)]
    assert found == [(n + 1, f"document {n} of 文件", expected[n]) for n in range(5000)]
    assert read(tmp_path / "train", label="label")[0] == found
    assert read(tmp_path / "train", label="tags")[0][5][2] == ["c"]
    named = read(tmp_path / "train", label="label", label_names={"pos": "good"})[0]
    assert {tuple(labels) for _, _, labels in named} == {("neg",), ("good",), ()}


def test_dictionaries_are_one_part(tmp_path):
    table = pa.table({"text": pa.array([f"word {n % 5}" for n in range(3000)]).dictionary_encode()})
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    found, rejected, parts = read(tmp_path / "a.arrow", 10_000)
    assert (
        len(parts) == 1
        and not rejected
        and [text for _, text, _ in found] == [f"word {n % 5}" for n in range(3000)]
    )


def test_damage(tmp_path):
    path = save(tmp_path / "train")
    whole = path.read_bytes()
    for cut in (3, 100, len(whole) // 2, len(whole) - 3000):
        path.write_bytes(whole[:cut])
        found, rejected, _ = read(path)
        assert len(rejected) == 1 and "Arrow" in rejected[0][1] and rejected[0][0] == len(found) + 1
        assert len(found) == (0 if cut < 1000 else 2000 if cut == len(whole) // 2 else 4000)
    path.write_bytes(b"words\n" * 5000)
    assert read(path)[0] == [] and "Arrow" in read(path)[1][0][1]


def test_changed_and_other_columns(tmp_path):
    path = save(tmp_path / "train")
    ingest = Ingest(sources=[Source(path=str(path))], part_bytes=10_000)
    parts = cut_file(list_files(ingest, ".")[0], ingest)
    save(tmp_path / "train", rows=5001)
    with pytest.raises(UserError, match="changed while being read"):
        for part in parts:
            list(read_part(part, ingest))
    with pytest.raises(UserError, match="no column 'body'; the columns are: text, label, tags"):
        read(path, text=["body"])
