"""MLflow behind one door: runs of dead and living owners, batches, the registry's aliases."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ftcore.config import Config, Tracking
from ftcore.errors import UserError
from ftcore.options import flatten
from ftcore.training.progress import Progress
from tasks.requirements import serving_requirements
from tasks.store import Owner
from tasks.tracking import OWNER, CurveWriter, Tracker, legal

pytestmark = pytest.mark.flow


@pytest.fixture
def tracker(tmp_path: Path, blank_mlflow: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    shutil.copy(blank_mlflow, tmp_path / "store" / "mlflow.db")
    return Tracker(
        Config(store="store", tracking=Tracking(experiment="e", model_name="m", system_metrics=False))
    )


def status(tracker: Tracker, run: str) -> str:
    return tracker.client.get_run(run).info.status


def owned_by(tracker: Tracker, owner: str | None) -> str:
    run = tracker.start("r", kind="k")
    if owner is None:
        tracker.client.delete_tag(run, OWNER)
    else:
        tracker.client.set_tag(run, OWNER, owner)
    return run


def test_nothing_is_written_outside_the_store(tracker: Tracker, tmp_path: Path):
    run = tracker.start("r", kind="k")
    (tmp_path / "store" / "a.txt").write_text("a")
    tracker.file(run, tmp_path / "store" / "a.txt", "folder")
    tracker.end(run)
    assert [p.name for p in tmp_path.iterdir()] == ["store"]
    found = [p for p in (tmp_path / "store" / "artifacts").rglob("a.txt")]
    assert len(found) == 1 and found[0].parent.name == "folder"


def test_a_run_carries_owner_kind_parent_and_commit(tracker: Tracker):
    parent = tracker.start("p", kind="pipeline", tags={"x": "y"})
    child = tracker.start("c", kind="pretrain", parent=parent)
    tags = tracker.client.get_run(child).data.tags
    assert Owner.parse(tags[OWNER]) == Owner.me() and tags["ftcore.kind"] == "pretrain"
    assert tags["mlflow.parentRunId"] == parent
    assert tracker.client.get_run(parent).data.tags["x"] == "y"


def test_only_runs_of_dead_processes_are_closed(tracker: Tracker):
    """A living process's, another host's and an unmarked run are somebody else's business."""
    me = Owner.me()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        alive = replace(me, pid=other.pid, started=psutil.Process(other.pid).create_time())
        keep = {
            "my own": owned_by(tracker, str(me)),
            "a living process's": owned_by(tracker, str(alive)),
            "another host's": owned_by(tracker, str(replace(me, host="elsewhere", boot="b"))),
            "nobody's": owned_by(tracker, None),
            "garbled": owned_by(tracker, "not an owner"),
        }
        gone = {
            owned_by(tracker, str(replace(me, started=me.started - 9))),
            owned_by(tracker, str(replace(me, boot="an earlier boot"))),
        }
        assert set(tracker.close_stale()) == gone
        assert {status(tracker, r) for r in gone} == {"KILLED"}
        assert {name: status(tracker, r) for name, r in keep.items()} == dict.fromkeys(keep, "RUNNING")
        assert all("gone" in tracker.client.get_run(r).data.tags["ftcore.reconciled"] for r in gone)
        assert tracker.close_stale() == []
    finally:
        other.kill()
        other.wait()
    assert tracker.close_stale() == [keep["a living process's"]], "now it is"


def test_dead_runs_of_other_experiments_are_closed_too(tracker: Tracker):
    me = Owner.me()
    other = tracker.client.create_experiment("other", artifact_location=tracker.store.artifacts.as_uri())
    dead = tracker.client.create_run(other, tags={OWNER: str(replace(me, started=me.started - 9))})
    assert tracker.close_stale() == [dead.info.run_id]


def test_a_crashed_flow_runs_mlflow_runs_are_closed(tracker: Tracker):
    mine = tracker.start("a", kind="k", tags={"prefect.flow_run_id": "f1"})
    done = tracker.start("b", kind="k", tags={"prefect.flow_run_id": "f1"})
    tracker.end(done)
    others = tracker.start("c", kind="k", tags={"prefect.flow_run_id": "f2"})
    tracker.close_flow_run("f1", "FAILED")
    assert [status(tracker, r) for r in (mine, done, others)] == ["FAILED", "FINISHED", "RUNNING"]


def test_many_parameters_and_metrics_go_in_batches(tracker: Tracker):
    run = tracker.start("r", kind="k")
    calls = []
    log_batch = tracker.client.log_batch
    tracker.client.log_batch = lambda *a, **k: (calls.append(k), log_batch(*a, **k))  # type: ignore[method-assign]
    tracker.params(run, {"group": {f"p{n}": n for n in range(250)}, "long": "x" * 9000})
    tracker.metrics(run, {f"m{n}@1": n for n in range(1500)} | {"absent": None})
    assert len(calls) == 3 + 2, "a call is 3 to 100 ms"
    data = tracker.client.get_run(run).data
    assert data.params["group.p249"] == "249" and len(data.params) == 251
    assert data.metrics["m1499_1"] == 1499 and "absent" not in data.metrics


