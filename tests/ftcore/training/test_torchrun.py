"""What a user types: torchrun before fastText's command and before a flow; a worker that is killed, other numbers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from ftcore.formats.opening import read_model
from tests.ftcore.engines.small import corpus_lines

ROOT = Path(__file__).resolve().parents[3]


def torchrun(processes: int, *words: object) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        processes,
        "-m",
    ]
    return [str(word) for word in (*command, *words)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def finished(processes: int, *words: object, folder: Path) -> subprocess.CompletedProcess:
    command = torchrun(processes, *words)
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)


def test_fasttext_s_command_on_two_processes(tmp_path):
    lines, _ = corpus_lines(300)
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n")
    words = (
        "skipgram",
        "-input",
        "text.txt",
        "-dim",
        6,
        "-epoch",
        3,
        "-minCount",
        1,
        "-bucket",
        500,
        "-thread",
        1,
    )
    done = finished(2, "ftcore.cli", *words, "-output", "two", folder=tmp_path)
    assert done.returncode == 0, done.stderr[:4000] + done.stderr[-3000:]
    assert done.stderr.count("Number of words") == 1, "one process tells"
    made = read_model(tmp_path / "two.bin")
    far = np.abs(made.output).max()
    assert made.args.dim == 6 and np.isfinite(far) and far > 0, "it has learned"
    assert not (tmp_path / "two.checkpoint").exists() and (tmp_path / "two.vec").exists()


def test_autotune_is_not_for_several_processes(tmp_path, monkeypatch):
    from ftcore.compat.command_line.commands import train
    from ftcore.errors import UserError

    for name, value in {"RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "here", "MASTER_PORT": 1}.items():
        monkeypatch.setenv(name, str(value))
    words = ["-input", "x", "-output", str(tmp_path / "y"), "-autotune-validation", "z"]
    with pytest.raises(UserError, match="autotune runs in one process.*without torchrun"):
        train("supervised", words)


@pytest.mark.slow
def test_a_worker_killed_in_mid_epoch_ends_all_and_three_go_on(tmp_path):
    lines, _ = corpus_lines(20_000)
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n")
    words = ("skipgram", "-input", "text.txt", "-dim", 100, "-epoch", 20, "-bucket", 500, "-output", "made")
    started = subprocess.Popen(
        torchrun(2, "tests.ftcore.training.saving_often", *words), cwd=tmp_path, env=environment(), text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    mark = tmp_path / "made.checkpoint" / "checkpoint.json"
    deadline = time.monotonic() + 120
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = [one for one in psutil.Process(started.pid).children() if "RANK" in one.environ()]
    last = next(one for one in workers if one.environ()["RANK"] == "1")
    last.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    _, told = started.communicate(timeout=60)
    assert time.monotonic() - killed < 45 and started.returncode != 0
    assert "Signal 9 (SIGKILL)" in told or "lost another one" in told
    place = json.loads(mark.read_text())["position"]
    assert place["epoch"] + place["chunk"] > 0 and place["epoch"] < 20
    done = finished(3, "tests.ftcore.training.saving_often", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resumed at token" in done.stderr and not mark.exists()
    assert read_model(tmp_path / "made.bin").args.dim == 100


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_real_text_gives_vectors_as_good_as_one_process_s(processes, tmp_path):
    """20 MB of English Wikipedia, two epochs: `benchmarks.together`, some minutes each."""
    data = Path(os.environ.get("FTCORE_DATA") or ROOT.parent / "shared" / "data")
    if not (data / "enwiki").is_dir() or not (data / "wordvec_eval").is_dir():
        pytest.skip(f"{data} has no Wikipedia; name another folder in FTCORE_DATA")
    command = [
        sys.executable, "-m", "benchmarks.together", "--data", str(data), "--work", str(tmp_path), "--runs",
        f"1,{processes}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    one, several = json.loads(done.stdout.splitlines()[-1])["results"].values()
    assert several["similarity"] > one["similarity"] - 0.02
    assert several["analogies"] > one["analogies"] - 0.015
    assert several["reached"] < one["reached"] * 1.01
    assert several["loss"] < one["loss"] * 1.08, (
        "of tables that adapt to one's own text between meetings, see docs/log.md"
    )
