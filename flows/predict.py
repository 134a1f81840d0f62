"""Score text, csv, JSON or Parquet files with the champion: ``python -m flows.predict --input docs.parquet --output scored.parquet``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported


from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from ftcore.inference.scored import check_output
from ftcore.reading.rows import text_columns
from tasks.predict import load_model, score
from tasks.session import open_session


@flow(name="predict", **HOOKS)
def predict(
    config: Config,
    input: str,
    output: str,
    model: str = "",
    column: str | list[str] | None = None,
    header: bool = True,
) -> dict:
    """Label and probability for every row of a file or folder; the model defaults to the champion."""
    check_output(output)
    columns = text_columns(column, header)
    with open_session(config, "predict") as session:
        loaded, exact = session.call(load_model, model)
        result = session.call(score, loaded, exact, input, columns, output, header)
        session.tracker.tags(session.run, {"model_uri": exact, **result})
        return {"mlflow_run_id": session.run, "model_uri": exact, **result}


if __name__ == "__main__":
    from flows.command import main

    main(predict)