def progress(step: int, **values: float) -> Progress:
    fields = {
        "stage": "s",
        "step": step,
        "done": step,
        "total": 9,
        "loss": 0.5,
        "lr": 0.1,
        "words_per_second": 7.0,
    }
    known = Progress.__dataclass_fields__
    return Progress(**{k: v for k, v in (fields | values).items() if k in known})


def test_curves_arrive_in_batches_and_whole(tracker: Tracker):
    run = tracker.start("r", kind="k")
    calls = []
    log_batch = tracker.client.log_batch
    tracker.client.log_batch = lambda *a, **k: (calls.append(k), log_batch(*a, **k))  # type: ignore[method-assign]
    writer = CurveWriter(tracker, run)
    for step in range(400):
        writer(progress(step, loss=1 / (step + 1), validation={"accuracy": 0.5, "nothing": None}))
    writer.flush()
    loss = tracker.client.get_metric_history(run, "s/loss")
    assert [m.step for m in loss] == list(range(400)) and loss[3].value == 0.25
    assert len(tracker.client.get_metric_history(run, "s/valid_accuracy")) == 400
    assert len(calls) <= 6
    writer.flush()  # nothing waits: no empty call fails


def test_names_and_trees():
    assert legal("precision@1 α/b-c.d") == "precision_1 α/b-c.d"
    assert flatten({"a": {"b": {"c": 1}}, "d": [1], "e": {}}) == {"a.b.c": 1, "d": [1], "e": {}}


def test_serving_requirements_are_pinned_and_hold_no_ftcore():
    found = serving_requirements()
    assert all("==" in line and "+" not in line for line in found)
    assert not any(line.startswith(("ftcore", "prefect")) for line in found)
    from importlib.metadata import version

    assert f"mlflow=={version('mlflow')}" in found


# -------------------------------------------------------------------------------------- registry
def add_version(tracker: Tracker, tmp_path: Path) -> str:
    from mlflow.exceptions import MlflowException

    with contextlib.suppress(MlflowException):
        tracker.client.create_registered_model("m")
    return str(tracker.client.create_model_version("m", tmp_path.as_uri()).version)


def test_an_alias_moves_and_rolls_back(tracker: Tracker, tmp_path: Path):
    one, two, three = (add_version(tracker, tmp_path) for _ in range(3))
    assert tracker.alias("champion") is None
    with pytest.raises(UserError, match=rf"no version has this alias yet.* the newest, models:/m/{three}$"):
        tracker.exact("models:/m@champion")
    with pytest.raises(UserError, match="no such alias"):
        tracker.roll_back()
    tracker.move_alias("champion", one)
    assert tracker.roll_back() == (one, None), "it replaced none: nothing to do"
    tracker.move_alias("champion", two, {"gate.status": "passed"})
    tracker.move_alias("champion", three)
    tags = tracker.client.get_model_version("m", two).tags
    assert tags["replaced_version"] == one and tags["gate.status"] == "passed"
    tracker.move_alias("champion", three)  # moving it where it is forgets nothing
    assert tracker.roll_back() == (three, two) and tracker.alias("champion") == two
    assert tracker.roll_back() == (two, one) and tracker.alias("champion") == one
    assert tracker.roll_back() == (one, None) and tracker.alias("champion") == one
    assert tracker.alias("challenger") is None


def test_a_model_is_registered_from_a_folder_of_any_name(tracker: Tracker, tmp_path: Path):
    from ftcore import FastText

    folder = tmp_path / "store" / "a%20b #c;数据" / "model"
    FastText.from_texts(["a b", "c d"], ["x", "y"], dim=4).save(folder)
    run = tracker.start("r", kind="register")
    made = tracker.register(run, folder, tags={}, example=["a"])
    path, exact = tracker.download(made["model_uri"])
    assert exact == "models:/m/1" and FastText.load(path).predict(["a b"])[0].labels == ["x"]


_ELSEWHERE = """
import sys
from pathlib import Path
sys.path = [place for place in sys.path if place and not (Path(place) / "ftcore").is_dir()]
import mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
answer = model.predict(pandas.DataFrame({"text": ["a b", "c d"]}))
import ftcore.native
print("answer", *answer["label"], sep=" ")
print("home", ftcore.__file__, sys.modules["ftcore._native"].__file__, sep=" ")
"""


