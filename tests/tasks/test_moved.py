"""A store that was moved or copied answers from where it is."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ftcore.config import Config
from ftcore.errors import UserError
from tasks.moved import settle
from tasks.store import Store
from tasks.tracking import Tracker


def config(store: Path) -> Config:
    return Config(store=str(store), tracking={"experiment": "tried", "model_name": "m"})


@pytest.fixture
def store(tmp_path: Path, blank_mlflow: Path) -> Path:
    """A store with a run, an artifact and a registered version, in a folder whose name needs quoting."""
    folder = tmp_path / "a store"
    folder.mkdir()
    shutil.copy(blank_mlflow, folder / "mlflow.db")
    tracker = Tracker(config(folder))
    run = tracker.start("r", kind="pipeline")
    (tmp_path / "model.json").write_text(json.dumps({"is": "a model"}))
    tracker.file(run, tmp_path / "model.json", "model")
    tracker.tags(run, {"model_uri": str(folder / "stages" / "x"), "note": f"{folder}2/y"})
    tracker.client.create_registered_model("m")
    source = tracker.client.get_run(run).info.artifact_uri + "/model"
    tracker.client.create_model_version("m", source, run)
    tracker.end(run)
    return folder


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_moved_store_answers_from_its_new_place(store: Path, tmp_path: Path, how: str):
    other = tmp_path / "deep" / "er & elsewhere"
    other.parent.mkdir()
    (shutil.move if how == "moved" else shutil.copytree)(str(store), str(other))
    tracker = Tracker(config(other))
    path, exact = tracker.download("models:/m/1")
    assert exact == "models:/m/1" and other in path.parents
    assert json.loads((path / "model.json").read_text()) == {"is": "a model"}
    (run,) = tracker.client.search_runs([tracker.experiment])
    assert run.data.tags["model_uri"] == str(other / "stages" / "x")
    assert run.data.tags["note"] == f"{store}2/y", "another folder whose name begins alike"
    new = tracker.start("again", kind="pipeline")
    tracker.file(new, path / "model.json", "model")
    assert list((other / "artifacts").rglob(f"{new}/artifacts/model/model.json"))
    if how == "copied":  # the original is another store
        assert store in Tracker(config(store)).download("models:/m/1")[0].parents


def test_it_is_said_once(store: Path, tmp_path: Path, caplog):
    other = tmp_path / "other"
    shutil.move(store, other)
    Tracker(config(other))
    assert f"was in {store}" in caplog.text
    caplog.clear()
    Tracker(config(other))
    assert not caplog.text and settle(Store(str(other))) == ""


def test_artifacts_kept_elsewhere_on_purpose_stay_there(store: Path, tmp_path: Path):
    elsewhere = (tmp_path / "elsewhere").as_uri() + "/artifacts/own"
    (tmp_path / "elsewhere" / "artifacts" / "own").mkdir(parents=True)
    tracker = Tracker(config(store))
    made = tracker.client.create_experiment("own", artifact_location=elsewhere)
    other = tmp_path / "other"
    shutil.move(store, other)
    assert settle(Store(str(other))) == str(store)
    assert Tracker(config(other)).client.get_experiment(made).artifact_location == elsewhere


def test_tables_that_cannot_be_written_are_named_with_the_remedy(store: Path, tmp_path: Path, monkeypatch):
    other = tmp_path / "other"
    shutil.move(store, other)
    monkeypatch.setattr("tasks.moved._readdress", lambda *_: (_ for _ in ()).throw(locked()))
    with pytest.raises(UserError, match=r"other/mlflow.db.*attempt to write.*back where it was"):
        settle(Store(str(other)))


def locked() -> sqlite3.OperationalError:
    return sqlite3.OperationalError("attempt to write a readonly database")


def test_nothing_to_settle(tmp_path: Path):
    assert settle(Store(str(tmp_path))) == ""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("create table other (x text)")
    assert settle(Store(str(tmp_path))) == ""
