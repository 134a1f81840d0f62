"""`kill -9` at random moments, then the same command again: nothing lost, nothing left running."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import time
from contextlib import closing

import psutil
import pytest

pytestmark = pytest.mark.flow


def run_to_the_end(start_command, project) -> str:
    process = start_command(
        "pipeline",
        "--config",
        project.config,
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    return out


def kill_after(start_command, project, seconds: float) -> list[psutil.Process]:
    """Start the pipeline, kill it; the processes that it had started."""
    process = start_command(
        "pipeline",
        "--config",
        project.config,
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + seconds
    children: dict[int, psutil.Process] = {}
    while time.monotonic() < end and process.poll() is None:
        children |= {c.pid: c for c in psutil.Process(process.pid).children(recursive=True)}
        time.sleep(0.1)
    process.kill()
    process.wait()
    return list(children.values())


def running(store) -> list[tuple[str, str]]:
    """Runs that MLflow's and Prefect's tables call running."""
    found = []
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        found += database.execute("select run_uuid, status from runs where status = 'RUNNING'").fetchall()
    with closing(sqlite3.connect(store / "prefect" / "prefect.db")) as database:
        for table in ("flow_run", "task_run"):
            found += database.execute(
                f"select name, state_type from {table} where state_type in ('RUNNING', 'PENDING')"
            ).fetchall()
    return found


def survive(start_command, project, expected: dict, moments: list[float]) -> None:
    for seconds in moments:
        children = kill_after(start_command, project, seconds)
        gone, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, f"killed after {seconds:.1f} s: {alive} outlived its parent"
    summary = json.loads(run_to_the_end(start_command, project).strip().splitlines()[-1])
    assert summary["manifest_digest"] == expected["manifest_digest"]
    assert summary["metrics"] == pytest.approx(expected["metrics"])
    assert running(project.store) == []


def test_two_kills_then_the_same_command(project, first_run, start_command):
    """Early (while the servers and preparation start) and late (among the trainings)."""
    survive(start_command, project, first_run.summary, [6.0, 11.0])


@pytest.mark.kill
@pytest.mark.parametrize("round", range(10))
def test_ten_kills(project, first_run, start_command, round):
    moment = random.Random(round).uniform(1, 20)
    survive(start_command, project, first_run.summary, [moment])


def test_a_live_run_of_somebody_else_is_left_alone(project, invoke):
    """A run of a process that lives (this one) stays open when another pipeline starts on the store."""
    from ftcore.config import load_config
    from tasks.tracking import Tracker

    tracker = Tracker(load_config(project.config))
    mine = tracker.start("mine", kind="test")
    assert invoke("prepare", "--config", project.config).code == 0
    assert tracker.client.get_run(mine).info.status == "RUNNING"
    tracker.end(mine)
