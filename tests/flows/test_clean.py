"""What a store holds is shown, and freed only on request; what is in use stays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flows.arguments import read
from flows.clean import clean
from ftcore.errors import UserError
from tasks.reuse import StageSpec, run_stage
from tasks.store import Store
from tasks.tracking import Tracker


@pytest.fixture
def store(tmp_path: Path, blank_mlflow: Path) -> Store:
    """Five outputs of `weekly`, one of `daily`, a model whose version was deleted."""
    made = Store(str(tmp_path / "store"))
    made.path.mkdir()
    shutil.copy(blank_mlflow, made.path / "mlflow.db")

    def work(out: Path, _scratch: Path) -> None:
        (out / "a.bin").write_bytes(b"x" * 100_000)

    for configuration, numbers in (("weekly", range(5)), ("daily", range(9, 10))):
        for number in numbers:
            spec = StageSpec("commit", {}, {"lr": number}, ("ftcore.errors",), configuration=configuration)
            run_stage(made, spec, work)
    orphan = made.artifacts / "ftcore" / "models" / "m-0123" / "artifacts"
    orphan.mkdir(parents=True)
    (orphan / "weights").write_bytes(b"w" * 700_000)
    return made


@pytest.fixture
def cleaned(store: Store, capsys):
    def call(*words: str) -> tuple[dict, str]:
        given = read("clean", [f"store={store.path}", "tracking.experiment=tried", *words])
        assert clean(given.config, **given.own) == 0
        out, err = capsys.readouterr()
        return json.loads(out.splitlines()[-1]), err

    return call


def outputs(store: Store) -> int:
    return len(list((store.stages / "commit").glob("*/stage.json")))


def test_it_shows_and_frees_on_request(store: Store, cleaned):
    shown, err = cleaned()
    assert 900_000 < shown["unneeded"] < 910_000 and "nothing needs it" in err and "--free" in err
    assert "weekly, in use" in err and "weekly, 2 before" in err and "daily, in use" in err
    assert outputs(store) == 6, "only shown"
    freed, _ = cleaned("--free")
    assert freed["freed"] == shown["unneeded"] and outputs(store) == 4
    assert not list(store.artifacts.glob("*/models/m-*"))
    assert cleaned()[0]["unneeded"] == 0


def test_fewer_outputs_and_configurations_given_up(store: Store, cleaned):
    cleaned("--free")
    assert cleaned("--keep", "1", "--free")[0]["freed"] > 190_000 and outputs(store) == 2
    assert cleaned("--forget", "weekly", "--free")[0]["freed"] > 90_000 and outputs(store) == 1
    with pytest.raises(UserError, match="--forget weekly: no such configuration here; there are: daily"):
        cleaned("--forget", "weekly")


def test_the_model_of_a_version_stays(store: Store, cleaned):
    tracker = Tracker(read("clean", [f"store={store.path}", "tracking.experiment=tried"]).config)
    model = tracker.client.create_logged_model(tracker.experiment, name="m")
    folder = Path(model.artifact_location.removeprefix("file://"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights").write_bytes(b"w" * 300_000)
    tracker.client.create_registered_model("nlp")
    tracker.client.create_model_version("nlp", f"models:/{model.model_id}", model_id=model.model_id)
    _, err = cleaned("--free")
    assert (folder / "weights").exists() and "models:/nlp/1" in err
    tracker.client.delete_model_version("nlp", "1")
    cleaned("--free")
    assert not (folder / "weights").exists()


def test_no_store(tmp_path: Path):
    given = read("clean", [f"store={tmp_path / 'none'}"])
    with pytest.raises(UserError, match="none: no such store"):
        clean(given.config, **given.own)
