"""The store's lock, and who is known to be gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ftcore.errors import UserError
from tasks.store import Owner, Store

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from tasks.store import Store
with Store(sys.argv[1]).lock("flows.pipeline"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "store")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_everything_lies_below_one_folder(tmp_path: Path):
    store = Store(str(tmp_path / "a"))
    paths = (store.stages, store.scratch, store.artifacts, store.prefect, store.tensorboard)
    assert all(p.parent == store.path for p in paths)
    assert store.mlflow_uri == f"sqlite:///{tmp_path}/a/mlflow.db"
    assert store.free_bytes() > 0, "of the file system that the store will be on"
    assert not store.path.exists(), "asking writes nothing"


def test_a_second_run_is_refused_and_told_who_has_the_store(tmp_path: Path, holder: subprocess.Popen):
    store = Store(str(tmp_path / "store"))
    with pytest.raises(UserError) as error, store.lock("flows.pretrain"):
        pytest.fail("two runs hold the store")
    message = str(error.value)
    assert str(store.path) in message and "flows.pipeline" in message and f"process {holder.pid}" in message
    assert "store=DIR" in message, "the remedy"


def test_a_killed_holder_frees_the_store(tmp_path: Path, holder: subprocess.Popen):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with Store(str(tmp_path / "store")).lock("flows.pretrain"):
        held = json.loads((tmp_path / "store" / "lock").read_text())
        assert held["what"] == "flows.pretrain" and held["pid"] == os.getpid()


def test_who_may_wait_comes_after_the_holder_even_a_killed_one(tmp_path: Path, holder, caplog):
    threading.Timer(1.2, holder.kill).start()
    begin = time.monotonic()
    with Store(str(tmp_path / "store")).lock("flows.retrain", wait=30):
        held = json.loads((tmp_path / "store" / "lock").read_text())
    assert held["what"] == "flows.retrain" and 1 < time.monotonic() - begin < 10
    (said,) = [r.getMessage() for r in caplog.records if "waiting" in r.getMessage()]
    assert "flows.pipeline" in said and f"process {holder.pid}" in said


def test_who_waits_in_vain_is_told_who_has_it(tmp_path: Path, holder: subprocess.Popen):
    with pytest.raises(UserError, match="flows.pipeline"), Store(str(tmp_path / "store")).lock("x", wait=1):
        pytest.fail("two runs hold the store")


def test_the_holder_itself_may_enter_again_and_frees_it_at_the_end(tmp_path: Path):
    store = Store(str(tmp_path))
    with store.lock("outer"):
        with store.lock("inner"):
            pass
        assert json.loads((tmp_path / "lock").read_text())["what"] == "outer"
    assert (tmp_path / "lock").read_text() == ""
    with store.lock("again"):
        pass


def test_an_error_inside_frees_it(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), Store(str(tmp_path)).lock("a"):
        1 / 0  # noqa: B018
    with Store(str(tmp_path)).lock("b"):
        pass


def test_another_address_of_the_same_folder_is_the_same_store(tmp_path: Path, holder: subprocess.Popen):
    (tmp_path / "link").symlink_to(tmp_path / "store")
    with pytest.raises(UserError), Store(str(tmp_path / "link")).lock("a"):
        pass


# ---------------------------------------------------------------------------------------- owners
def test_owner_survives_its_text():
    me = Owner.me()
    assert Owner.parse(str(me)) == me
    assert me.pid == os.getpid() and not me.is_gone()


@pytest.mark.parametrize("text", ["", "a|b|c", "a|b|c|d", "a|b|1|x", "a|b|1|2|3"])
def test_what_is_no_owner_is_none(text: str):
    assert Owner.parse(text) is None


def test_an_ended_process_is_gone_and_a_living_one_is_not():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owner = replace(Owner.me(), pid=process.pid, started=psutil.Process(process.pid).create_time())
    assert not owner.is_gone()
    process.kill()
    deadline = time.monotonic() + 10
    while not owner.is_gone() and time.monotonic() < deadline:  # not waited for: a zombie is gone too
        time.sleep(0.01)
    assert owner.is_gone(), "a zombie does not work any more"
    process.wait()
    assert owner.is_gone()


def test_another_process_with_the_same_pid_is_not_the_owner():
    assert replace(Owner.me(), started=Owner.me().started - 5).is_gone()


def test_before_the_last_boot_means_gone():
    assert replace(Owner.me(), boot="another-boot").is_gone()


def test_another_host_is_never_judged():
    assert not replace(Owner.me(), host="elsewhere", boot="x", pid=2**22 - 1, started=0.0).is_gone()


# ----------------------------------------------------------------------------------------- places
@pytest.mark.parametrize("place", ["file", "file/below", "file/far/below"])
def test_a_file_in_the_way_is_named(tmp_path: Path, place: str):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file is a file; choose another folder with store=DIR"):
        Store(str(tmp_path / place)).make()


def test_a_place_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # tests may run as root, who may everything
    with pytest.raises(UserError, match="no permission"):
        Store(str(tmp_path / "a")).make()


def test_a_place_that_no_sqlite_address_can_name_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"\?"), Store(str(tmp_path / "what?" / "store")).lock("a"):
        pass
    assert not (tmp_path / "what?").exists()
