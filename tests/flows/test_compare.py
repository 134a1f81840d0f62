"""Versions side by side; the champion moves on request, never to a significantly worse model, and back."""

from __future__ import annotations

import json
import shutil
from contextlib import chdir
from pathlib import Path

import pytest

from ftcore.config import load_config
from ftcore.dictionary.lookup import Words
from ftcore.fasttext import FastText
from tasks.tracking import Tracker

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def compared(finished, tmp_path_factory, tools):
    """Version 1 (good), 2 (never trained: significantly worse), 3 (good, other learning rate)."""
    made = tools.copy_project(finished, tmp_path_factory.mktemp("compare") / "project")
    with chdir(made.folder):
        for option in ("finetune.epoch=0", "finetune.lr=0.9"):
            assert tools.run_command("pipeline", ["--config", made.config, option]) == 0
    return made


@pytest.fixture
def three(compared, tmp_path, monkeypatch, tools):
    made = tools.copy_project(compared, tmp_path / "project")
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def compare(three, invoke):
    """``flows.compare`` with the configuration, on the test split of the first run's shards."""
    shards = next((three.store / "stages" / "commit").glob("*/shards"))

    def call(*words: object, data: object = shards):
        return invoke("compare", "--config", three.config, *words, *(["--data", data] if data else []))

    return call


def tracker_of(project) -> Tracker:
    return Tracker(load_config(project.config))


def test_two_versions_give_a_table_and_a_page(three, compare, first_run):
    done = compare("models:/tiny/1", "models:/tiny/2", "models:/tiny/3")
    assert done.code == 0, done.err
    summary = done.summary
    assert summary["test_digest"] == first_run.summary["manifest_digest"]
    assert "tiny/1" in done.err and "tiny/2" in done.err and "macro" in done.err.lower(), "the table"
    page = Path(summary["report"]).read_text(encoding="utf-8")
    assert page.count("<html") == 1 and 'src="http' not in page
    assert all(w in page for w in ("tiny/1", "tiny/2", "tiny/3", "sport", summary["test_digest"][:12], "zh"))
    assert (
        "worse" in summary["verdicts"]["tiny/2"] and "significantly" in summary["verdicts"]["tiny/2"].lower()
    )
    assert "worse" not in summary["verdicts"]["tiny/3"].replace("not significantly worse", "")
    tracker = tracker_of(three)
    run = tracker.client.get_run(summary["mlflow_run_id"])
    assert run.info.status == "FINISHED" and run.data.tags["eval.digest"] == summary["test_digest"]
    assert [a.path for a in tracker.client.list_artifacts(run.info.run_id)] == [Path(summary["report"]).name]
    one, two = (run.data.metrics[f"tiny/{n}/macro_f1"] for n in (1, 2))
    assert one == pytest.approx(first_run.summary["metrics"]["macro_f1"], abs=1e-6) and one > two + 0.2
    assert tracker.alias("champion") is None, "nothing moves without being asked to"
    changes = summary["changes"]
    assert changes["tiny/2"] == ["finetune.epoch: 4 → 0"] and changes["tiny/3"] == ["finetune.lr: 1.0 → 0.9"]
    assert "finetune.lr: 1.0 → 0.9" in summary["verdicts"]["tiny/3"]
    assert run.data.metrics["tiny/1/documents_per_second"] > 0


def test_on_a_file_with_raw_texts(three, compare):
    lines = [json.loads(line) for line in (three.data / "en.jsonl").read_text().splitlines()]
    path = three.folder / "frozen.jsonl"
    path.write_text("".join(json.dumps({"body": r["text"], "topic": r["label"]}) + "\n" for r in lines))
    done = compare("models:/tiny/1", "models:/tiny/3", "--text", "body", "--label", "topic", data=path)
    assert done.code == 0, done.err
    digest = done.summary["test_digest"]
    assert len(digest) == 64
    path.write_text(path.read_text() + json.dumps({"body": "the goal", "topic": "sport"}) + "\n")
    again = compare("models:/tiny/1", "models:/tiny/3", "--text", "body", "--label", "topic", data=path)
    assert again.summary["test_digest"] != digest, "another set, another digest"
    seen = [w for w in again.summary["warnings"] if "training data" in w]
    assert len(seen) == 2 and "training data of tiny/1" in seen[0], "half of the file was trained on"
    refused = compare("models:/tiny/3", "--text", "body", "--label", "topic", "--promote", data=path)
    assert refused.code == 1 and "were in the training data of tiny/3" in refused.err
    assert tracker_of(three).alias("champion") is None


