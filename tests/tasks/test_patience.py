"""MLflow's SQLite file in somebody else's hands, and servers that do not answer: a wait, then one line."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import sys
import time

import pytest

import tasks.patience as patience
from ftcore.config import Config, Tracking
from ftcore.errors import UserError
from tasks.patience import holders, require_answer
from tasks.tracking import Tracker

pytestmark = pytest.mark.flow
HOLD = (
    "import sqlite3, sys, time; d = sqlite3.connect(sys.argv[1], isolation_level=None); "
    "d.execute('BEGIN EXCLUSIVE'); print('held', flush=True); time.sleep(float(sys.argv[2]))"
)


@pytest.fixture
def hold(tmp_path, blank_mlflow):
    """Lock the store's mlflow.db from another process for so many seconds."""
    (tmp_path / "store").mkdir()
    path = tmp_path / "store" / "mlflow.db"
    shutil.copy(blank_mlflow, path)
    started = []

    def start(seconds: float) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", HOLD, path, str(seconds)], stdout=-1, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    start.path = path
    yield start
    for process in started:
        process.kill()
        process.communicate()


def config(tmp_path) -> Config:
    return Config(store=str(tmp_path / "store"), tracking=Tracking(experiment="e", system_metrics=False))


def test_a_locked_file_is_waited_for(hold, tmp_path, caplog, capfd):
    """While opening it and in the midst of a run; nothing that was to be written is lost."""
    with caplog.at_level(logging.WARNING, "ftcore"):
        first = hold(1.5)
        tracker = Tracker(config(tmp_path))
        run = tracker.start("r", kind="k")
        second = hold(1.5)
        tracker.tags(run, {"a": "b"})
        tracker.metrics(run, {"m": 1.0})
    assert tracker.client.get_run(run).data.tags["a"] == "b"
    assert tracker.client.get_run(run).data.metrics == {"m": 1.0}
    for process in (first, second):
        assert f"{hold.path} is locked by process {process.pid} (" in caplog.text
    assert caplog.text.count("is locked") == 2, "said once, not with every try"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("when", ["opening", "in the run"])
def test_a_file_that_stays_locked_is_one_line(hold, tmp_path, monkeypatch, capfd, when):
    monkeypatch.setattr(patience, "BUSY_SECONDS", 0.5)
    tracker = Tracker(config(tmp_path)) if when == "in the run" else None
    process = hold(60)
    with pytest.raises(UserError) as error:
        tracker.start("r", kind="k") if tracker else Tracker(config(tmp_path))
    text = str(error.value)
    assert "\n" not in text and text.startswith(f"{hold.path}: locked by process {process.pid} (")
    assert "end it, then run the same command again" in text
    monkeypatch.setattr(patience, "BUSY_SECONDS", 60)
    begin = time.monotonic()
    with pytest.raises(UserError):  # what closes the failed run's entries
        tracker.end("r") if tracker else Tracker(config(tmp_path))
    assert time.monotonic() - begin < 10, "waited for once"
    process.kill()
    process.wait()
    assert Tracker(config(tmp_path)).start("r", kind="k"), "and a later run works"
    assert "Traceback" not in capfd.readouterr().err


def test_whoever_reads_for_ever_is_no_endless_wait(hold, tmp_path, monkeypatch):
    """A reader lets others begin to write but never finish."""
    monkeypatch.setattr(patience, "BUSY_SECONDS", 0.2)
    tracker = Tracker(config(tmp_path))
    calls = []

    def locked() -> None:
        calls.append(1)
        raise RuntimeError("(sqlite3.OperationalError) database is locked")

    begin = time.monotonic()
    with pytest.raises(UserError, match=f"^{hold.path}: locked by another process for 0 s"):
        patience.patiently(tracker.uri, locked)
    assert calls and time.monotonic() - begin < 5


def test_the_holder_is_told_from_whoever_only_reads(hold):
    code = "import sys, time; f = open(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    reader = subprocess.Popen([sys.executable, "-c", code, hold.path], stdout=-1, text=True)
    try:
        assert reader.stdout.readline() == "open\n"
        assert [p.pid for p in holders(hold.path)] == [reader.pid], "nobody locks it: who has it open"
        writer = hold(60)
        assert [p.pid for p in holders(hold.path)] == [writer.pid]
    finally:
        reader.kill()
        reader.communicate()


@pytest.fixture(params=["nobody listens", "nobody answers", "no such name"])
def silent(request, monkeypatch):
    """Address of an MLflow server that does not answer."""
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.5)
    if request.param == "no such name":
        yield "http://no-such-host.invalid:5000"
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "nobody listens":
            server.close()
        yield f"http://127.0.0.1:{port}"


def test_a_tracking_server_that_does_not_answer_is_one_line_at_once(silent, tmp_path):
    begin = time.monotonic()
    with pytest.raises(UserError) as error:
        Tracker(Config(store=str(tmp_path), tracking=Tracking(uri=silent)))
    assert time.monotonic() - begin < 10
    text = str(error.value)
    assert "\n" not in text and text.startswith(f"tracking.uri {silent}: no MLflow server answers there (")
    assert "leave tracking.uri out" in text


@pytest.mark.slow
def test_a_run_whose_mlflow_is_locked_ends_with_one_line(ready, hold, start_command):
    """Sixty seconds in the midst of a training, then the name of file and process; finished stages are kept."""
    words = ["--config", ready.config, "finetune.epoch=10000", "checkpoint_seconds=0"]
    run = start_command("pipeline", *words, cwd=ready.folder, stdout=-1, stderr=-1, text=True)
    end = time.monotonic() + 400
    while not any((ready.store / "scratch" / "finetune").glob("*/checkpoint")) and time.monotonic() < end:
        time.sleep(0.1)
    path = ready.store / "mlflow.db"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path, "1000"], stdout=-1, text=True)
    try:
        _, shown = run.communicate(timeout=400)
    finally:
        holder.kill()
        holder.communicate()
    last = shown.strip().splitlines()[-1]
    assert run.returncode == 1 and "Traceback" not in shown
    assert last.startswith(f"error: {path}: locked by process {holder.pid} (")
    assert f"{path} is locked by process {holder.pid}" in shown, "said while it waits"


def test_what_is_no_server_needs_no_answer():
    require_answer("sqlite:////nowhere/mlflow.db")
    require_answer("databricks")
