"""More documents out of a file's, as Parquet with where each comes from: ``python -m flows.augment --input docs.jsonl --output more.parquet``."""

from __future__ import annotations

from typing import Any

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported


from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.augment import augment_documents
from tasks.predict import load_model
from tasks.session import open_session


@flow(name="augment", **HOOKS)
def augment(
    config: Config,
    input: str,
    output: str,
    model: str = "",
    options: dict[str, Any] | None = None,
) -> dict:
    """Write documents with words dropped, replaced or mistyped; with a model those that change its answer.

    `options` are those of `ftcore.fewshot.augmented.augment_file`.
    """
    with open_session(config, "augment") as session:
        classifier, exact = session.call(load_model, model) if model else (None, "")
        how = {**(options or {}), "model": classifier}
        result = session.call(augment_documents, input, output, how)
        session.tracker.tags(session.run, {"model_uri": exact, **result})
        return {"mlflow_run_id": session.run, "model_uri": exact, **result}


if __name__ == "__main__":
    from flows.command import main

    main(augment)
