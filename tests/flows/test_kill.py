"""kill -9 at random moments, then the same command: the same data, nothing left open, nobody left over.

The long form (ten moments spread over a whole run) is behind the marker `kill`.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from ftcore.config import load_config
from ftcore.shards.manifest import load_manifest
from ftcore.shards.shards import iter_batches
from tasks.store import Owner
from tasks.tracking import Tracker

pytestmark = pytest.mark.flow
# Moments at which the files of the store say where the run is; the first is before Prefect answers.
MOMENTS = [
    "mlflow.db",
    "stages/prepare",
    "stages/commit",
    "scratch/pretrain",
    "stages/finetune",
    "stages/register",
]


def relatives(store: Path) -> list[psutil.Process]:
    """Processes of this store's runs that live: servers, workers, the run itself."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "environ", "status"]):
        info = process.info
        words = " ".join(info["cmdline"] or [])
        home = (info["environ"] or {}).get("PREFECT_HOME", "")
        ours = str(store) in words or home.startswith(str(store))
        if ours and info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def wait_until_none_is_left(store: Path, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while (left := relatives(store)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, [p.info["cmdline"] for p in left]


def start(start_command, project, *words: str) -> subprocess.Popen:
    arguments = [
        "--config",
        project.config,
        f"store={project.store}",
        "workers=2",
        "checkpoint_seconds=0",
        *words,
    ]
    process = start_command(
        "pipeline", *arguments, cwd=project.folder, stdout=-1, stderr=subprocess.DEVNULL, text=True
    )
    return process


def wait_for(process: subprocess.Popen, store: Path, mark: str) -> None:
    deadline = time.monotonic() + 240
    while not (store / mark).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.communicate()


def finish(process: subprocess.Popen) -> dict:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(out.strip().splitlines()[-1])


def documents_of(shards: str) -> list[tuple[str, str]]:
    splits = ["train", "valid", "test", "unlabelled"]
    batches = iter_batches(shards, splits, columns=["id", "source"])
    return sorted((r["id"], r["source"]) for b in batches for r in b.to_pylist())


def assert_all_is_well(project, summary: dict, expected: dict, documents: list) -> None:
    assert summary["manifest_digest"] == expected["manifest_digest"]
    assert load_manifest(summary["shards"]).rows == len(documents)
    assert documents_of(summary["shards"]) == documents, "a document was lost or doubled"
    assert summary["metrics"] == expected["metrics"], "a resumed training gives the same model"
    tracker = Tracker(load_config(project.config, [f"store={project.store}"]))
    runs = tracker.client.search_runs([tracker.experiment])
    assert not [r.info.run_name for r in runs if r.info.status == "RUNNING"]
    with closing(sqlite3.connect(project.store / "prefect" / "prefect.db")) as database:
        for table in ("flow_run", "task_run"):
            query = f"select name, state_type from {table} where state_type in ('RUNNING', 'PENDING', 'CANCELLING')"
            assert database.execute(query).fetchall() == [], table
    assert not list((project.store / "live").glob("*.json"))
    assert not [p for p in project.store.rglob("*") if p.name.startswith(".ftcore-tmp-")]
    wait_until_none_is_left(project.store)


@pytest.fixture
def expected(first_run) -> tuple[dict, list]:
    """What a run that nobody killed gives: the summary, and its documents."""
    return first_run.summary, documents_of(first_run.summary["shards"])


def test_killed_in_preparation_and_again_in_training(project, expected, start_command):
    """The short form: two moments of one store, then the run that finishes."""
    for mark, delay in (("stages/prepare", 0.0), ("scratch/finetune", 0.05)):
        process = start(start_command, project)
        wait_for(process, project.store, mark)
        time.sleep(delay)
        assert process.poll() is None, f"it ended before {mark}"
        kill(process)
        wait_until_none_is_left(project.store)  # its server and its workers go with it
    summary = finish(start(start_command, project))
    assert_all_is_well(project, summary, *expected)
    states = {s["stage"]: s["state"] for s in summary["stages"]}
    assert states["commit"] == "reused" and states["report"] == "recomputed"


@pytest.mark.kill
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_a_random_moment(project, expected, start_command, seed):
    rng = random.Random(seed)
    mark = MOMENTS[seed % len(MOMENTS)]
    process = start(start_command, project)
    wait_for(process, project.store, mark)
    time.sleep(rng.uniform(0, 2.5))
    kill(process)
    wait_until_none_is_left(project.store)
    summary = finish(start(start_command, project))
    assert_all_is_well(project, summary, *expected)


@pytest.mark.kill
@pytest.mark.timeout(1800)
def test_killed_again_and_again(project, expected, start_command):
    """Ten kills on one store, each a little later, before the run that finishes."""
    rng = random.Random(99)
    for attempt in range(10):
        process = start(start_command, project)
        time.sleep(rng.uniform(2, 6 + 2 * attempt))
        kill(process)
        wait_until_none_is_left(project.store)
    summary = finish(start(start_command, project))
    assert_all_is_well(project, summary, *expected)


def test_a_live_run_of_someone_else_is_never_closed(ready, invoke, start_command):
    """Its MLflow run and its Prefect run stay open while a run on the same servers comes and goes."""
    code = (
        "import sys, time; from ftcore.config import load_config; from tasks.tracking import Tracker\n"
        "t = Tracker(load_config(sys.argv[1], ['store=elsewhere', 'tracking.uri=' + sys.argv[2]]))\n"
        "print(t.start('theirs', kind='pipeline'), flush=True); time.sleep(120)"
    )
    uri = f"sqlite:///{ready.store / 'mlflow.db'}"
    process = start_command(
        "_", cwd=ready.folder, stdout=-1, text=True, words=["-c", code, ready.config, uri]
    )
    theirs = process.stdout.readline().strip()
    owner = Owner.parse(tracker_of(ready).client.get_run(theirs).data.tags["ftcore.owner"])
    assert owner is not None and owner.pid == process.pid
    assert invoke("pipeline", "--config", ready.config).code == 0
    assert tracker_of(ready).client.get_run(theirs).info.status == "RUNNING"
    kill(process)
    assert invoke("pipeline", "--config", ready.config).code == 0
    assert tracker_of(ready).client.get_run(theirs).info.status == "KILLED", "now that it is gone"


def tracker_of(project) -> Tracker:
    return Tracker(load_config(project.config))
