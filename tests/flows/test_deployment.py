"""A real Prefect server and a process worker on loopback: `nightly` by its schedule, `retrain` by hand."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path

import psutil
import pytest
import yaml

from flows.arguments import read
from flows.deploy import POOL, deploy, deployments
from flows.embedded import server_environment, wait_until_healthy
from ftcore.config import load_config, parse_config
from tasks.store import Store

ROOT = Path(__file__).resolve().parent.parent.parent
PREFECT_FILE = ROOT / "deployments" / "prefect.yaml"


def template() -> dict[str, dict]:
    return {d["name"]: d for d in yaml.safe_load(PREFECT_FILE.read_text(encoding="utf-8"))["deployments"]}


@pytest.mark.parametrize("name", ["nightly", "retrain"])
def test_the_deployments_name_a_flow_and_valid_parameters(name, monkeypatch):
    from importlib import import_module

    monkeypatch.chdir(ROOT)  # where `extends` is looked for
    wanted = template()[name]
    file, flow = wanted["entrypoint"].split(":")
    function = getattr(import_module(file.removesuffix(".py").replace("/", ".")), flow)
    assert set(wanted["parameters"]) <= set(function.parameters.properties)
    assert parse_config(wanted["parameters"]["config"]) == load_config("examples/quickstart.yaml")


def test_no_limit_counts_runs_that_are_dead():
    """The store's lock keeps runs apart; Prefect's slots stay with a killed run until its lease ends."""
    assert not [name for name, one in template().items() if "concurrency_limit" in one]


def test_nightly_has_a_cron_schedule():
    (schedule,) = template()["nightly"]["schedules"]
    assert schedule["cron"] == "0 2 * * *" and schedule["active"] is True


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Api:
    """The few calls of Prefect's REST API that the test needs."""

    def __init__(self, url: str):
        self.url = url

    def __call__(self, path: str, body: dict | None = None, method: str = "POST"):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/{path}", data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def finished(self, count: int, seconds: float = 240) -> list[dict]:
        """The flow runs, once `count` of them are in a final state."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            runs = self("flow_runs/filter", {"sort": "START_TIME_ASC"})
            done = [r for r in runs if r["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]
            if len(done) >= count:
                return done
            time.sleep(1)
        raise AssertionError(
            f"not finished after {seconds} s: {[(r['name'], r['state_name']) for r in runs]}"
        )


@pytest.fixture
def server(ready, monkeypatch):
    """A Prefect server over the project's store, at a port of its own."""
    store = Store(str(ready.store))
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = os.environ | server_environment(store)
    environment["PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS"] = "5"
    words = [sys.executable, "-m", "flows.embedded", "--port", str(port), "--parent", str(os.getpid())]
    log = ready.folder / "server.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        wait_until_healthy(url, process, log)
        monkeypatch.setenv("PREFECT_API_URL", url)
        monkeypatch.setenv("PREFECT_HOME", environment["PREFECT_HOME"])
        yield Api(url)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def worker(ready, server):
    """A process worker of the pool, ended with all that it started: engines first, then itself."""
    environment = os.environ | {"PREFECT_API_URL": server.url, "PREFECT_WORKER_QUERY_SECONDS": "2"}
    words = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]

    def start() -> subprocess.Popen:
        log = open(ready.folder / "worker.log", "wb")  # noqa: SIM115 - closed with the process
        started.append(
            subprocess.Popen(words + ["--limit", "1"], cwd=ROOT, env=environment, stdout=log, stderr=log)
        )
        log.close()
        return started[-1]

    started: list[subprocess.Popen] = []
    yield start
    for process in started:
        engines = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        for engine in engines:
            if engine.is_running():
                engine.kill()
        assert not psutil.wait_procs(engines, timeout=10)[1]


def short_deployments(project) -> dict:
    """What `make deploy` would register for the project, with a 20 s interval in the place of the schedule."""
    words = read(
        "deploy", ["--config", str(project.config), f"data={project.data}", f"store={project.store}"]
    )
    tree = deployments(words.config, words.config_file, words.overrides, **words.own)
    for deployment in tree["deployments"]:
        if "schedules" in deployment:
            deployment["schedules"] = [{"interval": 20, "active": True}]
    return tree


