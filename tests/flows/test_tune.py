"""The search as a flow: a run per trial, the best options as a file, a registered model made with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ftcore.config import load_config
from tasks.tracking import Tracker

pytestmark = pytest.mark.flow


@pytest.fixture
def searched(ready, invoke):
    """One search of some seconds on the shards and vectors of the finished pipeline."""
    done = invoke("tune", "--config", ready.config, "tune.duration=3", "finetune.lr=0.01", "finetune.epoch=1")
    assert done.code == 0, done.err
    return done


def test_a_search_leaves_trials_the_best_options_and_a_model_made_with_them(
    searched, ready, invoke, first_run
):
    summary = searched.summary
    states = searched.states
    # what the search does not touch is the pipeline's own
    assert states["commit"] == states["pretrain"] == states["dictionary-pretrain"] == "reused"
    assert states["tune"] == states["finetune"] == states["register"] == "recomputed"
    assert summary["model_uri"] == "models:/tiny/2" and summary["score"] > 0.8

    best = Path(summary["best"])
    assert best.parent == Path(summary["report"]).parent and best.is_relative_to(ready.store)
    written = load_config(best)
    assert written.finetune.lr == summary["tuned"]["lr"] and written.finetune.lr != 0.01
    assert written.pretrain == load_config(ready.config).pretrain and written.finetune_dim == 16
    assert yaml.safe_load(best.read_text(encoding="utf-8"))["finetune"]["epoch"] == summary["tuned"]["epoch"]
    assert "best options" in searched.err and f"lr: {written.finetune.lr}" in searched.err

    tracker = Tracker(load_config(ready.config))
    run = summary["mlflow_run_id"]
    parent = tracker.client.get_run(run)
    assert parent.data.params["finetune.lr"] == str(written.finetune.lr)
    assert parent.data.metrics["tune_score"] == pytest.approx(summary["score"])
    trials = trial_runs(tracker, run)
    assert len(trials) == summary["trials"] >= 2
    scores = {t.info.run_id: t.data.metrics.get("score") for t in trials}
    assert max(s for s in scores.values() if s is not None) == pytest.approx(summary["score"])
    first = min(trials, key=lambda t: t.info.start_time)
    assert first.data.params["finetune.lr"] == "0.01" and first.data.params["finetune.epoch"] == "1"
    for trial in trials:
        assert trial.info.status in ("FINISHED", "KILLED") and trial.data.tags["outcome"]
        seconds = (trial.info.end_time - trial.info.start_time) / 1000
        assert trial.data.metrics["seconds"] == pytest.approx(seconds, abs=0.01)
        assert trial.data.params["finetune.dim"] == "16"  # that of the pretrained vectors
    assert {a.path for a in tracker.client.list_artifacts(run)} >= {"best.yaml", "report.html"}

    # the same again: nothing is searched twice; the file alone makes the same model
    again = invoke(
        "tune", "--config", ready.config, "tune.duration=3", "finetune.lr=0.01", "finetune.epoch=1"
    )
    assert again.code == 0 and set(again.states.values()) == {"reused"}
    assert trial_runs(tracker, again.summary["mlflow_run_id"]) == []
    plain = invoke("pipeline", "--config", best)
    assert plain.code == 0 and plain.states["finetune"] == plain.states["register"] == "reused"
    assert plain.summary["model_uri"] == "models:/tiny/2"


def trial_runs(tracker: Tracker, parent: str) -> list:
    query = f"tags.`mlflow.parentRunId` = '{parent}' and tags.`ftcore.kind` = 'trial'"
    return list(tracker.client.search_runs([tracker.experiment], query))


def test_a_metric_that_is_none_stops_before_any_work(project, invoke):
    done = invoke("tune", "--config", project.config, "tune.metric=accuracy")
    assert done.code == 1 and "Unknown metric" in done.err and "prepare" not in done.err


def test_a_dry_run_says_what_would_run(ready, invoke):
    done = invoke("tune", "--config", ready.config, "--dry-run")
    assert done.code == 0, done.err
    assert done.summary["tune"]["would"] == "planned" and done.summary["commit"]["would"] == "reused"


def test_without_a_valid_split_there_is_nothing_to_judge_by(project, invoke):
    done = invoke("tune", "--config", project.config, "split.valid=0", "pretrain.enabled=false")
    assert done.code == 1 and "split.valid" in done.err
