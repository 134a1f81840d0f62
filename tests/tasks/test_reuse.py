"""Reuse on small made-up stages: what stands, what does not, and the words that say why."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

import tasks.reuse
from tasks.reuse import StageSpec, as_dict, latest_output, run_stage, verify
from tasks.store import Store

SPEC = StageSpec("stage", {"corpus": "aaa"}, {"lr": 0.1, "group": {"dim": 3}}, ("ftcore.errors",))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


class Work:
    """Writes one file and one file about the run; counts its calls."""

    def __init__(self, content: str = "x"):
        self.content, self.calls = content, 0

    def __call__(self, out: Path, scratch: Path) -> dict:
        self.calls += 1
        (out / "sub").mkdir()
        (out / "sub" / "a.txt").write_text(self.content)
        (out / "about").mkdir()
        (out / "about" / "speed.json").write_text(str(time.time_ns()))
        return {"rows": 3}


def test_the_first_run_says_so_and_the_second_is_reused(store: Store):
    work = Work()
    first = run_stage(store, SPEC, work)
    assert (first.state, first.reason, work.calls) == ("recomputed", "no earlier output", 1)
    assert first.file("sub/a.txt").read_text() == "x" and first.result == {"rows": 3} and not first.reused
    second = run_stage(store, SPEC, work)
    assert second.reused and work.calls == 1
    assert (second.path, second.digest, second.result) == (first.path, first.digest, first.result)
    assert "inputs" in second.reason and "options" in second.reason and "code" in second.reason
    assert not (store.scratch / "stage").exists() or not list((store.scratch / "stage").iterdir())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inputs": {"corpus": "bbb"}}, "input changed: corpus"),
        ({"inputs": {"corpus": "aaa", "words": "c"}}, "input changed: words"),
        ({"inputs": {}}, "input changed: corpus"),
        ({"options": {"lr": 0.2, "group": {"dim": 3}}}, "lr: 0.1 → 0.2"),
        ({"options": {"lr": 0.1, "group": {"dim": 4}}}, "group.dim: 3 → 4"),
        ({"options": {"lr": 0.1}}, 'group: {"dim": 3} → nothing'),
        ({"code": ("ftcore.errors", "ftcore.dictionary.init")}, "code changed: "),
    ],
)
def test_every_change_is_named(store: Store, change: dict, reason: str):
    work = Work()
    run_stage(store, SPEC, work)
    output = run_stage(store, replace(SPEC, **change), work)
    assert output.state == "recomputed" and output.reason.startswith(reason) and work.calls == 2


def test_a_run_is_compared_with_the_last_of_its_own_configuration(store: Store):
    """Two configurations that take turns on one store: each hears of its own changes alone."""
    mine = replace(SPEC, configuration="mine", options={"lr": 0.1, "dim": 3})
    other = replace(SPEC, configuration="other", options={"lr": 9.0, "dim": 9})
    run_stage(store, mine, Work())
    assert run_stage(store, other, Work()).reason == "no earlier output"
    changed = replace(mine, options={"lr": 0.1, "dim": 4})
    assert run_stage(store, changed, Work()).reason == "dim: 3 → 4"
    assert run_stage(store, replace(other, inputs={"corpus": "b"}), Work()).reason == "input changed: corpus"
    assert run_stage(store, replace(mine, configuration="third"), Work()).reused, "outputs are shared"
    assert latest_output(store, "stage", "mine").path != latest_output(store, "stage", "third").path


def test_going_back_to_earlier_options_reuses_their_output(store: Store):
    work = Work()
    first = run_stage(store, SPEC, work)
    run_stage(store, replace(SPEC, options={"lr": 0.2}), work)
    again = run_stage(store, SPEC, work)
    assert again.reused and again.path == first.path and work.calls == 2
    assert latest_output(store, "stage", "ftcore").path == first.path


def test_the_digest_covers_content_not_the_run(store: Store):
    """Curves and speeds differ from run to run; what follows must not be recomputed for them."""
    first = run_stage(store, SPEC, Work())
    other = run_stage(store, replace(SPEC, options={"lr": 0.2}), Work())
    assert first.digest == other.digest
    assert run_stage(store, replace(SPEC, options={"lr": 0.3}), Work("y")).digest != first.digest


# --------------------------------------------------------------------------------------- damage
def flip(path: Path, at: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["sub/a.txt", "about/speed.json"])
def test_one_flipped_byte_of_an_output_is_seen(store: Store, name: str):
    work = Work()
    first = run_stage(store, SPEC, work)
    flip(first.file(name))
    output = run_stage(store, SPEC, work)
    assert output.state == "recomputed" and output.reason == f"output {name} has changed on disk"
    assert output.digest == first.digest and work.calls == 2, "the same content: what follows stays"
    assert run_stage(store, SPEC, work).reused


def test_a_missing_file_is_seen(store: Store):
    first = run_stage(store, SPEC, Work())
    first.file("sub/a.txt").unlink()
    assert latest_output(store, "stage", "ftcore") is None
    assert run_stage(store, SPEC, Work()).reason == "output sub/a.txt is missing"


def test_a_flipped_byte_anywhere_in_the_record_is_seen(store: Store):
    """A result (say, a metric) that the record holds must not change unseen either."""
    first = run_stage(store, SPEC, Work())
    record = first.file("stage.json")
    good = record.read_bytes()
    assert b'"rows": 3' in good
    for at in range(0, len(good), 7):
        flip(record, at)
        output = run_stage(store, SPEC, Work(), dry=True)
        content = record.read_bytes()
        try:  # a flipped blank between tokens changes nothing of what it says
            same = json.loads(content) == json.loads(good)
        except ValueError:
            same = False
        assert (output.state == "reused") == same, (at, content)
        record.write_bytes(good)
    record.write_bytes(good.replace(b'"rows": 3', b'"rows": 4'))
    output = run_stage(store, SPEC, Work())
    assert output.state == "recomputed" and output.reason == "output stage.json has changed on disk"
    assert output.result == {"rows": 3}


def test_a_further_check_of_the_result_can_refuse(store: Store):
    work = Work()
    run_stage(store, SPEC, work)
    seen = []
    output = run_stage(
        store, SPEC, work, still_good=lambda result: seen.append(result) or "version 1 is gone"
    )
    assert output.reason == "version 1 is gone" and seen == [{"rows": 3}] and work.calls == 2
    assert run_stage(store, SPEC, work, still_good=lambda _: "").reused


def test_verify_names_the_first_difference(store: Store):
    output = run_stage(store, SPEC, Work())
    record = json.loads(output.file("stage.json").read_text())
    assert verify(Path(output.path), record) == ""


# ------------------------------------------------------------------------------ failure and crash
def test_a_failed_stage_leaves_no_output_and_keeps_its_checkpoint(store: Store):
    def fails(out: Path, scratch: Path) -> dict:
        (out / "half").write_text("h")
        (scratch / "checkpoint").write_text("c")
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        run_stage(store, SPEC, fails)
    assert not list(store.stages.rglob("stage.json"))

    def goes_on(out: Path, scratch: Path) -> dict:
        assert (scratch / "checkpoint").read_text() == "c" and not list(out.iterdir())
        return {}

    assert run_stage(store, SPEC, goes_on).state == "recomputed"
    assert not list(store.scratch.rglob("checkpoint"))


def test_an_output_without_a_record_does_not_count(store: Store):
    first = run_stage(store, SPEC, Work())
    first.file("stage.json").unlink()
    output = run_stage(store, SPEC, Work())
    assert output.state == "recomputed" and output.reason == "no earlier output"


# --------------------------------------------------------------------------------------- dry run
def test_a_dry_run_says_and_writes_nothing(store: Store):
    work = Work()
    planned = run_stage(store, SPEC, work, dry=True)
    assert (planned.state, planned.reason, work.calls) == ("planned", "no earlier output", 0)
    assert not store.path.exists()
    run_stage(store, SPEC, work)
    assert run_stage(store, SPEC, work, dry=True).reused
    planned = run_stage(store, replace(SPEC, options={"lr": 1}), work, dry=True)
    assert planned.state == "planned" and "lr: 0.1 → " in planned.reason and work.calls == 1


def test_summary_form_is_json(store: Store):
    row = as_dict(run_stage(store, SPEC, Work()))
    assert json.loads(json.dumps(row))["stage"] == "stage" and row["result"] == {}


def test_config_is_not_part_of_the_code(store: Store):
    assert "ftcore/config.py" not in tasks.reuse.StageSpec("s", {}, {}, ("ftcore.fasttext",)).sources()
