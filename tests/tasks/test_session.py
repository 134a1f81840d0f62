"""What every task of a flow run gets, and what happens when the process that ran it is gone."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from prefect.states import Cancelled, Completed, Failed, Pending, Running

from ftcore.config import load_config
from ftcore.errors import UserError
from tasks.live import close_stale_flow_runs
from tasks.reuse import StageOutput
from tasks.session import Session, only_io, open_session, stage_task
from tasks.store import Owner, Store
from tasks.tracking import OWNER, Tracker

pytestmark = pytest.mark.flow
REUSED = StageOutput("s", "p", "d", "reused", "inputs 1 unchanged")
MADE = StageOutput("s", "p", "d", "recomputed", "a: 1 → 2")


@flow(name="nothing")
def nothing() -> None:
    """A flow run to put into states."""


@task
def idle() -> None:
    """A task run to put into states."""


def session_of(project, **options) -> Session:
    return Session(load_config(project.config), None, "", "test", **options)


@pytest.mark.parametrize(
    ("value", "name", "message"),
    [
        (REUSED, "Reused", "inputs 1 unchanged"),
        (MADE, "Recomputed", "a: 1 → 2"),
        ([REUSED, MADE], "Recomputed", "a: 1 → 2"),
        ([REUSED, REUSED], "Reused", "inputs 1 unchanged"),
        ({"any": "value"}, "Completed", None),
    ],
)
def test_the_page_shows_how_a_stage_came_about(prefect_api, project, value, name, message):
    @stage_task("made-up")
    def made_up(session: Session) -> object:
        return value

    session = session_of(project)
    state = made_up(session, return_state=True)
    assert state.name == name and (message is None or message in state.message)
    assert session.call(made_up) == value
    assert made_up.task.cache_policy is not None and made_up.task.persist_result is False


def test_a_dry_run_needs_no_prefect(project):
    @stage_task("made-up")
    def made_up(session: Session, n: int) -> int:
        return n + 1

    session = session_of(project, dry=True)
    assert session.call(made_up, 1) == 2
    assert session.map(made_up, [1, 2]) == [2, 3]


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError("disk"), True),
        (ConnectionResetError("net"), True),
        (TimeoutError("net"), True),
        (UserError("yours"), False),
        (ValueError("data"), False),
        (AssertionError("code"), False),
    ],
)
def test_only_the_disk_and_the_network_are_tried_again(error: Exception, again: bool):
    assert only_io(None, None, Failed(data=error)) is again


def test_a_mistake_of_the_users_is_not_tried_again(prefect_api, project):
    calls = []

    @stage_task("made-up", retries=2, retry_delay_seconds=0, retry_condition_fn=only_io)
    def made_up(session: Session, kind: type[Exception]) -> None:
        calls.append(kind)
        raise kind("x")

    for kind, times in ((UserError, 1), (OSError, 3)):
        calls.clear()
        with pytest.raises(kind):
            session_of(project).call(made_up, kind)
        assert len(calls) == times, kind


def test_what_an_earlier_flow_should_have_left_is_asked_for_by_name(project):
    with pytest.raises(UserError) as error:
        session_of(project).latest("commit", "prepare")
    assert "python -m flows.prepare" in str(error.value) and str(project.store) in str(error.value)


@pytest.mark.parametrize(("error", "status"), [(ValueError("x"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_a_session_that_ends_badly_closes_its_runs(project, error, status):
    config = load_config(project.config)
    with (
        pytest.raises(type(error)),
        open_session(config, "pipeline") as session,
        session.child("pretrain") as child,
    ):
        raise error
    tracker = Tracker(config)
    runs = [tracker.client.get_run(r) for r in (session.run, child.run)]
    assert [r.info.status for r in runs] == [status, status]
    assert type(error).__name__ in runs[0].data.tags["error"]
    with open_session(config, "pipeline") as session:  # the store is free again
        pass
    assert tracker.client.get_run(session.run).info.status == "FINISHED"


def test_a_new_session_closes_what_a_dead_process_left(project):
    config = load_config(project.config)
    tracker = Tracker(config)
    dead, foreign = tracker.start("a", kind="pipeline"), tracker.start("b", kind="pipeline")
    tracker.client.set_tag(dead, OWNER, str(replace(Owner.me(), boot="an earlier one")))
    tracker.client.set_tag(foreign, OWNER, str(replace(Owner.me(), host="elsewhere")))
    left = [
        Store(config.store).stages / "commit" / ".ftcore-tmp-0123456789ab-in-use.json",
        Store(config.store).scratch / "finetune" / "a" / "checkpoint" / ".ftcore-tmp-0123456789ab-tables.bin",
    ]
    kept = left[1].with_name("checkpoint.json")
    for file in (*left, kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("half")
    with open_session(config, "prepare"):
        pass
    assert [file.exists() for file in (*left, kept)] == [False, False, True]
    assert [tracker.client.get_run(r).info.status for r in (dead, foreign)] == ["KILLED", "RUNNING"]


# ------------------------------------------------------------------------- Prefect's own flow runs
def test_warnings_of_the_library_reach_the_terminal(project, capsys):
    log = logging.getLogger("ftcore.training.finetune")
    with open_session(load_config(project.config), "probe"):
        log.warning("freeze=words has [nothing] to freeze")
        log.info("too much to tell")
    log.warning("after the session")
    shown = capsys.readouterr().err
    assert "! freeze=words has [nothing] to freeze" in shown
    assert "too much" not in shown


def note(store: Store, run: str, owner: Owner) -> None:
    path = store.path / "live" / f"{run}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"owner": str(owner)}))


def test_on_a_shared_server_only_runs_of_this_stores_dead_processes_are_closed(prefect_api, project):
    store, me = Store(str(project.store)), Owner.me()
    with get_client(sync_client=True) as client:
        names = ("dead", "alive", "elsewhere", "unknown", "finished")
        runs = {n: str(client.create_flow_run(nothing, state=Running()).id) for n in names}
        client.set_flow_run_state(runs["finished"], Completed(), force=True)
        note(store, runs["dead"], replace(me, boot="an earlier one"))
        note(store, runs["finished"], replace(me, boot="an earlier one"))
        note(store, runs["alive"], me)
        note(store, runs["elsewhere"], replace(me, host="elsewhere"))
        note(store, str(uuid4()), replace(me, boot="an earlier one"))  # unknown to this server
        (store.path / "live" / "garbled.json").write_text("{")
        assert close_stale_flow_runs(store, embedded=False) == [runs["dead"]]
        states = {n: client.read_flow_run(r).state for n, r in runs.items()}
        assert states["dead"].type == StateType.CRASHED and "its process is gone" in states["dead"].message
        assert states["finished"].type == StateType.COMPLETED
        assert all(states[n].type == StateType.RUNNING for n in ("alive", "elsewhere", "unknown"))
        left = {p.stem for p in (store.path / "live").glob("*.json")}
        assert left == {runs["alive"], runs["elsewhere"], "garbled"}
        for run in runs.values():
            client.set_flow_run_state(run, Cancelled(), force=True)


def test_a_task_run_that_the_server_died_over_is_closed(prefect_api, project):
    """Killed between two writes, a server leaves a task run that is pending and has no state to say so."""
    store = Store(str(project.store))
    database = str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition("///")[2]
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(nothing, state=Running()).id
        note(store, str(run), replace(Owner.me(), boot="an earlier one"))
        task_run = client.create_task_run(idle, run, "0", state=Pending()).id
        with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            connection.execute("delete from task_run_state where task_run_id = ?", (str(task_run),))
        assert client.read_task_run(task_run).state is None
        assert close_stale_flow_runs(store, embedded=False) == [str(run)]
        assert client.read_task_run(task_run).state.type == StateType.CRASHED
        assert client.read_flow_run(run).state.type == StateType.CRASHED


def test_a_living_run_notes_its_owner_before_anything_else(prefect_api, project):
    """Killed while it waits for MLflow, it must be found; refused by the lock, it must leave no note."""
    config = load_config(project.config)
    live = project.store / "live"
    seen = []

    @flow(name="probe", validate_parameters=False)
    def probe() -> None:
        with open_session(config, "probe"):
            seen.extend(json.loads(p.read_text())["owner"] for p in live.glob("*.json"))

    probe()
    assert seen == [str(Owner.me())] and not list(live.glob("*.json"))


def test_embedded_servers_are_told_from_shared_ones(prefect_api, project, monkeypatch):
    """Runs of others on a shared server are RUNNING, too: only an embedded one's may all be closed."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.embedded import SERVER_FILE, prefect_server

    store = Store(str(project.store))
    with prefect_server(store) as server:
        assert server == (prefect_api, False)

    store.prefect.mkdir()
    note = {"url": prefect_api, "owner": str(Owner.me())}
    (store.prefect / SERVER_FILE).write_text(json.dumps(note))
    with temporary_settings(restore_defaults=[PREFECT_API_URL]), prefect_server(store) as server:
        assert server == (prefect_api, False), "the server of `make ui` is shared"
    assert os.environ.get("PREFECT_API_URL") is None


# -------------------------------------------------------------------------------- a stage in pieces
def test_a_stage_in_pieces_is_one_line_with_brackets_as_they_are(project, capsys):
    session = session_of(project)
    session.dry = True
    session.console.width = 300
    with session.group("prepare", 300):
        for number in range(300):
            state = "reused" if number > 2 else "planned"
            why = "ingest.sources[en].label: cat → [b]" if number else "input changed: a"
            session.note(StageOutput(f"prepare/{number}", "", "", state, why))
            session.note(StageOutput(f"cut/{number}", "", "", state, "not told"))
    assert [o.stage for o in session.outputs] == ["prepare"]
    told = "ingest.sources[en].label: cat → [b] (2 of 300 parts); input changed: a (1 of 300 parts)"
    assert session.outputs[0].reason == told and session.outputs[0].state == "planned"
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and told in lines[0]
