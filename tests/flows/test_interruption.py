"""Ctrl-C on a real terminal, and SIGTERM to the group: the prompt within seconds, one line, nothing left RUNNING."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import time
import urllib.request
from contextlib import closing

import psutil
import pytest

from tests.flows.terminal import CTRL_C, Terminal

pytestmark = pytest.mark.flow
SECONDS = 5.0  # until the prompt is back
LONG = ["finetune.epoch=10000", "checkpoint_seconds=0"]  # a training of minutes


def left_open(store) -> list[tuple[str, str]]:
    """Runs of MLflow and flow and task runs of Prefect that have not ended."""
    found = []
    queries = {
        "mlflow.db": "select name, status from runs where status in ('RUNNING', 'SCHEDULED')",
        "prefect/prefect.db": "select name, state_type from flow_run where state_type in ({0}) union all "
        "select name, state_type from task_run where state_type in ({0})".format(
            "'RUNNING', 'PENDING', 'CANCELLING'"
        ),
    }
    for name, query in queries.items():
        if (store / name).exists():
            with closing(sqlite3.connect(store / name, timeout=30)) as database:
                found += database.execute(query).fetchall()
    return found


def nobody_left(store) -> bool:
    """Whether every process that knows the store has ended, given some seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        alive = []
        for process in psutil.process_iter(["cmdline", "environ", "status", "pid"]):
            about = f"{process.info['cmdline']} {(process.info['environ'] or {}).get('PREFECT_HOME')}"
            mine = process.info["pid"] == os.getpid() or process.info["status"] == psutil.STATUS_ZOMBIE
            if str(store) in about and not mine:
                alive.append(about)
        if not alive:
            return True
        time.sleep(0.1)
    return False


def assert_ended(terminal: Terminal, store, seconds: float, code: int = 130) -> str:
    """The prompt came, with one line; what it said."""
    assert terminal.process.returncode == code, terminal.screen
    assert seconds < SECONDS, terminal.screen
    assert "Traceback" not in terminal.screen and "Exception ignored" not in terminal.screen
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.screen)
    lines = [line for line in plain.split("\n") if line.strip()]
    assert lines[-1].startswith("interrupted"), lines[-5:]
    assert sum("interrupted" in line for line in lines) == 1
    assert left_open(store) == [] and nobody_left(store)
    return lines[-1]


def large(project, tools, documents: int):
    tools.write_corpus(project.data, seed=1, documents=documents)
    return project


def test_ctrl_c_while_workers_prepare(project, tools):
    large(project, tools, documents=20_000)
    words = ["-m", "flows.pipeline", "--config", project.config, "workers=2"]
    with Terminal(*words, cwd=project.folder) as terminal:
        terminal.wait_until(lambda: (project.store / "scratch" / "prepare").exists())
        time.sleep(1)
        group = terminal.group()
        assert [p.pid for p in group] == [terminal.process.pid], "Ctrl-C is the command's alone to answer"
        terminal.press(CTRL_C)
        line = assert_ended(terminal, project.store, terminal.prompt())
    assert line.startswith("interrupted in prepare; ")


def test_ctrl_c_in_training_then_the_same_command(ready, prefect_api):
    words = ["-m", "flows.pipeline", "--config", ready.config, *LONG]
    checkpoint = ready.store / "scratch" / "finetune"
    with Terminal(*words, cwd=ready.folder, PREFECT_API_URL=prefect_api) as terminal:
        terminal.wait_until(lambda: any(checkpoint.glob("*/checkpoint/checkpoint.json")))
        terminal.press(CTRL_C)
        line = assert_ended(terminal, ready.store, terminal.prompt())
    assert line.startswith(f"interrupted in finetune; kept in {ready.store}: prepare, dedup, commit, ")
    assert line.endswith(
        "pretrain, dictionary-finetune, a checkpoint of finetune; the same command goes on from there"
    )
    (found,) = checkpoint.glob("*/checkpoint/checkpoint.json")
    assert '"epoch"' in found.read_text()


# ------------------------------------------------------------------------------------------ the whole matrix
STAGES = {
    "start": None,
    "ingest": "prefect/prefect.db",
    "dedup": "stages/prepare",
    "commit": "stages/dedup",
    "dictionary": "stages/commit",
    "pretrain": "scratch/pretrain",
    "finetune": "scratch/finetune",
    "evaluate": "stages/finetune",
    "register": "stages/evaluate",  # the report behind it takes a tenth of a second
}
SIGNALS = {"Ctrl-C": 130, "SIGTERM to the group": 143, "SIGTERM": 143}


