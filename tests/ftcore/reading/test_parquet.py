import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files


def read(path, **source):
    given = Ingest(sources=[Source(path=str(path), **source)], part_bytes=10_000, max_document_bytes=100_000)
    (file,) = list_files(given, ".")
    documents, rejected, sizes = [], [], []
    for part in cut_file(file, given):
        for kept, lost in read_part(part, given):
            documents += [(d["line"], d["text"], d["labels"], d["split"]) for d in kept.to_pylist()]
            rejected += [(r["line"], r["reason"]) for r in lost.to_pylist()]
            sizes.append(kept.nbytes)
    return documents, rejected, sizes


def save(path, table, **options):
    pq.write_table(pa.table(table), path, **options)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(),
        pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int32(), pa.binary()),
        pa.dictionary(pa.int8(), pa.large_string()),
    ],
    ids=str,
)  # fmt: skip
def test_kinds_of_text(tmp_path, kind):
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = ["一", "b", None]
    raw = "binary" in str(inner)
    values = pa.array([t.encode() if raw and t else t for t in texts], inner)
    values = values.dictionary_encode() if pa.types.is_dictionary(kind) else values
    documents, rejected, _ = read(save(tmp_path / "a.parquet", {"text": values}))
    assert [text for _, text, _, _ in documents] == ["一", "b"] and rejected == [(3, "empty")]


@pytest.mark.parametrize(
    "kind",
    [
        pa.struct([("text", pa.string())]), pa.list_(pa.string()), pa.large_list(pa.string()), pa.bool_(),
        pa.map_(pa.string(), pa.string()),
    ],
    ids=str,
)  # fmt: skip
def test_a_column_of_no_text_is_refused_with_its_name_and_type(tmp_path, kind):
    path = save(tmp_path / "a.parquet", {"id": [1], "body": pa.nulls(1, kind)})
    with pytest.raises(UserError) as refused:
        read(path, text=["body"])
    said, family = str(refused.value), str(kind).split("<")[0]
    assert f"column 'body' is {family}" in said and "name a column of strings" in said


def test_columns_labels_and_splits(tmp_path):
    table = {
        "a": ["x", "y", "z"],
        "b": [1, 2, 3],
        "y": [["p", "q"], [], None],
        "fold": ["train", "valid", "dev"],
    }
    path = save(tmp_path / "a.parquet", table)
    documents, rejected, _ = read(path, text=["a", 1], label="y", split_column="fold", label_names={"p": "P"})
    assert documents == [(1, "x 1", ["P", "q"], "train"), (2, "y 2", [], "valid")]
    assert rejected == [(3, "unknown split")]


def test_float_labels_with_gaps(tmp_path):
    documents, _, _ = read(
        save(tmp_path / "a.parquet", {"text": ["a", "b"], "y": [1.0, float("nan")]}), label="y"
    )
    assert [labels for _, _, labels, _ in documents] == [["1"], []]


def test_a_missing_column_lists_the_columns(tmp_path):
    path = save(tmp_path / "a.parquet", {"id": [1], "body": ["x"]})
    with pytest.raises(UserError, match="no column 'text'; the columns are: id, body"):
        read(path)
    with pytest.raises(UserError, match="no column number 7"):
        read(path, text=[7])


def test_undecodable_bytes_cost_one_row(tmp_path):
    documents, rejected, _ = read(save(tmp_path / "a.parquet", {"text": pa.array([b"ok", b"\xff", b"ok"])}))
    assert [line for line, *_ in documents] == [1, 3]
    assert rejected == [(2, "text is bytes, not a string")]


def test_rows_continue_over_parts_and_batches_are_bounded(tmp_path):
    table = {"text": [f"{i:06d}" * 10_000 for i in range(100)]}
    path = save(tmp_path / "a.parquet", table, row_group_size=50, use_dictionary=False, compression="none")
    documents, rejected, sizes = read(path)
    assert [line for line, *_ in documents] == list(range(1, 101)) and rejected == []
    assert max(sizes) < 3e6


@pytest.mark.parametrize("keep", [0, 3, 0.5, 0.99])
def test_a_truncated_file_is_one_reject(tmp_path, keep):
    path = save(tmp_path / "a.parquet", {"text": [f"row {i}" for i in range(1000)]})
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * keep) if isinstance(keep, float) else keep])
    documents, rejected, _ = read(path)
    assert documents == [] and len(rejected) == 1 and "truncated or corrupt Parquet" in rejected[0][1]


def test_a_damaged_page_keeps_what_was_read(tmp_path):
    table = {"text": [f"{i:06d}" * 1000 for i in range(300)]}
    path = save(
        tmp_path / "a.parquet",
        table,
        row_group_size=300,
        use_dictionary=False,
        compression="zstd",
        data_page_size=1000,
    )
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 200] = bytes(200)
    path.write_bytes(raw)
    documents, rejected, _ = read(path)
    assert len(documents) < 300 and len(rejected) == 1 and "corrupt Parquet" in rejected[0][1]


def test_no_rows(tmp_path):
    assert read(save(tmp_path / "a.parquet", {"text": pa.array([], pa.string())}))[:2] == ([], [])


def test_a_file_that_changes(tmp_path):
    path = save(tmp_path / "a.parquet", {"text": ["a", "b"]})
    given = Ingest(sources=[Source(path=str(path))])
    (part,) = cut_file(list_files(given, ".")[0], given)
    save(path, {"text": ["a", "c"]})
    with pytest.raises(UserError, match="changed while being read"):
        list(read_part(part, given))
