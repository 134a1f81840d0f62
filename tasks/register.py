"""The fine-tuned model as a new version in the registry, unless it is registered already."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ftcore.base.holdings import size
from ftcore.formats.checkpoint import read_arrays, write_arrays
from ftcore.formats.compact import compact
from ftcore.shards.shards import iter_batches
from tasks.commit import shard_set
from tasks.earlier import KEPT, KEPT_VALID
from tasks.reuse import StageOutput
from tasks.session import Child, Session, stage_task

SCORES = ("accuracy", "macro_f1", "linear_accuracy", "linear_macro_f1")
EXAMPLES = ["The new phone has a great camera", "这部手机的屏幕很清晰"]


@stage_task("register")
def register(session: Session, model: StageOutput, scores: StageOutput, shards: StageOutput) -> StageOutput:
    """Log and register the pyfunc; a version of the very same model is found again, not made anew."""
    options = session.config.tracking

    def work(_out: Path, scratch: Path, child: Child | None) -> dict:
        assert session.tracker is not None and child is not None
        metrics = scores.result["metrics"]
        tags = {
            "model.digest": model.digest,
            "eval.digest": scores.digest,
            "gate.status": "untested",
            "pipeline_run": session.run,
            **{k: f"{metrics[k]:.4f}" for k in SCORES if k in metrics},
            **{f"finetune.{k}": str(v) for k, v in model.result["settled"].items()},
        }
        folder = model.file("model")
        if options.weights != "float32":
            folder, sentence = smaller(folder, scratch / "model", options.weights, shards)
            session.console.print(f"    {sentence}", highlight=False, soft_wrap=True)
            tags |= {"weights": options.weights, "weights.cost": sentence}
        beside = [path for name in (KEPT, KEPT_VALID) if (path := model.file(name)).is_file()]
        result = session.tracker.register(
            child.run,
            folder,
            tags=tags,
            example=EXAMPLES,
            several="subset_accuracy" in metrics,
            beside=beside,
        )
        session.tracker.tags(child.run, {"model_uri": result["model_uri"]})
        return result

    def still_good(result: dict) -> str:
        tracker = session.tracker
        if tracker is None or tracker.version_exists(result["name"], result["version"]):
            return ""
        return f"{result['model_uri']} is gone from the registry"

    weights = {} if options.weights == "float32" else {"weights": options.weights}
    return session.stage(
        "register",
        inputs={"model": model.digest},
        options={"name": options.model_name, "uri": options.uri, **weights},
        code=("tasks.pyfunc",),
        work=work,
        tracked=True,
        still_good=still_good,
    )


def smaller(model: Path, target: Path, weights: str, shards: StageOutput) -> tuple[Path, str]:
    """A copy of a model with its tables in fewer bytes, and what that saves and costs on the test split."""
    arrays, header = read_arrays(model)
    write_arrays(target, compact(arrays, weights), header)
    before, after = (right(folder, shards) for folder in (model, target))
    shares = [f"{found.mean():.4f}".removeprefix("0") for found in (before, after)]
    sentence = (
        f"{weights} weights: {size(target) / 1e6:.1f} MB instead of {size(model) / 1e6:.1f} MB; accuracy on the "
        f"test split {shares[1]} instead of {shares[0]} ({int((before != after).sum()):,} of {len(before):,} "
        "documents differ)"
    )
    return target, sentence


def right(model: Path, shards: StageOutput) -> np.ndarray:
    """bool [documents]: whether the likeliest label of each document of the test split is one of its own."""
    from ftcore.formats.directory import read_directory
    from ftcore.inference.classifier import Classifier

    classifier = Classifier(read_directory(model))
    gold: list[list[str]] = []

    def lines():
        for batch in iter_batches(shard_set(shards), ["test"], columns=["labels", "tokens"]):
            gold.extend(batch.column("labels").to_pylist())
            yield from batch.column("tokens").to_pylist()

    best = classifier.probabilities(lines()).argmax(axis=1)
    labels = [str(label) for label in classifier.labels]
    return np.array([labels[b] in g for b, g in zip(best, gold, strict=True)], bool)
