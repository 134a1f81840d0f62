"""Shards to word vectors: ``python -m flows.pretrain --config examples/quickstart.yaml``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.dictionary import dictionary, open_dictionary
from tasks.pretrain import train_vectors
from tasks.reuse import StageOutput
from tasks.session import Session, open_session
from tasks.word_sets import check_word_files, check_words


def steps(session: Session, shards: StageOutput) -> StageOutput:
    """dictionary, pretrain."""
    words = session.call(dictionary, shards, "pretrain")
    if not session.dry:
        check_words(session.config, open_dictionary(words))
    return session.call(train_vectors, shards, words)


def alone(session: Session) -> StageOutput:
    """On the shards that `flows.prepare` left in the store."""
    check_word_files(session.config)
    return steps(session, session.latest("commit", "prepare"))


@flow(name="pretrain", **HOOKS)
def pretrain(config: Config = Config()) -> dict:
    """Pretrain alone, on the latest prepared corpus."""
    with open_session(config, "pretrain") as session:
        model = alone(session)
        return {"mlflow_run_id": session.run, "model": str(model.file("model")), **model.result}


if __name__ == "__main__":
    from flows.command import main

    main(pretrain, alone)
