"""The fine-tuned model as a new version in the registry, unless it is registered already."""

from __future__ import annotations

from pathlib import Path

from tasks.reuse import StageOutput
from tasks.session import Child, Session, stage_task

EXAMPLES = ["The new phone has a great camera", "这部手机的屏幕很清晰"]


@stage_task("register")
def register(session: Session, model: StageOutput, scores: StageOutput) -> StageOutput:
    """Log and register the pyfunc; a version of the very same model is found again, not made anew."""
    options = session.config.tracking

    def work(_out: Path, _scratch: Path, child: Child | None) -> dict:
        assert session.tracker is not None and child is not None
        metrics = scores.result["metrics"]
        tags = {
            "model.digest": model.digest,
            "eval.digest": scores.digest,
            "gate.status": "untested",
            "pipeline_run": session.run,
            **{k: f"{metrics[k]:.4f}" for k in ("accuracy", "macro_f1") if k in metrics},
        }
        result = session.tracker.register(child.run, model.file("model"), tags=tags, example=EXAMPLES)
        session.tracker.tags(child.run, {"model_uri": result["model_uri"]})
        return result

    def still_good(result: dict) -> str:
        tracker = session.tracker
        if tracker is None or tracker.version_exists(result["name"], result["version"]):
            return ""
        return f"{result['model_uri']} is gone from the registry"

    return session.stage(
        "register",
        inputs={"model": model.digest},
        options={"name": options.model_name, "uri": options.uri},
        code=("tasks.pyfunc",),
        work=work,
        tracked=True,
        still_good=still_good,
    )
