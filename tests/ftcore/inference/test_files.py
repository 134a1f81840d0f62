"""Files and Parquet: the predictions of the list, in order, in bounded memory, and only whole outputs."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ftcore.errors import UserError
from ftcore.inference import files, parquet
from ftcore.inference import predict as module
from ftcore.inference.files import predict_file
from ftcore.inference.parquet import predict_parquet
from ftcore.inference.predict import Predictor
from tests.ftcore.inference.conftest import random_lines

LINES = random_lines(700, seed=4)


@pytest.fixture(scope="session")
def predictor(load):
    return Predictor(load("softmax.bin"), threads=2)


@pytest.fixture
def small_pieces(monkeypatch):
    """Several blocks, pieces, row groups and batches also for a few lines."""
    monkeypatch.setattr(module, "_BYTES", 1000)
    monkeypatch.setattr(parquet, "_ROWS", 64)
    monkeypatch.setattr(parquet, "_GROUP", 5000)


def text_of(predictor: Predictor, lines: list[str], k: int, scores: bool = True) -> str:
    """What the file should hold, from the list's predictions."""
    labels, numbers = predictor.predict(lines, k, 0.0).named(predictor.names)
    rows = []
    for names, row in zip(labels, numbers, strict=True):
        words = [f"{n} {p:.6g}" if scores else n for n, p in zip(names, row.tolist(), strict=True)]
        rows.append(" ".join(words) + "\n")
    return "".join(rows)


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_a_file_of_any_packing_gives_the_lists_predictions(ending, predictor, tmp_path, small_pieces):
    data = "".join(line + "\n" for line in LINES).encode()
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[ending]
    unpack = {"": bytes, ".gz": gzip.decompress, ".zst": lambda d: zstandard.decompress(d, 1 << 24)}[ending]
    source = tmp_path / f"in.txt{ending}"
    source.write_bytes(pack(data))
    said = []
    target = tmp_path / f"out.txt{ending}"
    assert predict_file(predictor, source, target, 2, progress=said.append) == len(LINES)
    found = unpack(target.read_bytes()).decode()
    assert found == text_of(predictor, LINES, 2)
    assert said[-1] == len(LINES) and found.count("\n") == len(LINES)
    predict_file(predictor, LINES, target, scores=False)
    assert unpack(target.read_bytes()).decode() == text_of(predictor, LINES, 1, scores=False)


def test_pieces_of_a_text_end_at_lines(predictor, monkeypatch):
    whole = predictor.predict(LINES, 3)
    for size in (1, 7, 100, 4000):
        monkeypatch.setattr(module, "_BYTES", size)
        found = predictor.predict(LINES, 3)
        assert (found.offsets == whole.offsets).all() and (found.labels == whole.labels).all()
        assert (found.scores.view(np.int32) == whole.scores.view(np.int32)).all()
    long = ["w1 " * 30_000, "w2"]  # longer than a window of the search for its end
    assert predictor.predict(long).labels.tolist() == [predictor.predict([x]).labels[0] for x in long]


@pytest.mark.parametrize("kind", ["string", "large_string", "binary", "list"])
@pytest.mark.parametrize("k", [1, 2, -1])
def test_parquet_gets_two_columns(kind, k, predictor, tmp_path, small_pieces):
    lines = [*LINES, None, "a\nw1 w2"]
    made = {
        "string": lambda: pa.array(lines, pa.string()),
        "large_string": lambda: pa.array(lines, pa.large_string()),
        "binary": lambda: pa.array([x if x is None else x.encode() for x in lines], pa.binary()),
        "list": lambda: pa.array([x if x is None else x.split() for x in lines], pa.list_(pa.string())),
    }
    table = pa.table({"id": np.arange(len(lines)), "text": made[kind]()})
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(table, source, row_group_size=100)
    assert predict_parquet(predictor, source, target, k=k) == len(lines)
    found = pq.read_table(target)
    assert found.column_names == ["id", "text", "label", "score"]
    assert found.select(["id", "text"]).equals(table)
    expected = predictor.predict([(x or "").replace("\n", " ") for x in lines], k)
    labels, scores = expected.named(predictor.names)
    if k == 1:
        assert found["label"].to_pylist() == [row[0] for row in labels]
        assert found["score"].to_pylist() == [row.tolist()[0] for row in scores]
    else:
        assert found["label"].to_pylist() == labels
        assert found["score"].to_pylist() == [row.tolist() for row in scores]
    assert pq.ParquetFile(target).metadata.num_row_groups > 1
    assert pq.ParquetFile(target).metadata.row_group(0).column(3).compression == "ZSTD"


