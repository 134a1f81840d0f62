"""The HTML report of a run, as a stage output and an MLflow artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftcore.base.yaml_tree import dumped
from ftcore.report.run_page import RunPage, render_run
from ftcore.shards.manifest import NOTED, load_manifest
from ftcore.shards.prepare import READ, REMOVED
from tasks.commit import shard_set
from tasks.evaluate import read_tables, train_counts
from tasks.reuse import ABOUT, StageOutput, as_dict
from tasks.session import Child, Session, stage_task

PAGE = "report.html"
CURVES = ("loss", "lr", "words_per_second")


@stage_task("report")
def report(
    session: Session,
    shards: StageOutput,
    trainings: list[StageOutput],
    scores: StageOutput,
    version: StageOutput | None,
    beside: Mapping[str, str] | None = None,
) -> StageOutput:
    """One self-contained page: data, curves, scores per language and label, errors, configuration.

    Args:
        beside: further files of the report's folder, name -> text.
    """

    def work(out: Path, _scratch: Path, _child: Child | None) -> dict:
        page = build_page(session, shards, trainings, scores, version)
        (out / PAGE).write_text(render_run(page), encoding="utf-8")
        for name, text in (beside or {}).items():
            (out / name).write_text(text, encoding="utf-8")
        return {}

    inputs = {"shards": shards.result.get("digest", shards.digest), "scores": scores.digest}
    inputs |= {t.stage: t.digest for t in trainings}
    if version is not None:
        inputs["version"] = version.digest
    return session.stage(
        "report",
        inputs=inputs,
        options=session.config.model_dump(
            mode="json", exclude={"workers", "runner", "runner_address", "store"}
        )
        | ({"beside": dict(beside)} if beside else {}),
        code=("ftcore.report.run_page", "ftcore.shards.manifest"),
        work=work,
    )


def build_page(
    session: Session,
    shards: StageOutput,
    trainings: list[StageOutput],
    scores: StageOutput,
    version: StageOutput | None,
) -> RunPage:
    """Collect what the stages left."""
    labelled = shard_set(shards)
    manifest = load_manifest(labelled.path, verify=False)
    tables = read_tables(scores)
    counts = dict(manifest.counts)
    removed = counts.pop(REMOVED, {})
    counts.pop(NOTED, None)  # documents that stay
    rejects = {"quarantine": counts.pop(READ)} if READ in counts else {}
    train = train_counts(labelled)
    ids = {"MLflow run": session.run, "data": labelled.digest[:12]}
    if version is not None:
        ids["model"] = version.result["model_uri"]
    ids |= {f"{t.stage} on": t.result["reason"] for t in trainings}
    return RunPage(
        name=session.name,
        ids=ids,
        links={"MLflow": session.tracker.link(session.run)} if session.tracker else {},
        stages=stage_rows(session),
        counts={"read": {"": manifest.read}, **rejects, **counts, "kept": {"": manifest.rows}},
        tokens=removed,
        documents=manifest.documents,
        warnings=scores.result["warnings"],
        metrics=scores.result["metrics"],
        majority_label=max(train, key=train.get) if train else "",
        per_language=tables["per_language"],
        per_label=tables["per_label"],
        confusion=tables["confusion"],
        calibration=tables["calibration"],
        coverage=tables.get("coverage", ()),
        robustness=tables.get("robustness", ()),
        unseen_labels=tables["unseen_labels"],
        curves=curves(trainings),
        trials=trials(session),
        errors=tables["errors"],
        neighbours=tables.get("neighbors", ()),
        vectors=word_rows(scores.result["metrics"]),
        configuration=dumped(session.config.model_dump(mode="json")),
    )


def word_rows(metrics: dict[str, float]) -> list[dict[str, Any]]:
    """Word similarity and analogies of the pretrained vectors, where such files were given."""
    rows = []
    for name, value in metrics.items():
        test, _, file = name.partition("/")
        if test in ("similarity", "analogies") and not file.endswith(("_used", "_total", "_known", "_words")):
            counts = {part: int(metrics[f"{name}_{part}"]) for part in ("used", "total", "known", "words")}
            rows.append({"test": test, "file": file, "score": value, **counts})
    return rows


def stage_rows(session: Session) -> list[dict[str, Any]]:
    """The session's stages, a row each."""
    return [{k: as_dict(o)[k] for k in ("stage", "state", "reason", "seconds")} for o in session.outputs]


def trials(session: Session) -> list[dict[str, Any]]:
    """Those of the search that chose the options, where there was one."""
    found = [output for output in session.outputs if output.stage == "tune"]
    return json.loads(found[-1].file(f"{ABOUT}trials.json").read_text()) if found else []


def curves(trainings: list[StageOutput]) -> dict[str, list[tuple[float, float]]]:
    """``stage/name`` -> points, from the listeners' records."""
    found: dict[str, list[tuple[float, float]]] = {}
    for training in trainings:
        for progress in json.loads(training.file(f"{ABOUT}curves.json").read_text()):
            values = {k: progress[k] for k in CURVES} | {
                f"valid_{k}": v for k, v in progress["validation"].items()
            }
            for name, value in values.items():
                if value is not None:
                    found.setdefault(f"{training.stage}/{name}", []).append((progress["step"], value))
    return found
