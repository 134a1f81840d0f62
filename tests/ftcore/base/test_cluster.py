"""The same calls on Dask and on Ray, both really started; a worker that does not see the folder says so."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from ftcore.base import cluster
from ftcore.base.pools import open_pool
from ftcore.base.workers import Threads, WorkerDied
from ftcore.config import parse_config
from ftcore.errors import UnreadableFile, UserError
from ftcore.shards.prepare import prepare_order
from ftcore.shards.whole import prepare_corpus
from tests.ftcore.shards.test_whole import corpus


def test_shards_are_those_of_one_process_on_every_runner(tmp_path):
    """Dask and Ray are started here, two workers each."""
    tree = corpus(tmp_path / "data", files=4, lines=60)
    digests = {}
    for runner, workers in (("processes", 1), ("processes", 4), ("threads", 2), ("dask", 2), ("ray", 2)):
        options = parse_config(tree | {"runner": runner, "workers": workers})
        shards = prepare_corpus(options, tmp_path / f"{runner}{workers}", keep=False)
        digests[runner, workers] = shards.digest
        assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
    assert len(set(digests.values())) == 1, digests


def test_errors_cross_a_cluster_and_nothing_starts_before_it_is_needed(tmp_path):
    with open_pool(2, "dask", shared=tmp_path / "unused"):
        assert not (tmp_path / "unused").exists()
    with open_pool(1, "dask", shared=tmp_path / "out") as pool:
        assert pool is not None and pool.run("json:dumps", {"a": "é"}) == json.dumps({"a": "é"})
        with pytest.raises(UserError, match=r"no mapping.*\(on the worker "):
            pool.run("tests.ftcore.base.test_cluster:refuse", "no mapping")
        with pytest.raises(FileNotFoundError):
            pool.run("os:listdir", str(tmp_path / "nowhere"))
        with pytest.raises(RuntimeError, match=r"json:loads failed in its worker:\n(.|\n)*JSONDecodeError"):
            pool.run("json:loads", "{")
        workers = [p for p in psutil.Process().children() if "dask_worker" in " ".join(p.cmdline())]
        assert len(workers) == 1
    assert not workers[0].is_running() and list((tmp_path / "out").iterdir()) == []


def test_a_worker_that_dies_or_hangs_is_not_waited_for(tmp_path):
    with open_pool(2, "dask", shared=tmp_path) as pool, ThreadPoolExecutor() as threads:
        pool.run("json:dumps", 1)
        call = threads.submit(pool.run, "time:sleep", 60)
        time.sleep(0.5)
        own = pool._own
        hung, *workers = own
        hung.send_signal(
            signal.SIGSTOP
        )  # the scheduler: nobody answers, and it does not hear that it is to end
        for worker in workers:
            worker.kill()
        with pytest.raises(WorkerDied, match="time:sleep: a part of the Dask cluster .* died"):
            call.result(timeout=20)
        begin = time.monotonic()
    assert time.monotonic() - begin < 30 and all(process.poll() is not None for process in own)


def refuse(order):
    """Raise a kind of error that is told apart."""
    raise UnreadableFile(order)


def test_a_worker_that_does_not_see_the_folder_or_has_another_ftcore(tmp_path):
    def told(seen, version=cluster.ftcore.__version__):
        return json.loads(cluster.answer_there("json:dumps", "1", str(seen), version))

    token = tmp_path / ".ftcore-tmp-abc-seen"
    kind, (_, said) = told(token)
    assert kind == "user" and re.search(rf"worker on .* does not see the folder {tmp_path} .*mount", said)
    token.write_text("another")
    assert "does not see" in told(token)[1][1]
    token.write_text("abc")
    assert told(token) == ["done", "1"]
    assert "has ftcore" in told(token, "0.0.0")[1][1]


def test_no_cluster_at_the_address(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    with (
        open_pool(1, "dask", "tcp://127.0.0.1:1", tmp_path) as pool,
        pytest.raises(UserError, match="runner_address=tcp://127.0.0.1:1: no Dask cluster"),
    ):
        pool.run("json:dumps", 1)


@pytest.mark.parametrize(("runner", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_package_names_the_extra(tmp_path, monkeypatch, runner, package):
    monkeypatch.setitem(sys.modules, package, None)
    with (
        open_pool(1, runner, shared=tmp_path) as pool,
        pytest.raises(UserError, match=rf'runner={runner} .*pip install "ftcore\[{runner}\]"'),
    ):
        pool.run("json:dumps", 1)


def test_threads():
    with open_pool(2, "threads") as pool:
        assert isinstance(pool, Threads) and pool.run("json:dumps", [1]) == "[1]"
        with pytest.raises(UserError, match="no"):
            pool.run("tests.ftcore.base.test_cluster:refuse", "no")
    with open_pool(1, "threads") as pool:
        assert pool is None
    assert prepare_order.__module__ == "ftcore.shards.prepare"


def test_a_dask_cluster_that_was_started_here_dies_with_the_command(tmp_path):
    code = (
        "import sys, time; from ftcore.base.pools import open_pool\n"
        "with open_pool(1, 'dask', shared=sys.argv[1]) as pool:\n"
        "    pool.run('json:dumps', 1); print('there', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "there\n"
    children = psutil.Process(process.pid).children()
    assert len(children) == 2
    os.kill(process.pid, 9)
    process.communicate()
    until = time.monotonic() + 10
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert Path(tmp_path).is_dir()
