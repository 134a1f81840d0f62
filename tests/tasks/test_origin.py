"""What two models were made with differently, and what a model was trained on."""

from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa
import pytest

from ftcore.shards.manifest import SHARD, FileEntry, Manifest, load_manifest
from ftcore.shards.shards import write_shard
from tasks.origin import Origin, differences, origin_of, trained_on

OPTIONS = {
    "seed": "0",
    "store": "/a/store",
    "finetune.lr": "1.0",
    "tracking.experiment": "one",
    "ingest.sources": "[{'path': 'a.csv', 'label': 'cat', 'text': ['t']}]",
}


def origin(options: dict | None = None, data: str = "a" * 64, **tags: str) -> Origin:
    return Origin("r", OPTIONS | (options or {}), {"data.digest": data, "git.sha": "1" * 40, **tags})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (origin(), []),
        (origin({"finetune.lr": "0.5"}), ["finetune.lr: 1.0 → 0.5"]),
        (origin({"store": "/b", "tracking.experiment": "two", "workers": "3"}), []),  # they shape nothing
        (
            origin({"ingest.sources": "[{'path': 'a.csv', 'label': 'topic', 'text': ['t']}]"}),
            ["ingest.sources[0].label: cat → topic"],
        ),
        (
            origin({"ingest.sources": "[{'path': 'a.csv', 'label': 'cat', 'text': ['t', 'u']}]"}),
            ['ingest.sources[0].text: ["t"] → ["t", "u"]'],
        ),
        (origin(data="b" * 64), ["data aaaaaaaa → bbbbbbbb"]),
        (origin(**{"git.sha": "2" * 40}), ["code 11111111 → 22222222"]),
        (origin(**{"git.sha": "2" * 40, "git.dirty": "true"}), ["code 11111111 → 22222222 with changes"]),
        (
            origin({"seed": "1"}, data="b" * 64, **{"git.sha": "2" * 40}),
            ["seed: 0 → 1", "data aaaaaaaa → bbbbbbbb", "code 11111111 → 22222222"],
        ),
        (Origin(), []),  # a folder: nothing is known
    ],
)
def test_differences(other, said):
    assert differences(origin(), other) == said


def test_the_same_commit_with_other_sources_is_told_apart_by_their_digest():
    one = origin(**{"git.dirty": "true", "code.digest": "c" * 64})
    two = origin(**{"git.dirty": "true", "code.digest": "d" * 64})
    assert differences(one, two) == ["code cccccccc with changes → dddddddd with changes"]
    moved = origin(**{"git.sha": "2" * 40, "code.digest": "c" * 64})
    assert differences(one, moved) == [], "another commit, the same sources"


def test_the_very_same_model_is_said():
    one = Origin("r", OPTIONS, model_digest="m")
    assert (
        "the very same model" in differences(one, Origin("s", OPTIONS | {"seed": "1"}, model_digest="m"))[0]
    )


def test_long_values_are_cut():
    (said,) = differences(origin({"name2": "x" * 500}), origin({"name2": "y"}))
    assert len(said) < 120


@pytest.fixture
def shards(tmp_path):
    """Training documents 0..9, test documents 10..12."""
    rows = [
        {
            "id": f"{n:032x}",
            "language": "en",
            "split": "train" if n < 10 else "test",
            "labels": ["a"],
            "tokens": f"word {n}",
            "source": "s",
        }
        for n in range(13)
    ]
    entry = write_shard(tmp_path, 0, [pa.RecordBatch.from_pylist(rows, schema=SHARD)], row_group=10)
    (tmp_path / "quarantine.jsonl").write_text("")
    numbers = dict.fromkeys(("read", "rejected", "filtered", "duplicates"), 0)
    Manifest(
        inputs="i",
        options="o",
        shards=[entry],
        quarantine=FileEntry.of(tmp_path / "quarantine.jsonl", 0),
        rows=13,
        counts={},
        documents={},
        labels={},
        **numbers,
    ).write(tmp_path)
    return tmp_path


def test_documents_that_a_model_was_trained_on_are_found(shards):
    digest = load_manifest(shards).digest
    made = Origin("r", {}, {"data.digest": digest}, shards=str(shards))
    ids = [f"{n:032x}" for n in (3, 9, 10, 99)]
    assert trained_on(made, ids) == {ids[0], ids[1]}, "test documents and strangers are not among them"
    assert trained_on(made, []) == set()


def test_where_the_shards_have_gone_or_are_others_it_cannot_be_told(shards, tmp_path):
    ids = [f"{3:032x}"]
    assert trained_on(Origin(), ids) is None
    assert trained_on(Origin("r", {}, {"data.digest": "d"}, shards=str(tmp_path / "gone")), ids) is None
    assert trained_on(Origin("r", {}, {"data.digest": "other"}, shards=str(shards)), ids) is None
    digest = load_manifest(shards).digest
    next(shards.glob("*.parquet")).unlink()
    assert trained_on(Origin("r", {}, {"data.digest": digest}, shards=str(shards)), ids) is None


class Runs:
    """A tracker that knows a pipeline's run and the child that logged its model."""

    def __init__(self) -> None:
        given = SimpleNamespace(dataset=SimpleNamespace(source='{"uri": "file:///store/some%20shards"}'))
        parent = {"data.digest": "d1"}
        self.known = {
            "parent": self.made("parent", {"seed": "7"}, parent, [given]),
            "child": self.made("child", {}, {"mlflow.parentRunId": "parent"}, []),
        }
        self.version = SimpleNamespace(tags={"pipeline_run": "parent", "model.digest": "m"}, run_id="child")
        self.client = SimpleNamespace(get_model_version=lambda name, version: self.version)
        self.run = self.known.get

    def made(self, run, params, tags, inputs):
        data = SimpleNamespace(params=params, tags=tags, metrics={})
        return SimpleNamespace(
            info=SimpleNamespace(run_id=run), data=data, inputs=SimpleNamespace(dataset_inputs=inputs)
        )


def test_the_run_behind_an_address():
    runs = Runs()
    for address in ("models:/m/1", "runs:/child/model", "runs:/parent"):
        found = origin_of(runs, address)
        assert (found.run, found.data, found.options["seed"]) == ("parent", "d1", "7"), address
        assert found.shards == "/store/some shards"
    runs.version.tags.pop("pipeline_run")
    assert origin_of(runs, "models:/m/1").run == "parent", "by the run that logged it"
    runs.known.clear()
    assert origin_of(runs, "models:/m/1") == Origin(model_digest="m"), "deleted since"
    assert origin_of(runs, "/some/folder") == Origin()