def test_runs_can_be_named_too(three, compare, first_run):
    done = compare(f"runs:/{first_run.summary['mlflow_run_id']}", "models:/tiny/2")
    assert done.code == 0, done.err
    assert set(done.summary["verdicts"]) == {"tiny/2"}


def test_promote_refuse_and_roll_back(three, compare, invoke):
    tracker = tracker_of(three)
    assert compare("models:/tiny/1", "--promote").code == 0, "the first one has nobody to beat"
    assert tracker.alias("champion") == "1"

    refused = compare("models:/tiny/2", "--promote")
    assert refused.code == 1 and "Traceback" not in refused.err
    message = refused.err[refused.err.index("error:") :]
    assert "not promoted" in message and "worse" in message and "stays models:/tiny/1" in message
    assert sum(c.isdigit() for c in message) > 6, f"with the figures: {message}"
    assert tracker.alias("champion") == "1"
    tags = tracker.client.get_model_version("tiny", "2").tags
    assert tags["gate.status"] == "refused" and len(tags["eval.digest"]) == 64

    promoted = compare("models:/tiny/3", "--promote")
    assert promoted.code == 0, promoted.err
    assert promoted.summary["champion"] == "models:/tiny/3" and tracker.alias("champion") == "3"
    tags = tracker.client.get_model_version("tiny", "3").tags
    assert tags["gate.status"] == "passed" and tags["replaced_version"] == "1"

    back = compare("--rollback", data=None)
    assert back.code == 0 and back.summary["rolled_back_from"] == "3" and back.summary["champion"] == "1"
    assert tracker.alias("champion") == "1"
    again = compare("--rollback", data=None)
    assert again.code == 0 and "nothing to roll back" in again.err and "replaced none" in again.err
    assert again.summary["rolled_back_from"] is None and tracker.alias("champion") == "1"
    run = tracker.client.get_run(again.summary["mlflow_run_id"])
    assert run.info.status == "FINISHED", "nothing to do is no failure"


def test_the_worse_model_is_refused_whatever_the_order_it_is_named_in(three, compare):
    assert compare("models:/tiny/1", "--promote").code == 0
    refused = compare("models:/tiny/3", "models:/tiny/2", "--promote")
    assert refused.code == 1 and tracker_of(three).alias("champion") == "1"
    refused = compare("models:/tiny/2", "models:/tiny/2", "--promote")
    assert refused.code == 1 and tracker_of(three).alias("champion") == "1"


@pytest.fixture
def add_version(three, tmp_path):
    """A version whose labels are the given ones: the first one's model, with other names on its outputs."""

    def add(labels: dict[str, str], name: str = "tiny") -> str:
        tracker = tracker_of(three)
        tracker.options = tracker.options.model_copy(update={"model_name": name})
        model = FastText.load(tracker.download("models:/tiny/1")[0])
        dictionary = model.dictionary
        model.labels = [labels.get(label, label) for label in dictionary.labels]
        dictionary.packed_labels = Words.of([name.encode() for name in model.labels])
        dictionary.__dict__.pop("labels", None)  # made from the packed ones when it is asked for
        model.save(tmp_path / "renamed")
        run = tracker.start("renamed", kind="register")
        made = tracker.register(run, tmp_path / "renamed", tags={}, example=["text"])
        tracker.end(run)
        shutil.rmtree(tmp_path / "renamed")
        return made["model_uri"]

    return add


def test_other_labels_are_promoted_on_request_alone_and_disjoint_ones_never(three, compare, add_version):
    tracker = tracker_of(three)
    assert compare("models:/tiny/1", "--promote").code == 0
    changed, disjoint = add_version({"tech": "travel"}), add_version({"tech": "0", "food": "1", "sport": "2"})

    refused = compare(disjoint, "--promote", "--allow-changed-labels")
    assert refused.code == 1 and "share no label" in refused.err and tracker.alias("champion") == "1"
    refused = compare(changed, "--promote", "--allow-changed-labels")
    assert refused.code == 1 and "significantly worse" in refused.err, "asked for, but still worse"
    compared = compare("models:/tiny/1", disjoint)
    assert compared.code == 0 and "share no label" in compared.summary["warnings"][0]
    assert "better" not in compared.summary["verdicts"]["tiny/5"]

    # a frozen set without the label that has gone: the newcomer is as good on it
    rows = [json.loads(line) for line in (three.data / "en.jsonl").read_text().splitlines()]
    path = three.folder / "frozen.jsonl"
    texts = [(f"{r['text']} {n}", r["label"]) for n, r in enumerate(rows) if r["label"] != "tech"]
    path.write_text("".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in texts))
    refused = compare(changed, "--promote", data=path)
    assert refused.code == 1 and "only tiny/4 knows travel" in refused.err
    assert "--allow-changed-labels" in refused.err and tracker.alias("champion") == "1"
    promoted = compare(changed, "--promote", "--allow-changed-labels", data=path)
    assert promoted.code == 0, promoted.err
    assert tracker.alias("champion") == "4"


