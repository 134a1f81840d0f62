"""Train again with other data or settings: ``python -m flows.retrain --config FILE key=value …``.

``--only finetune`` keeps the last pretrained vectors and learns from new labels alone.
"""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from typing import Literal

from flows import pipeline
from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.session import Session, open_session


def steps(session: Session, only: str = "all") -> dict:
    """The pipeline's steps; with only=finetune from the vectors that are in the store."""
    wanted = only == "finetune" and session.config.pretrain.enabled
    pretrained = session.latest("pretrain", "pretrain") if wanted else None
    return pipeline.steps(session, pretrained)


@flow(name="retrain", **HOOKS)
def retrain(config: Config = Config(), only: Literal["all", "finetune"] = "all") -> dict:
    """A new version from other data, other settings, or only from new labels."""
    with open_session(config, "retrain", only=only) as session:
        return pipeline.summary(session, steps(session, only))


if __name__ == "__main__":
    from flows.command import main

    main(retrain, steps)