@pytest.mark.slow
@pytest.mark.flow
def test_nightly_fires_and_retrain_runs_by_hand(ready, server, worker, invoke, monkeypatch):
    """From an earlier version: one document more, `nightly` by itself, `retrain` with other settings."""
    with open(ready.data / "en.jsonl", "a", encoding="utf-8") as file:  # the corpus gained a document
        file.write(json.dumps({"text": "a goal of the new striker in the final", "label": "sport"}) + "\n")
    assert deploy(server.url, short_deployments(ready)) == ["nightly-tiny", "retrain-tiny"]
    worker()

    nightly = server("deployments/name/pipeline/nightly-tiny", method="GET")
    done = server.finished(1)
    server(f"deployments/{nightly['id']}/pause_deployment", {})
    assert done[0]["deployment_id"] == nightly["id"] and done[0]["state_type"] == "COMPLETED", done[0]

    retrain = server("deployments/name/retrain/retrain-tiny", method="GET")
    config = retrain["parameters"]["config"] | {"finetune": {"epoch": 6}}
    by_hand = server(f"deployments/{retrain['id']}/create_flow_run", {"parameters": {"config": config}})
    end = time.monotonic() + 240
    while time.monotonic() < end:
        state = server(f"flow_runs/{by_hand['id']}", method="GET")
        if state["state_type"] in ("COMPLETED", "FAILED", "CRASHED"):
            break
        time.sleep(1)
    assert state["state_type"] == "COMPLETED", state["state"]["message"]

    from tasks.tracking import Tracker

    tracker = Tracker(load_config(ready.config))
    assert tracker.newest() == "models:/tiny/3"  # 1 was there; nightly made 2, retrain 3
    tags = [tracker.client.get_run(v.run_id).data.tags for v in versions(tracker)]
    assert all("prefect.flow_run_id" in t for t in tags[1:])

    shards = sorted((ready.store / "stages" / "commit").glob("*/shards"), key=lambda p: p.stat().st_mtime)[-1]
    monkeypatch.delenv("PREFECT_API_URL")
    compared = invoke(
        "compare", "models:/tiny/2", "models:/tiny/3", "--config", ready.config, "--data", shards
    )
    assert compared.code == 0, compared.err
    assert "tiny/3" in compared.err and Path(compared.summary["report"]).is_file()


def final(server, run: str, seconds: float = 400) -> dict:
    """A flow run, once it has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = server(f"flow_runs/{run}", method="GET")
        if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            return found
        time.sleep(1)
    raise AssertionError(f"not finished after {seconds} s: {found['state']}")


@pytest.mark.slow
@pytest.mark.flow
def test_the_run_after_a_killed_worker_starts_at_once(ready, server, worker):
    """Worker and run killed with -9: for Prefect the run goes on for minutes, yet the next must not wait for it."""
    deploy(server.url, short_deployments(ready))
    nightly = server("deployments/name/pipeline/nightly-tiny", method="GET")
    server(f"deployments/{nightly['id']}/pause_deployment", {})
    config = nightly["parameters"]["config"]

    def order(epoch: int) -> str:
        parameters = {"config": config | {"finetune": {"epoch": epoch}}}
        return server(f"deployments/{nightly['id']}/create_flow_run", {"parameters": parameters})["id"]

    killed = order(10_000)
    processes = [worker()]
    end = time.monotonic() + 400
    while not any((ready.store / "scratch" / "finetune").glob("*")) and time.monotonic() < end:
        time.sleep(0.2)
    processes += psutil.Process(processes[0].pid).children(recursive=True)
    for process in processes:
        process.kill()
    assert server(f"flow_runs/{killed}", method="GET")["state_type"] == "RUNNING"
    begin = time.time()
    following = order(5)
    worker()
    found = final(server, following)
    assert found["state_type"] == "COMPLETED", found["state"]
    begun = datetime.fromisoformat(found["start_time"].replace("Z", "+00:00")).timestamp()
    assert begun - begin < 120, "it waited for the dead run"
    assert final(server, killed, 5)["state_type"] == "CRASHED"


def versions(tracker) -> list:
    found = tracker.client.search_model_versions("name = 'tiny'")
    return sorted(found, key=lambda v: int(v.version))
