"""The whole chain on a tiny corpus: what a run leaves, what a second one reuses, each flow alone."""

from __future__ import annotations

import bz2
import json
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftcore.config import load_config
from ftcore.shards.manifest import load_manifest
from tasks.tracking import Tracker

pytestmark = pytest.mark.flow
ROOT = Path(__file__).resolve().parents[2]
STAGES = [
    "prepare", "dedup", "commit", "dictionary-pretrain", "pretrain",
    "dictionary-finetune", "finetune", "baseline", "evaluate", "register", "report",
]  # fmt: skip


def tree(folder: Path) -> set[str]:
    """Files below a folder, as relative paths."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def tracker(ready) -> Tracker:
    return Tracker(load_config(ready.config))


# ----------------------------------------------------------------------------------- the first run
def test_the_first_run_computes_everything_and_says_so(first_run, finished):
    summary = first_run.summary
    assert list(first_run.states) == STAGES
    assert set(first_run.states.values()) == {"recomputed"} and summary["reused"] is False
    assert set(first_run.reasons.values()) == {"no earlier output"}
    assert summary.keys() >= {"mlflow_run_id", "model_uri", "report", "metrics", "stages", "manifest_digest"}
    assert summary["model_uri"] == "models:/tiny/1"
    assert Path(summary["report"]).is_file() and Path(summary["report"]).is_relative_to(finished.store)


def test_it_learns(first_run):
    metrics = first_run.summary["metrics"]
    assert metrics["macro_f1"] > 0.85 > 0.5 > metrics["majority_macro_f1"]
    assert metrics["en/accuracy"] > 0.8 and metrics["zh/accuracy"] > 0.8
    assert metrics["en/documents"] + metrics["zh/documents"] == metrics["documents"]


def test_a_linear_baseline_stands_beside_the_scores(first_run):
    metrics = first_run.summary["metrics"]
    for name in ("linear_accuracy", "linear_macro_f1", "en/linear_accuracy", "zh/linear_accuracy"):
        assert 0.5 < metrics[name] <= 1, name
    assert metrics["linear_share"] == 1 and "linear_ece" not in metrics
    page = Path(first_run.summary["report"]).read_text(encoding="utf-8")
    assert "linear TF-IDF" in page and f"{metrics['linear_macro_f1']:.3f}" in page


@pytest.mark.parametrize("beside", ["majority", "off"])
def test_the_baseline_can_be_the_majority_class_or_nothing(ready, invoke, beside):
    metrics = invoke("evaluate", "--config", ready.config, f"evaluate.baseline={beside}").summary["metrics"]
    assert "accuracy" in metrics and not any("linear_" in name for name in metrics)
    assert any("majority_" in name for name in metrics) == (beside == "majority")


def test_a_run_that_learnt_too_little_says_what_to_set(ready, invoke, tracker):
    done = invoke("pipeline", "--config", ready.config, "finetune.epoch=1", "finetune.lr=0.001")
    (sentence,) = [w for w in done.summary["warnings"] if "loss hardly fell" in w]
    assert "finetune.epoch=100 finetune.lr=0.25" in sentence and "flows.tune" in sentence
    assert sentence in " ".join(done.err.split())
    run = tracker.client.get_run(done.summary["mlflow_run_id"])
    assert sentence in run.data.tags["warnings"] and run.data.params["settled.epoch"] == "1"
    assert "loss hardly fell" in Path(done.summary["report"]).read_text(encoding="utf-8")
    assert done.states["baseline"] == "reused", "it rests on the data alone"


def test_a_registered_model_goes_on_with_what_was_kept_beside_it(ready, invoke, tracker):
    how = ["--config", ready.config, "pretrain.enabled=false", "finetune.head=linear", "finetune.replay=30"]
    first = invoke("pipeline", *how, "finetune.word_ngrams=2").summary
    done = invoke("retrain", *how, "finetune.maxn=3", f"finetune.earlier={first['model_uri']}")
    assert "finetune.maxn=3 has no effect: finetune.earlier goes on with its own, 0" in " ".join(
        done.err.split()
    )
    below = (
        f"tags.`mlflow.parentRunId` = '{done.summary['mlflow_run_id']}' and tags.`ftcore.kind` = 'finetune'"
    )
    (made,) = tracker.client.search_runs([tracker.experiment], below)
    assert [made.data.params[f"finetune.{name}"] for name in ("word_ngrams", "maxn")] == ["2", "0"]
    dry = invoke("retrain", "--dry-run", *how, f"finetune.earlier={first['model_uri']}")
    assert dry.summary["finetune"]["would"] == "reused", "the same n-grams, whatever the configuration says"
    stages = sorted(
        (ready.store / "stages" / "finetune").glob("*/kept.jsonl.bz2"), key=lambda p: p.stat().st_mtime
    )
    before, after = [json.loads(bz2.decompress(path.read_bytes()).split(b"\n")[0]) for path in stages]
    assert after["seen"] == 2 * before["seen"] and after["capacity"] == 30
    assert all((path.parent / "kept_valid.jsonl.bz2").is_file() for path in stages)
    assert done.summary["metrics"]["macro_f1"] > 0.85 and done.summary["model_uri"] != first["model_uri"]
    new = ready.data / "new.jsonl"  # the kept texts bring the other labels
    rows = [{"text": f"violin opera {n} cello", "label": "music"} for n in range(60)]
    new.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    sources = f"ingest.sources=[{{path: {new}, label: label}}]"
    third = invoke("retrain", *how, sources, f"finetune.earlier={done.summary['model_uri']}")
    assert third.code == 0 and third.summary["metrics"]["accuracy"] == 1, third.err


def test_the_report_is_one_page_that_needs_no_network(first_run):
    page = Path(first_run.summary["report"]).read_text(encoding="utf-8")
    assert "<html" in page and "体育" not in page and "sport" in page
    for word in ('src="http', "src='http", '<link rel="stylesheet"', "@import", 'src="//'):
        assert word not in page


def test_every_document_is_accounted_for(first_run):
    manifest = load_manifest(first_run.summary["shards"])
    assert manifest.read == 2 * 3 * (50 + 60)
    assert manifest.read == manifest.rows + manifest.rejected + manifest.filtered + manifest.duplicates
    assert set(manifest.documents) == {"train", "valid", "test", "unlabelled"}
    assert set(manifest.labels) == {"sport", "food", "tech"}


def test_mlflow_has_a_parent_with_children_parameters_curves_tables_and_the_data(first_run, tracker):
    client, parent = tracker.client, tracker.client.get_run(first_run.summary["mlflow_run_id"])
    tags, params = parent.data.tags, parent.data.params
    assert parent.info.status == "FINISHED" and tags["model_uri"] == "models:/tiny/1"
    assert tags["data.digest"] == first_run.summary["manifest_digest"] and len(tags["config.digest"]) == 64
    assert tags["prefect.flow_run_id"] and tags["trigger"] == "command"
    assert params["pretrain.dim"] == "16" and params["finetune.lr"] == "1.0"
    assert parent.data.metrics["test/macro_f1"] == pytest.approx(first_run.summary["metrics"]["macro_f1"])
    assert {a.path for a in client.list_artifacts(parent.info.run_id)} >= {"report.html"}
    (data,) = parent.inputs.dataset_inputs
    assert first_run.summary["manifest_digest"].startswith(data.dataset.digest)
    children = client.search_runs([tracker.experiment], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    by_kind = {r.data.tags["ftcore.kind"]: r for r in children}
    assert set(by_kind) >= {"commit", "pretrain", "finetune", "evaluate", "register"}
    assert {r.info.status for r in children} == {"FINISHED"}
    for kind, curve in (
        ("pretrain", "loss"),
        ("pretrain", "lr"),
        ("finetune", "loss"),
        ("finetune", "valid_accuracy"),
    ):
        history = client.get_metric_history(by_kind[kind].info.run_id, f"{kind}/{curve}")
        assert history and all(m.value == m.value for m in history), (kind, curve)
        whole = client.get_metric_history(parent.info.run_id, f"{kind}/{curve}")
        assert {(m.step, m.value) for m in whole} == {(m.step, m.value) for m in history}, "on its page too"
    sections = sorted({name.split("/")[0] for name in parent.data.metrics})
    assert sections == ["finetune", "pretrain", "test", "vectors"], (
        "MLflow's order: the curves, then the scores"
    )
    assert parent.data.metrics["test/zh/accuracy"] == first_run.summary["metrics"]["zh/accuracy"]
    (made,) = parent.outputs.model_outputs
    logged = client.get_logged_model(made.model_id)
    assert logged.source_run_id == by_kind["register"].info.run_id, "its model stands on the pipeline's page"
    assert client.get_model_version("tiny", "1").source == f"models:/{made.model_id}"
    assert first_run.summary["mlflow_page"].endswith("?workflowType=machine_learning")
    assert by_kind["finetune"].data.tags["engine"] == "cpu"
    assert "device=cpu" in by_kind["finetune"].data.tags["engine.reason"]
    evaluation = by_kind["evaluate"].info.run_id
    tables = {a.path for a in client.list_artifacts(evaluation, "tables")}
    assert {f"tables/{t}.json" for t in ("per_label", "per_language", "confusion", "neighbors")} <= tables
    assert len(client.list_artifacts(evaluation, "plots")) == 3
    assert {a.path for a in client.list_artifacts(by_kind["commit"].info.run_id, "data")} == {
        "data/manifest.json"
    }


def test_mlflow_tables_are_read_back(first_run, tracker):
    query = f"tags.`mlflow.parentRunId` = '{first_run.summary['mlflow_run_id']}' and tags.`ftcore.kind` = 'evaluate'"
    (run,) = tracker.client.search_runs([tracker.experiment], query)
    frame = tracker.client.load_table(tracker.experiment, "tables/per_label.json", [run.info.run_id])
    assert set(frame["label"]) >= {"sport", "food", "tech"}


def test_prefect_has_the_flow_run_with_its_stages_and_a_link(first_run, tracker, prefect_api):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        ArtifactFilter,
        ArtifactFilterFlowRunId,
        FlowRunFilter,
        FlowRunFilterId,
    )

    tags = tracker.client.get_run(first_run.summary["mlflow_run_id"]).data.tags
    run = tags["prefect.flow_run_id"]
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run)
        assert found.state.is_completed() and found.name == tags["prefect.flow_run_name"]
        only_this = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
        states = {t.name.rsplit("-", 1)[0]: t.state for t in client.read_task_runs(flow_run_filter=only_this)}
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        artifacts = {a.key: a for a in client.read_artifacts(artifact_filter=of_run)}
    for stage in ("ingest", "dedup", "commit", "pretrain", "finetune", "evaluate", "register", "report"):
        assert stage in states, f"{stage} is no step of its own on the page: {sorted(states)}"
    assert sum(name.startswith("prepare") for name in states) == 4
    assert states["finetune"].name == "Recomputed" and "no earlier output" in states["finetune"].message
    assert {"mlflow-run", "inputs", "counts"} <= artifacts.keys()
    assert first_run.summary["mlflow_run_id"] in str(artifacts["mlflow-run"].data)


def test_tensorboard_files_are_read_back(first_run, finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folders = {p.parent for p in (finished.store / "tensorboard").rglob("events*")}
    assert {f.name for f in folders} == {"pretrain", "finetune"}
    for folder in folders:
        events = EventAccumulator(str(folder))
        events.Reload()
        tags = events.Tags()["scalars"]
        losses = [t for t in tags if t.endswith("loss") and "valid" not in t]
        assert losses and [e.value for e in events.Scalars(losses[0])][-1] > 0, (folder, tags)


# ------------------------------------------------------------------------------------- the second
def test_a_second_run_reuses_everything_and_registers_nothing(ready, first_run, invoke):
    before = json.loads(json.dumps(first_run.summary))
    again = invoke("pipeline", "--config", ready.config)
    assert again.code == 0 and set(again.states.values()) == {"reused"} and again.summary["reused"] is True
    assert all("unchanged" in reason for reason in again.reasons.values())
    assert again.err.count("reused") >= len(STAGES), "the terminal says so"
    assert again.summary["model_uri"] == before["model_uri"] == "models:/tiny/1"
    assert again.summary["metrics"] == before["metrics"]
    assert again.summary["manifest_digest"] == before["manifest_digest"]
    assert again.summary["mlflow_run_id"] != before["mlflow_run_id"]
    tracker = Tracker(load_config(ready.config))
    assert len(tracker.client.search_model_versions("name = 'tiny'")) == 1
    tags = tracker.client.get_run(again.summary["mlflow_run_id"]).data.tags
    assert tags["reused"] == "true" and tags["stage.finetune"].startswith("reused")
    query = f"tags.`mlflow.parentRunId` = '{again.summary['mlflow_run_id']}'"
    assert not tracker.client.search_runs([tracker.experiment], query), "no child run for a reused stage"


def test_a_version_that_was_deleted_is_registered_again(ready, invoke):
    tracker = Tracker(load_config(ready.config))
    tracker.client.delete_model_version("tiny", "1")
    again = invoke("pipeline", "--config", ready.config)
    assert again.recomputed == {"register", "report"}
    assert "models:/tiny/1 is gone from the registry" in again.reasons["register"]
    assert again.summary["model_uri"] == "models:/tiny/2"


def test_without_registration_the_model_is_a_directory(ready, invoke):
    done = invoke("pipeline", "--config", ready.config, "tracking.register_model=false")
    assert "register" not in done.states
    assert (Path(done.summary["model_uri"]) / "model.json").is_file()


def test_without_pretraining(ready, invoke):
    done = invoke("pipeline", "--config", ready.config, "pretrain.enabled=false")
    assert done.code == 0
    assert not {"pretrain", "dictionary-pretrain"} & done.states.keys()
    assert done.recomputed == {"finetune", "evaluate", "register", "report"}


def test_a_configuration_that_says_nothing_of_training_gets_a_linear_head(ready, invoke):
    nothing = ["finetune.epoch=auto", "finetune.lr=auto", "finetune.dim=null"]
    done = invoke("pipeline", "--config", ready.config, *nothing)
    assert done.code == 0 and "head linear (word_ngrams 2, minn 1, maxn 5)" in done.err
    params = Tracker(load_config(ready.config)).client.get_run(done.summary["mlflow_run_id"]).data.params
    assert params["finetune.head"] == "linear" and params["finetune.maxn"] == "5"
    again = invoke("pipeline", "--config", ready.config, *nothing)
    assert again.recomputed == set()
    plan = invoke("pipeline", "--config", ready.config, *nothing, "--dry-run").summary
    assert plan["finetune"]["would"] == "reused"


# -------------------------------------------------------------------------------------- serving
def test_the_registered_model_takes_raw_text(ready, first_run, tracker):
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(first_run.summary["model_uri"])
    texts = ["The goal of the striker won the match", "这部手机的电池和屏幕很好", "", None]
    answer = model.predict(pd.DataFrame({"text": texts}, index=[7, 3, 3, 0]))
    assert list(answer.columns) == ["label", "probability"] and answer.index.tolist() == [7, 3, 3, 0]
    assert answer["label"].tolist() == ["sport", "tech", None, None]
    assert [0 < p <= 1 for p in answer["probability"]] == [True, True, False, False]
    best = model.predict(pd.DataFrame({"text": texts[:1]}), params={"k": 3})
    assert list(best.columns) == [
        "label",
        "probability",
        "label_2",
        "probability_2",
        "label_3",
        "probability_3",
    ]
    assert sum(best[c][0] for c in best.columns if c.startswith("prob")) == pytest.approx(1, abs=1e-5)
    with pytest.raises(Exception, match="text"):
        model.predict(pd.DataFrame({"txt": ["wrong column"]}))
    info = mlflow.models.get_model_info(first_run.summary["model_uri"])
    assert info.signature is not None and info.saved_input_example_info


def test_the_model_holds_no_pickle(first_run, tracker):
    path, exact = tracker.download("models:/tiny/1")
    assert exact == "models:/tiny/1"
    files = tree(path)
    assert {"model.json"} <= files and any(f.endswith(".safetensors") for f in files)
    root = next(p for p in path.parents if (p / "MLmodel").is_file())
    assert not [f for f in tree(root) if f.endswith((".pkl", ".pickle", ".joblib", ".pt", ".bin"))]
    assert "code/ftcore/fasttext.py" in tree(root), "ftcore travels with the model"


# -------------------------------------------------------------------------------- each flow alone
def test_each_flow_runs_alone_on_the_output_of_the_one_before(project, invoke, first_run):
    shards = invoke("prepare", "--config", project.config)
    assert shards.code == 0
    manifest = load_manifest(shards.summary["shards"])
    assert manifest.rows == shards.summary["rows"] > 600
    vectors = invoke("pretrain", "--config", project.config)
    assert vectors.code == 0 and (Path(vectors.summary["model"]) / "model.json").is_file()
    model = invoke("finetune", "--config", project.config)
    assert model.code == 0 and (Path(model.summary["model"]) / "model.json").is_file()
    scores = invoke("evaluate", "--config", project.config)
    assert scores.code == 0
    assert scores.summary["metrics"] == first_run.summary["metrics"], "the same as in one go"
    whole = invoke("pipeline", "--config", project.config)
    assert whole.recomputed == {"register", "report"}, "the pipeline goes on where they stopped"
    target = project.folder / "scored.parquet"
    (project.folder / "new.txt").write_text("the referee and the coach\n这道面条的味道\n", encoding="utf-8")
    scored = invoke(
        "predict", "--config", project.config, "--input", project.folder / "new.txt", "--output", target
    )
    assert scored.code == 0 and scored.summary["documents"] == 2 and target.is_file()
    tracker = Tracker(load_config(project.config))
    runs = tracker.client.search_runs([tracker.experiment])
    assert {r.info.status for r in runs} == {"FINISHED"}
    assert {r.data.tags["ftcore.kind"] for r in runs} >= {
        "prepare",
        "pretrain",
        "finetune",
        "evaluate",
        "predict",
    }


@pytest.mark.parametrize(
    ("flow", "before"), [("pretrain", "prepare"), ("finetune", "prepare"), ("evaluate", "prepare")]
)
def test_a_flow_without_the_one_before_says_which_to_run(project, invoke, flow, before):
    done = invoke(flow, "--config", project.config)
    assert done.code == 1 and f"python -m flows.{before}" in done.err and "Traceback" not in done.err


def test_retrain_with_other_settings_and_only_the_finetuning(ready, invoke):
    done = invoke("retrain", "--config", ready.config, "finetune.epoch=2")
    assert done.recomputed == {"finetune", "evaluate", "register", "report"}
    assert done.summary["model_uri"] == "models:/tiny/2"
    lines = "".join(f"the goal of the striker and the coach {n},verysport\n" for n in range(40))
    (ready.data / "more.csv").write_text("text,label\n" + lines)
    sources = "ingest.sources=[{path: more.csv, label: label}, {path: en.jsonl, label: label}]"
    done = invoke("retrain", "--config", ready.config, "--only", "finetune", sources)
    assert done.code == 0, done.err
    assert not {"pretrain", "dictionary-pretrain"} & done.states.keys()
    assert done.summary["model_uri"] == "models:/tiny/3"


# ------------------------------------------------------------------------------------- hermetic
def test_nothing_is_written_outside_the_store(project, tmp_path, start_command):
    """HOME, the working directory and the temporary folder are watched through a whole run.

    What may be made again lies in the cache folder: matplotlib's list of fonts, the lexicon of jieba's dictionary.
    """
    home, temporary, cwd = (tmp_path / n for n in ("home", "tmp", "cwd"))
    for folder in (home, temporary, cwd):
        folder.mkdir()
    inputs = tree(project.data)
    process = start_command(
        "pipeline", "--config", project.config, f"data={project.data}", f"store={project.store}", "workers=2",
        cwd=cwd,
        env={"HOME": str(home), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(home / "cache")},
        stdout=-1, stderr=-1, text=True,
    )  # fmt: skip
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    summary = json.loads(out.strip().splitlines()[-1])
    assert summary["model_uri"] == "models:/tiny/1" and os.path.exists(summary["report"])
    assert "Traceback" not in err
    written = {n: tree(f) for n, f in (("home", home), ("tmp", temporary), ("cwd", cwd))}
    kept = ("cache/matplotlib/fontlist", "cache/ftcore/lexicon-")
    written["home"] = {n for n in written["home"] if not n.startswith(kept)}
    assert written == {"home": set(), "tmp": set(), "cwd": set()}
    assert tree(project.data) == inputs, "the inputs are read only"
    assert {p.name for p in project.folder.iterdir()} == {"data", "store", "tiny.yaml"}


def test_a_spoilt_cache_of_jieba_in_the_temporary_folder(tmp_path):
    """Segmentation must not depend on what lies in /tmp (nor unmarshal it)."""
    (tmp_path / "jieba.cache").write_bytes(marshal.dumps(({"手": 1, "机": 1}, 2)))
    code = "from ftcore.text.tokenizer import Tokenizer; print(Tokenizer().tokenize(['手机的屏幕很清晰'])[0])"
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["手机", "的", "屏幕", "很", "清晰"]
