"""Empty databases, copied into new stores."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

import tasks.blank as blank
from ftcore.config import parse_config
from tasks.tracking import Tracker


def schema(path) -> list:
    """Tables and indexes, their words sorted (MLflow lists permitted values in the order of a set), and the version."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("select type, name, sql from sqlite_master order by 1, 2").fetchall()
        told = [(kind, name, sorted((sql or "").replace(",", " ").split())) for kind, name, sql in rows]
        return [*told, *(tuple(r) for r in database.execute("select * from alembic_version"))]


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The place of a blank, not yet made."""
    place = tmp_path / "kept" / "blank.db"
    monkeypatch.setattr(blank, "blank_of", lambda package: place)
    return place


def test_a_blank_is_copied_whole_and_never_over_a_database(kept, tmp_path):
    target = tmp_path / "store" / "some.db"
    assert not blank.lay("mlflow", target) and not target.exists()  # none is kept
    kept.parent.mkdir()
    kept.write_bytes(b"blank")
    assert blank.lay("mlflow", target) and target.read_bytes() == b"blank"
    target.write_bytes(b"in use")
    assert not blank.lay("mlflow", target) and target.read_bytes() == b"in use"
    assert [p.name for p in target.parent.iterdir()] == ["some.db"]  # nothing is left beside it


def test_a_database_that_appears_meanwhile_stays(kept, tmp_path, monkeypatch):
    target = tmp_path / "some.db"
    kept.parent.mkdir()
    kept.write_bytes(b"blank")
    copy = blank.shutil.copyfile

    def copied(*places):
        target.write_bytes(b"another's")
        return copy(*places)

    monkeypatch.setattr(blank.shutil, "copyfile", copied)
    assert not blank.lay("mlflow", target) and target.read_bytes() == b"another's"


def test_a_place_without_links_goes_without(kept, tmp_path, monkeypatch):
    kept.parent.mkdir()
    kept.write_bytes(b"blank")

    def refuse(*places):
        raise PermissionError("no links here")

    monkeypatch.setattr(blank.os, "link", refuse)
    assert not blank.lay("mlflow", tmp_path / "some.db") and not (tmp_path / "some.db").exists()


@pytest.mark.slow
def test_a_store_with_a_blank_is_as_one_without(kept, tmp_path):
    """MLflow's own tables and version, and they work; Prefect's at its newest version."""
    bare = tmp_path / "bare"
    Tracker(parse_config({"store": str(bare)}))
    blank.make("mlflow")
    laid = tmp_path / "laid"
    tracker = Tracker(parse_config({"store": str(laid)}))
    assert schema(laid / "mlflow.db") == schema(bare / "mlflow.db")
    run = tracker.start("run", kind="pipeline")
    tracker.metrics(run, {"loss": 0.5})
    tracker.end(run)
    assert tracker.run(run).data.metrics == {"loss": 0.5}


@pytest.mark.slow
def test_prefects_blank_needs_no_migration(kept, tmp_path):
    from alembic.script import ScriptDirectory

    blank.make("prefect")
    package = Path(find_spec("prefect").origin).parent  # not imported: that would set up its logging here
    steps = package / "server" / "database" / "_migrations"
    script = ScriptDirectory(steps, version_locations=[str(steps / "versions" / "sqlite")])
    assert (script.get_current_head(),) in schema(kept)
    assert blank.lay("prefect", tmp_path / "prefect.db")
