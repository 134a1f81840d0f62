"""What happens when Prefect sees a flow run end badly: its MLflow runs are closed too.

Prefect's worker calls hooks by keyword, so they are named exactly (flow, flow_run, state).
"""

from __future__ import annotations

from typing import Any


def close_mlflow_runs(flow: Any, flow_run: Any, state: Any) -> None:
    """Find the MLflow runs by the flow run's id and end them as FAILED or KILLED."""
    from ftcore.config import parse_config
    from tasks.tracking import Tracker

    parameters = flow_run.parameters.get("config") or {}
    tree = parameters if isinstance(parameters, dict) else parameters.model_dump()
    status = "FAILED" if state.is_failed() else "KILLED"
    Tracker(parse_config(tree)).close_flow_run(str(flow_run.id), status)


HOOKS: dict[str, Any] = {
    "on_crashed": [close_mlflow_runs],
    "on_cancellation": [close_mlflow_runs],
    "on_failure": [close_mlflow_runs],
}