def ask(terminal: Terminal, how: str) -> None:
    if how == "Ctrl-C":
        terminal.press(CTRL_C)
    elif how == "SIGTERM":
        terminal.process.send_signal(signal.SIGTERM)
    else:
        os.killpg(terminal.process.pid, signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("how", SIGNALS)
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage(project, tools, stage, how):
    large(project, tools, documents=3000)
    more = LONG[:1] if stage == "finetune" else ["pretrain.epoch=500"] if stage == "pretrain" else []
    words = ["-m", "flows.pipeline", "--config", project.config, "workers=2", *more]
    with Terminal(*words, cwd=project.folder) as terminal:
        mark = STAGES[stage]
        terminal.wait_until(lambda: mark is None or (project.store / mark).exists(), 600)
        time.sleep(0.7)
        ask(terminal, how)
        assert_ended(terminal, project.store, terminal.prompt(), SIGNALS[how])


@pytest.mark.slow
@pytest.mark.parametrize("how", SIGNALS)
@pytest.mark.parametrize("flow", ["retrain", "tune", "compare", "predict"])
def test_every_flow(ready, tools, flow, how):
    words: dict[str, list] = {
        "retrain": ["--only", "finetune", "finetune.epoch=10000"],
        "tune": ["tune.duration=600"],
        "compare": ["models:/tiny/1", "--data", ready.data / "zh.csv", "--promote"],
        "predict": ["--input", ready.data / "en.jsonl", "--output", ready.folder / "out.parquet"],
    }
    if flow in ("compare", "predict"):
        large(ready, tools, documents=60_000)
    with Terminal(
        "-m", f"flows.{flow}", "--config", ready.config, *words[flow], cwd=ready.folder
    ) as terminal:
        terminal.wait_until(
            lambda: (ready.store / "live").exists() and any((ready.store / "live").iterdir()), 600
        )
        time.sleep(6 if flow in ("tune", "retrain") else 1.5)
        ask(terminal, how)
        line = assert_ended(terminal, ready.store, terminal.prompt(), SIGNALS[how])
    if flow == "predict":
        assert not list(ready.folder.glob("*out.parquet"))
    if flow == "tune" and "best options" in line:
        assert (ready.store / "tune" / "best-so-far.yaml").is_file()


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(project, tools):
    large(project, tools, documents=20_000)
    words = ["-m", "flows.pipeline", "--config", project.config, "workers=2"]
    with Terminal(*words, cwd=project.folder) as terminal:
        terminal.wait_until(lambda: (project.store / "scratch" / "prepare").exists(), 600)
        terminal.press(CTRL_C)
        time.sleep(0.3)
        terminal.press(CTRL_C)
        assert terminal.prompt() < 1.5 and terminal.process.returncode == 130
    assert nobody_left(project.store)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("how", SIGNALS)
def test_serving_from_a_fresh_shell_and_its_end(ready, port, how):
    """With no `.venv/bin` on PATH, as where the environment is not activated."""
    words = ["-m", "flows.serve", "--config", ready.config, "--port", port]
    with Terminal(*words, cwd=ready.folder, PATH="/usr/bin:/bin") as terminal:
        terminal.wait_until(lambda: answers(f"http://127.0.0.1:{port}/ping"), 600, "answer")
        ask(terminal, how)
        assert terminal.prompt() < SECONDS and terminal.process.returncode == SIGNALS[how], terminal.screen
        assert terminal.screen.strip().endswith("no longer serving models:/tiny/1")
        assert "Traceback" not in terminal.screen
    assert not answers(f"http://127.0.0.1:{port}/ping") and nobody_left(ready.store)


@pytest.mark.slow
@pytest.mark.parametrize("how", SIGNALS)
def test_the_pages_and_their_end(ready, how):
    free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [s.getsockname()[1] for s in free]
    for s in free:
        s.close()
    words = ["-m", "flows.ui", f"store={ready.store}", "--mlflow-port", ports[0], "--prefect-port", ports[1]]
    with Terminal(*words, cwd=ready.folder, PATH="/usr/bin:/bin") as terminal:
        terminal.wait_for("Ctrl-C ends both", 600)
        terminal.wait_until(lambda: answers(f"http://127.0.0.1:{ports[0]}/health"), 600, "MLflow")
        ask(terminal, how)
        assert terminal.prompt() < SECONDS and terminal.process.returncode == SIGNALS[how], terminal.screen
        assert "Traceback" not in terminal.screen
    assert not any(answers(f"http://127.0.0.1:{p}/") for p in ports) and nobody_left(ready.store)
    assert not (ready.store / "prefect" / "server.json").exists()