def test_nobody_is_crowned_on_a_test_set_that_cannot_tell(three, compare):
    tracker = tracker_of(three)
    other, short = three.folder / "other.csv", three.folder / "short.csv"
    other.write_text("text,label\n" + "".join(f"the match {n},政治\n" for n in range(40)))
    short.write_text("text,label\nmatch goal team coach,sport\ndough oven salt butter,food\n")
    for champion in (None, "1"):
        refused = compare("models:/tiny/3", "--promote", data=other)
        assert refused.code == 1 and "no model knows any of the test set's labels (政治)" in refused.err
        refused = compare("models:/tiny/3", "--promote", data=short)
        assert refused.code == 1 and "2 documents: too few" in refused.err
        refused = compare("models:/tiny/2", "--promote")  # never trained
        assert refused.code == 1 and "no better than always answering" in refused.err
        assert tracker.alias("champion") == champion
        if champion is None:
            assert compare("models:/tiny/1", "--promote").code == 0


def test_the_last_one_named_is_promoted_or_nobody(three, compare, add_version):
    """The champion named last was taken out of its place once, and the model before it crowned."""
    tracker = tracker_of(three)
    assert compare("models:/tiny/3", "--promote").code == 0
    again = compare("models:/tiny/1", "models:/tiny/3", "--promote")
    assert again.code == 0 and "is the champion already" in again.err and not again.summary["promoted"]
    assert tracker.alias("champion") == "3"
    stranger = add_version({}, name="other")
    refused = compare(stranger, "--promote")
    assert refused.code == 1 and "a version of other" in refused.err, "tiny's version 1 was crowned once"
    assert tracker.alias("champion") == "3"


def test_the_challenger_is_an_alias_of_its_own(three, compare):
    tracker = tracker_of(three)
    assert compare("models:/tiny/1", "--promote").code == 0
    done = compare("models:/tiny/3", "--promote", "challenger")
    assert done.code == 0, done.err
    assert (tracker.alias("challenger"), tracker.alias("champion")) == ("3", "1")
    refused = compare("models:/tiny/2", "--promote", "challenger")
    assert refused.code == 1 and (tracker.alias("challenger"), tracker.alias("champion")) == ("3", "1")
    done = compare("models:/tiny@challenger", "--promote")
    assert done.code == 0 and tracker.alias("champion") == "3"


def test_aliases_and_runs_left_by_a_refusal(three, compare):
    compare("models:/tiny/1", "--promote")
    compare("models:/tiny/2", "--promote")
    tracker = tracker_of(three)
    runs = tracker.client.search_runs([tracker.experiment])
    assert not [r for r in runs if r.info.status == "RUNNING"]
    failed = [r for r in runs if r.info.status == "FAILED"]
    assert len(failed) == 1 and "not promoted" in failed[0].data.tags["error"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["models:/tiny/1"], "at least two models"),
        (["models:/tiny/1", "models:/tiny/1"], "the same model twice"),
        (["models:/tiny/1", "models:/tiny/9"], "models:/tiny/9"),
        (["models:/tiny/1", "models:/nobody/1"], "models:/nobody/1"),
        (["models:/tiny/1", "models:/tiny@champion"], "models:/tiny@champion"),
        (["models:/tiny/1", "runs:/0123456789"], "runs:/0123456789"),
        (["models:/tiny/1", "some/folder"], "some/folder: not a model"),
        (["--rollback"], "promote a version first"),
    ],
)
def test_bad_requests_are_one_line(three, compare, words, said):
    done = compare(*words)
    assert done.code == 1 and said in done.err and "Traceback" not in done.err, done.err


def test_bad_test_sets_are_one_line(three, compare):
    models = ["models:/tiny/1", "models:/tiny/2"]
    assert "--data is missing" in compare(*models, data=None).err
    assert "gone.csv" in compare(*models, data="gone.csv").err
    assert "'topic'" in compare(*models, "--label", "topic", data=three.data / "zh.csv").err
    (three.folder / "empty.csv").write_text("text,label\n")
    assert "no labelled document" in compare(*models, data=three.folder / "empty.csv").err
    directory = Path(tracker_of(three).download("models:/tiny/1")[0])
    done = compare("models:/tiny/1", "--promote")
    done = compare(directory, "--promote")
    assert done.code == 1 and "only a registered version can be promoted" in done.err
    assert compare("models:/tiny/9", "--promote").code == 1
    assert "models:/tiny@nobody" in compare("models:/tiny@nobody", "--promote").err
