"""Scores and report of the latest classifier: ``python -m flows.evaluate --config …``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

import logging

from flows.decorator import flow
from flows.finetune import latest_vectors
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.baseline import baseline
from tasks.evaluate import grouped, score_model
from tasks.reuse import StageOutput
from tasks.session import Session, open_session

log = logging.getLogger("ftcore.evaluate")


def steps(
    session: Session, shards: StageOutput, model: StageOutput, pretrained: StageOutput | None
) -> StageOutput:
    """baseline, evaluate."""
    linear = session.config.evaluate.baseline == "linear"
    beside = session.call(baseline, shards) if linear else None
    return session.call(score_model, shards, model, pretrained, beside)


def warn(session: Session, scores: StageOutput) -> None:
    """Say what the evaluation warns of, of a reused one too: terminal, Prefect's log, the run's tag."""
    found = scores.result["warnings"]
    for sentence in found:
        log.warning("%s", sentence)
    session.tracker.tags(session.run, {"warnings": "\n".join(found) or "none"})


def alone(session: Session) -> StageOutput:
    """On what the earlier flows left in the store."""
    shards, model = session.latest("commit", "prepare"), session.latest("finetune", "finetune")
    return steps(session, shards, model, latest_vectors(session))


@flow(name="evaluate", **HOOKS)
def evaluate(config: Config = Config()) -> dict:
    """Evaluate alone, the latest classifier on the latest prepared corpus."""
    with open_session(config, "evaluate") as session:
        scores = alone(session)
        session.tracker.metrics(session.run, grouped(scores.result["metrics"]))
        warn(session, scores)
        return {"mlflow_run_id": session.run, "metrics": scores.result["metrics"]}


if __name__ == "__main__":
    from flows.command import main

    main(evaluate, alone)
