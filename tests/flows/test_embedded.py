"""Prefect servers that are killed while a run needs them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import prefect.main  # noqa: F401 - it takes the root logger's handlers, pytest's too: before a test has them
import psutil
import pytest

from flows.embedded import prefect_server, server_environment, start_ahead, wait_until_healthy
from ftcore.errors import UserError
from tasks.store import Store

pytestmark = pytest.mark.flow
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_killed_embedded_server_is_started_again(tmp_path, monkeypatch, caplog):
    """What the first one recorded is there, and calls made meanwhile are answered."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Running

    @flow(name="nothing")
    def nothing() -> None:
        pass

    def others() -> list[psutil.Process]:
        return [p for p in psutil.Process().children() if "flows.embedded" in p.cmdline()]

    before = others()
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        prefect_server(Store(str(tmp_path / "store"))) as server,
    ):
        with get_client(sync_client=True) as client:
            run = client.create_flow_run(nothing, state=Running()).id
            (first,) = [p for p in others() if p not in before]  # other tests may keep servers
            assert os.getpgid(first.pid) != os.getpgid(0), "Ctrl-C must not reach it"
            first.kill()
            assert client.read_flow_run(run).state.is_running()
        assert server.embedded and "it is started again" in caplog.text
        (second,) = [p for p in others() if p not in before]
        assert second.pid != first.pid
    assert not psutil.pid_exists(second.pid)


@pytest.mark.slow
@pytest.mark.parametrize("again", [True, False], ids=["restarted", "gone for good"])
def test_a_server_of_ones_own_that_is_killed_in_the_run(ready, start_command, again):
    """The run goes on where it comes back, else it ends with one line; what is finished is kept."""
    store = Store(str(ready.store))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    log = ready.folder / "server.log"
    servers: list[subprocess.Popen] = []

    def serve() -> None:
        words = [sys.executable, "-m", "flows.embedded", "--port", str(port), "--parent", str(os.getpid())]
        with open(log, "ab") as out:
            environment = os.environ | server_environment(store)
            servers.append(subprocess.Popen(words, cwd=ROOT, env=environment, stdout=out, stderr=out))
        wait_until_healthy(url, servers[-1], log)

    serve()
    try:
        words = ["--config", ready.config, "finetune.epoch=300", "checkpoint_seconds=0"]
        environment = {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "5" if again else "1"}
        run = start_command(
            "pipeline", *words, cwd=ready.folder, env=environment, stdout=-1, stderr=-1, text=True
        )
        end = time.monotonic() + 400
        while not any((ready.store / "scratch" / "finetune").glob("*/checkpoint")) and time.monotonic() < end:
            time.sleep(0.1)
        servers[-1].send_signal(signal.SIGKILL)
        servers[-1].wait()
        if again:
            serve()
        _, shown = run.communicate(timeout=500)
        assert "Traceback" not in shown
        if again:
            assert run.returncode == 0, shown
        else:
            last = shown.strip().splitlines()[-1]
            begun = last.startswith("error: the Prefect server does not answer any more")
            assert run.returncode == 1 and begun, shown
            assert url in last and "the same command goes on from there" in last
    finally:
        for server in servers:
            server.kill()
            server.wait()


def servers() -> set[psutil.Process]:
    """Those of this process; other tests' fixtures may have their own."""
    return {p for p in psutil.Process().children() if "flows.embedded" in p.cmdline()}


@pytest.fixture
def unconfigured(monkeypatch):
    """No Prefect server is named."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield


def test_the_server_that_waits_is_the_one_that_is_used(tmp_path, unconfigured):
    store, others = Store(str(tmp_path / "store")), servers()
    start_ahead(store)
    (waiting,) = servers() - others
    with prefect_server(store, ["json", "no.such.module"]) as server:
        assert server.embedded and servers() - others == {waiting}
        port = int(server.url.split(":")[2].split("/")[0])
    assert not waiting.is_running()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port))


def test_no_server_starts_ahead_where_another_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    others = servers()
    start_ahead(Store(str(tmp_path / "store")))
    assert servers() == others and not (tmp_path / "store").exists()


def test_the_server_that_waits_ends_where_prefects_profile_names_another(tmp_path, monkeypatch):
    """Which is known when Prefect is imported; it has begun nothing by then."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    store, others = Store(str(tmp_path / "store")), servers()
    start_ahead(store)
    (waiting,) = servers() - others
    before = {p.name for p in store.prefect.iterdir()}
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(UserError, match="no Prefect server answers"),
        prefect_server(store),
    ):
        pass
    assert not waiting.is_running()
    assert {p.name for p in store.prefect.iterdir()} == before  # no journal: no database was opened


def test_the_server_that_waits_ends_with_its_parent(tmp_path):
    code = "import sys, time; from flows.embedded import start_ahead; from tasks.store import Store; "
    code += "start_ahead(Store(sys.argv[1])); print('started', flush=True); time.sleep(60)"
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    words = [sys.executable, "-c", code, str(tmp_path / "store")]
    with subprocess.Popen(words, cwd=ROOT, stdout=-1, env=environment) as parent:
        assert parent.stdout.readline() == b"started\n"
        (waiting,) = psutil.Process(parent.pid).children()
        parent.kill()
    gone, _ = psutil.wait_procs([waiting], timeout=20)
    assert gone
