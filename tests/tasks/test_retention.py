"""What stays in a store and what goes: by configuration, by registered version, by age of unfinished work."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.retention import KEEP, age, hold, holdings, prune, used
from tasks.reuse import StageSpec, latest_output, run_stage
from tasks.store import Store

SPEC = StageSpec("stage", {"corpus": "aaa"}, {}, ("ftcore.errors",), configuration="mine")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def run(store: Store, lr: float, configuration: str = "mine", name: str = "stage") -> Path:
    def work(out: Path, _scratch: Path) -> None:
        (out / "a.bin").write_bytes(b"x" * 1000)

    spec = replace(SPEC, name=name, options={"lr": lr}, configuration=configuration)
    return Path(run_stage(store, spec, work).path)


def test_the_last_outputs_of_a_configuration_stay(store: Store):
    homes = [run(store, lr) for lr in range(6)]
    run(store, 3)  # in use again, though not the newest
    assert prune(store) > 3000
    assert [h.exists() for h in homes] == [False, False, False, True, True, True]
    assert used(homes[0].parent, "mine") == [homes[3].name, homes[5].name, homes[4].name]


def test_configurations_on_one_store_do_not_evict_each_other(store: Store):
    first = run(store, 0.5, "weekly")
    for lr in range(12):
        run(store, lr, "daily")
        prune(store)
        assert first.exists() and latest_output(store, "stage", "weekly").path == str(first)
    assert len([h for h in holdings(store) if h.stage == "stage"]) == KEEP + 1


def test_an_output_that_two_configurations_share_stays_for_both(store: Store):
    shared = run(store, 0, "one")
    assert run(store, 0, "two") == shared
    for lr in (1, 2, 3, 4):
        run(store, lr, "one")
    prune(store)
    assert shared.exists()
    (why,) = [h.why for h in holdings(store) if h.path == shared]
    assert why == "two, in use"


def test_what_a_registered_version_points_to_stays_until_it_is_gone(store: Store):
    homes = [run(store, 0), run(store, 0, name="report")]
    hold(store, "models:/nlp/7", homes)
    for lr in range(1, 9):
        run(store, lr)
        run(store, lr, name="report")
        prune(store, lambda uri: uri == "models:/nlp/7")
    assert all(h.exists() for h in homes)
    assert [h.why for h in holdings(store) if h.path == homes[1]] == ["models:/nlp/7"]
    prune(store, lambda uri: False)
    assert not any(h.exists() for h in homes)


def test_pieces_whose_file_is_gone_go_too(store: Store):
    gone = run(store, 0, name="prepare/a")
    for number in range(KEEP):
        assert gone.exists(), number
        run(store, number, name="prepare/b")
        age(store, "prepare", ["prepare/b"], "mine")
        prune(store)
    assert not gone.exists() and not gone.parent.exists() and (store.stages / "prepare" / "b").exists()


def test_a_piece_that_comes_back_is_in_use_again(store: Store):
    home = run(store, 0, name="prepare/a")
    for _ in range(KEEP - 1):
        age(store, "prepare", [], "mine")
    assert run(store, 0, name="prepare/a") == home and used(home.parent, "mine")[0] == home.name


def test_sizes_and_unfinished_work(store: Store):
    run(store, 0)
    for name in ("old", "new"):
        (store.scratch / "stage" / name / "out").mkdir(parents=True)
        (store.scratch / "stage" / name / "out" / "half").write_bytes(b"h" * 500)
    old = time.time() - 30 * 86_400
    for path in [*(store.scratch / "stage" / "old").rglob("*")]:
        os.utime(path, (old, old))
    by_name = {h.path.name: h for h in holdings(store)}
    assert by_name["old"].why == "" and by_name["old"].bytes == 500
    assert by_name["new"].why == "unfinished, 0 days old"
    assert 1000 < next(h.bytes for h in holdings(store) if h.stage == "stage") < 3000
    assert prune(store) == 500
    assert [p.name for p in (store.scratch / "stage").iterdir()] == ["new"]