def test_rows_without_a_prediction_are_null(predictor, tmp_path):
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    for texts in (["w1", "w200 w10"], ["w1"], []):
        pq.write_table(pa.table({"t": pa.array(texts, pa.string())}), source)
        predict_parquet(predictor, source, target, text="t", threshold=1.1, columns=[])
        nothing = pa.table(
            {"label": pa.nulls(len(texts), pa.string()), "score": pa.nulls(len(texts), pa.float32())}
        )
        assert pq.read_table(target).equals(nothing)


def test_mistakes_are_named_and_leave_nothing(predictor, tmp_path):
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"text": ["w1"], "label": ["x"], "n": [1]}), source)
    cases = [
        ({}, "'label' is there already; give label="),
        ({"label": "l", "text": "body"}, "no column 'body'; it has text, label, n"),
        ({"label": "l", "text": "n"}, "'n' is int64"),
        ({"label": "l", "columns": ["m"]}, "no column 'm'"),
        ({"label": "l", "score": "l"}, "already"),
        ({"label": "l", "k": 0}, "k = 0"),
    ]
    for options, message in cases:
        with pytest.raises(UserError, match=message):
            predict_parquet(predictor, source, target, **options)
    with pytest.raises(UserError, match="no such file"):
        predict_parquet(predictor, tmp_path / "none.parquet", target)
    with pytest.raises(UserError, match="is the input"):
        predict_parquet(predictor, source, source, label="l")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="not a Parquet file"):
        predict_parquet(predictor, tmp_path / "bad.parquet", target)
    with pytest.raises(UserError, match="no such file"):
        predict_file(predictor, tmp_path / "none.txt", target)
    (tmp_path / "text.txt").write_text("w1\n")
    with pytest.raises(UserError, match="is the input"):
        predict_file(predictor, tmp_path / "text.txt", tmp_path / "text.txt")
    assert not target.exists() and (tmp_path / "text.txt").read_text() == "w1\n"


def test_an_error_in_the_middle_leaves_no_output(predictor, tmp_path, monkeypatch, small_pieces):
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"text": LINES}), source)
    (tmp_path / "in.txt").write_text("\n".join(LINES))
    calls = []

    def fail(*given, **named):
        calls.append(1)
        raise RuntimeError("broken")

    monkeypatch.setattr(parquet, "label_columns", fail)
    monkeypatch.setattr(files, "format_lines", fail)
    for run in (
        lambda: predict_parquet(predictor, source, target),
        lambda: predict_file(predictor, tmp_path / "in.txt", target),
    ):
        with pytest.raises(RuntimeError, match="broken"):
            run()
    assert calls and sorted(p.name for p in tmp_path.iterdir()) == ["in.parquet", "in.txt"]


def test_a_killed_run_leaves_no_output_and_the_next_one_completes(predictor, models, tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("".join(line + "\n" for line in LINES) * 300)
    script = (
        "import sys; from ftcore.formats.binary import read_binary\n"
        "from ftcore.inference.predict import Predictor; from ftcore.inference.files import predict_file\n"
        "print('go', flush=True)\n"
        "predict_file(Predictor(read_binary(sys.argv[1])), sys.argv[2], sys.argv[3], k=5)\n"
    )
    command = [sys.executable, "-c", script, str(models / "softmax.bin"), str(source), str(target)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"go\n"
    while not [p for p in os.listdir(tmp_path) if p.startswith(".")] and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert run.returncode == -signal.SIGKILL and not target.exists()
    assert predict_file(predictor, source, target) == 300 * len(LINES)
    with target.open() as file:
        assert sum(1 for _ in file) == 300 * len(LINES)
