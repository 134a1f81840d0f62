"""Scores and report of the latest classifier: ``python -m flows.evaluate --config …``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from prefect import flow

from flows.finetune import latest_vectors
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.evaluate import evaluate as score
from tasks.evaluate import grouped
from tasks.reuse import StageOutput
from tasks.session import Session, open_session


def steps(
    session: Session, shards: StageOutput, model: StageOutput, pretrained: StageOutput | None
) -> StageOutput:
    """evaluate."""
    return session.call(score, shards, model, pretrained)


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
        return {"mlflow_run_id": session.run, "metrics": scores.result["metrics"]}


if __name__ == "__main__":
    from flows.command import main

    main(evaluate, alone)