def test_a_logged_model_answers_without_the_checkout_and_without_a_compiler(tracker: Tracker, tmp_path: Path):
    from ftcore import FastText

    FastText.from_texts(["a b", "c d"], ["x", "y"], dim=4).save(
        tmp_path / "made"
    )  # x to all: it is not trained
    made = tracker.register(tracker.start("r", kind="register"), tmp_path / "made", tags={}, example=["a"])
    model = tracker.download(made["model_uri"])[0]
    while not (model / "MLmodel").exists():
        model = model.parent
    empty = tmp_path / "empty"
    empty.mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CXX", "CC")}
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(model)], cwd=empty, env={**kept, "PATH": str(empty)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = dict(
        line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("answer", "home"))
    )
    assert said["answer"] == "x x"
    assert all(Path(place).is_relative_to(model / "code") for place in said["home"].split(" "))
    # whole, and nothing that a build leaves behind beside the module itself
    there = {path.suffix for path in (model / "code").rglob("*") if path.is_file()} - {".pyc"}
    assert there == {".py", ".pyi", ".so", ".cc", ".h", ".txt", ".html", ".css"}, there


def test_each_alias_has_a_history_of_its_own(tracker: Tracker, tmp_path: Path):
    """A champion that was a challenger before is not rolled back to the challenger before it."""
    one, two, three = (add_version(tracker, tmp_path) for _ in range(3))
    tracker.move_alias("challenger", one)
    tracker.move_alias("challenger", two)
    tracker.move_alias("champion", two)
    assert tracker.roll_back() == (two, None)
    tracker.move_alias("champion", three)
    assert tracker.roll_back() == (three, two) and tracker.roll_back("challenger") == (two, one)


def test_a_rollback_to_a_version_that_is_gone_is_refused(tracker: Tracker, tmp_path: Path):
    one, two = (add_version(tracker, tmp_path) for _ in range(2))
    tracker.move_alias("champion", one)
    tracker.move_alias("champion", two)
    tracker.client.delete_model_version("m", one)
    with pytest.raises(UserError, match="version 1, which 2 replaced, has been deleted"):
        tracker.roll_back()
    assert tracker.alias("champion") == two


def test_a_registry_that_does_not_answer_is_no_missing_champion(tracker: Tracker, monkeypatch):
    """Else the next model would be crowned as the first one, with nobody to beat."""
    from mlflow.exceptions import MlflowException

    assert tracker.alias("champion") is None and tracker.champion() is None, "no such model yet"

    def down(name, alias):
        raise MlflowException("database is locked")

    monkeypatch.setattr(tracker.client, "get_model_version_by_alias", down)
    with pytest.raises(MlflowException, match="locked"):
        tracker.alias("champion")


def test_addresses_are_resolved(tracker: Tracker, tmp_path: Path):
    one = add_version(tracker, tmp_path)
    tracker.move_alias("champion", one)
    assert tracker.exact("models:/m@champion") == "models:/m/1"
    assert tracker.newest() == "models:/m/1"
    run = tracker.start("r", kind="pipeline", tags={"model_uri": "models:/m/1"})
    assert tracker.exact(f"runs:/{run}") == "models:/m/1"
    assert tracker.version_exists("m", "1") and not tracker.version_exists("m", "9")


@pytest.mark.parametrize(
    "uri", ["models:/m/9", "models:/none@champion", "runs:/0123", "models:/m@champion", "nowhere"]
)
def test_what_is_not_there_is_refused_by_name(tracker: Tracker, uri: str):
    with pytest.raises(UserError) as error:
        tracker.download(uri)
    assert uri in str(error.value)


def test_a_server_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    config = Config(store=str(tmp_path), tracking=Tracking(uri="http://127.0.0.1:9"))
    with pytest.raises(UserError, match="tracking.uri http://127.0.0.1:9"):
        Tracker(config)


def test_printed_pages_open_on_model_training(tracker: Tracker):
    """Each experiment by itself, newest first: MLflow's own front page leads to its GenAI side."""
    from flows.ui import mlflow_pages

    run = tracker.start("r", kind="k")
    (page,) = mlflow_pages(tracker.store, 5001)
    assert page == (
        f"http://127.0.0.1:5001/#/experiments/{tracker.experiment}?workflowType=machine_learning",
        "e",
    )
    assert tracker.link(run).endswith(
        f"/experiments/{tracker.experiment}/runs/{run}?workflowType=machine_learning"
    )
    other = tracker.client.create_experiment("later", artifact_location=tracker.store.artifacts.as_uri())
    tracker.client.create_run(other)
    assert [name for _, name in mlflow_pages(tracker.store, 5001)] == ["later", "e"]


def test_pages_over_no_store_are_the_front_page(tmp_path: Path):
    from flows.ui import mlflow_pages
    from tasks.store import Store

    assert mlflow_pages(Store(str(tmp_path)), 5001) == [("http://127.0.0.1:5001", "")]
