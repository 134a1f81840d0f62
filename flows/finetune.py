"""Shards (and word vectors) to a classifier: ``python -m flows.finetune --config …``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.dictionary import dictionary
from tasks.finetune import train_classifier
from tasks.head import choose_head
from tasks.reuse import StageOutput
from tasks.session import Session, open_session


def steps(session: Session, shards: StageOutput, pretrained: StageOutput | None) -> StageOutput:
    """The head, which may need a search; dictionary, finetune."""
    choose_head(session, shards, pretrained)
    words = session.call(dictionary, shards, "finetune")
    return session.call(train_classifier, shards, words, pretrained)


def alone(session: Session) -> StageOutput:
    """On the shards and the vectors that are in the store."""
    return steps(session, session.latest("commit", "prepare"), latest_vectors(session))


def latest_vectors(session: Session) -> StageOutput | None:
    """What `flows.pretrain` left, if the configuration wants pretraining."""
    return session.latest("pretrain", "pretrain") if session.config.pretrain.enabled else None


@flow(name="finetune", **HOOKS)
def finetune(config: Config = Config()) -> dict:
    """Fine-tune alone, on the latest prepared corpus and pretrained vectors."""
    with open_session(config, "finetune") as session:
        model = alone(session)
        return {"mlflow_run_id": session.run, "model": str(model.file("model")), **model.result}


if __name__ == "__main__":
    from flows.command import main

    main(finetune, alone)
