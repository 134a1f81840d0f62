"""Which documents to label next, by the champion: ``python -m flows.label_next --input pool.jsonl --output next.jsonl``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.label_next import choose_documents
from tasks.predict import load_model
from tasks.session import open_session


@flow(name="label_next", **HOOKS)
def label_next(
    config: Config, input: str, output: str, model: str = "", count: int = 50, text: str = "text"
) -> dict:
    """Write the documents that a model is least sure of, the best first; the model defaults to the champion."""
    with open_session(config, "label_next") as session:
        loaded, exact = session.call(load_model, model)
        result = session.call(choose_documents, loaded, input, output, count, text)
        session.tracker.tags(session.run, {"model_uri": exact, **result})
        return {"mlflow_run_id": session.run, "model_uri": exact, "output": output, **result}


if __name__ == "__main__":
    from flows.command import main

    main(label_next)
