"""Files of Parquet scored: the answers of the list, in order, and only whole outputs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore.errors import UserError
from ftcore.inference import scoring
from ftcore.inference.classifier import Classifier
from ftcore.inference.scoring import score_file
from tests.ftcore.inference.conftest import random_lines

LINES = random_lines(700, seed=4)


@pytest.fixture(scope="session")
def classifier(load):
    return Classifier(load("softmax.bin"), threads=2)


@pytest.mark.parametrize("kind", ["string", "large_string", "binary", "dictionary"])
def test_parquet_gets_two_columns(kind, classifier, tmp_path):
    lines = [*LINES, None, "a\nw1 w2", "unknown"]
    made = {
        "string": lambda: pa.array(lines, pa.string()),
        "large_string": lambda: pa.array(lines, pa.large_string()),
        "binary": lambda: pa.array([x if x is None else x.encode() for x in lines], pa.binary()),
        "dictionary": lambda: pa.array(lines, pa.string()).dictionary_encode(),
    }
    table = pa.table({"id": range(len(lines)), "text": made[kind]()})
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(table, source, row_group_size=100)
    done = score_file(classifier, source, ["text"], target)
    found = pq.read_table(target)
    assert found.column_names == ["id", "text", "label", "probability"] and done.documents == len(lines)
    assert found.select(["id", "text"]).equals(table)
    expected = [p for line in lines for p in classifier.predict([(line or "").replace("\n", " ")])]
    assert found["label"].to_pylist() == [p.labels[0] if p.labels else None for p in expected]
    assert found["probability"].to_pylist() == [p.probabilities[0] if p.labels else 0 for p in expected]
    assert done.unanswered == sum(not p.labels for p in expected) > 1


def test_an_error_in_the_middle_leaves_no_output(classifier, tmp_path, monkeypatch):
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"text": LINES * 10}), source)
    calls = []

    def fail(*given):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("broken")
        return whole(*given)

    whole = scoring.answer_columns
    monkeypatch.setattr(scoring, "answer_columns", fail)
    with pytest.raises(RuntimeError, match="broken"):
        score_file(classifier, source, ["text"], target)
    assert len(calls) == 2 and [p.name for p in tmp_path.iterdir()] == ["in.parquet"]
    with pytest.raises(UserError, match="is the input"):
        score_file(classifier, source, ["text"], source)


def test_a_killed_run_leaves_no_output_and_the_next_one_completes(classifier, models, tmp_path):
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"text": LINES * 300}), source)
    script = (
        "import sys; from ftcore.formats.binary import read_binary\n"
        "from ftcore.inference.classifier import Classifier; from ftcore.inference.scoring import score_file\n"
        "print('go', flush=True)\n"
        "score_file(Classifier(read_binary(sys.argv[1])), sys.argv[2], ['text'], sys.argv[3])\n"
    )
    command = [sys.executable, "-c", script, str(models / "softmax.bin"), str(source), str(target)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"go\n"
    while not [p for p in os.listdir(tmp_path) if p.startswith(".")] and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert run.returncode == -signal.SIGKILL and not target.exists()
    assert score_file(classifier, source, ["text"], target).documents == 300 * len(LINES)
