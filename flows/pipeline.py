"""Raw text to a registered, evaluated model: ``python -m flows.pipeline --config examples/quickstart.yaml``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from pathlib import Path
from typing import Any

import flows.evaluate
import flows.finetune
import flows.prepare
import flows.pretrain
import tasks.finetune
import tasks.prepare
import tasks.pretrain
from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config, digest
from tasks.before import check_files_of_classifier, check_labels, check_named_labels
from tasks.code_digest import sources_of
from tasks.commit import shard_set
from tasks.dictionary import require_labels
from tasks.evaluate import grouped
from tasks.register import register
from tasks.report import PAGE, curves, report, stage_rows
from tasks.retention import hold, prune
from tasks.reuse import StageOutput
from tasks.session import Session, open_session
from tasks.word_sets import check_word_files


def steps(session: Session, pretrained: StageOutput | None = None) -> dict[str, Any]:
    """prepare, pretrain, finetune, evaluate, register, report.

    Args:
        pretrained: word vectors to start from; default: pretrain as configured.
    """
    config = session.config
    check_labels(session)
    check_files_of_classifier(session)
    check_word_files(session.config)
    shards = flows.prepare.steps(session)
    if not session.dry:
        check_named_labels(session, require_labels(shards))
    if pretrained is None and config.pretrain.enabled:
        pretrained = flows.pretrain.steps(session, shards)
    model = flows.finetune.steps(session, shards, pretrained)
    scores = flows.evaluate.steps(session, shards, model, pretrained)
    version = session.call(register, model, scores, shards) if config.tracking.register_model else None
    trainings = [model] if pretrained is None else [pretrained, model]
    page = session.call(report, shards, trainings, scores, version)
    return {
        "shards": shards,
        "trainings": trainings,
        "model": model,
        "scores": scores,
        "version": version,
        "report": page,
    }


def summary(session: Session, made: dict[str, Any]) -> dict:
    """Log the outcome to the run; what the last line of stdout says."""
    tracker, scores, version = session.tracker, made["scores"], made["version"]
    shards = shard_set(made["shards"])
    page = made["report"].file(PAGE)
    tracker.params(
        session.run, session.config.model_dump(mode="json") | {"settled": made["model"].result["settled"]}
    )
    tracker.dataset(session.run, "shards", shards.digest, shards.path, "training")
    tracker.curves(session.run, curves(made["trainings"]))
    tracker.metrics(session.run, grouped(scores.result["metrics"]))
    tracker.file(session.run, page)
    reused = all(o.reused for o in session.outputs)
    model_uri = version.result["model_uri"] if version else str(made["model"].file("model"))
    tracker.tags(
        session.run,
        {
            "data.digest": shards.digest,
            "code.digest": digest(
                sources_of(*tasks.prepare.CODE, *tasks.pretrain.CODE, *tasks.finetune.CODE)
            ),
            "model_uri": model_uri,
            "reused": str(reused).lower(),
        },
    )
    flows.evaluate.warn(session, scores)
    if version:
        tracker.made_model(session.run, version.result["name"], version.result["version"])
        hold(session.store, model_uri, [Path(made["shards"].path), Path(made["report"].path)])
    prune(session.store, tracker.version_there)
    return {
        "mlflow_run_id": session.run,
        "model_uri": model_uri,
        "report": str(Path(page)),
        "mlflow_page": tracker.link(session.run),
        "shards": shards.path,
        "manifest_digest": shards.digest,
        "reused": reused,
        "metrics": scores.result["metrics"],
        "warnings": scores.result["warnings"],
        "stages": stage_rows(session),
    }


@flow(name="pipeline", **HOOKS)
def pipeline(config: Config = Config()) -> dict:
    """Ingest, segment, clean, shard, pretrain, fine-tune, evaluate, register, report."""
    with open_session(config, "pipeline") as session:
        return summary(session, steps(session))


if __name__ == "__main__":
    from flows.command import main

    main(pipeline, steps)
