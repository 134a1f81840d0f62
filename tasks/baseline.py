"""A linear classifier over TF-IDF on the same shards: what the fastText model must reach."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from ftcore.evaluation.metrics import evaluate_classification
from ftcore.shards.shards import iter_batches
from tasks.commit import shard_set
from tasks.evaluate import grouped
from tasks.reuse import StageOutput
from tasks.session import Child, Session, stage_task

log = logging.getLogger("ftcore.baseline")
CODE = (
    "ftcore.evaluation.baseline",
    "ftcore.evaluation.metrics",
    "ftcore.training.effort",
    "ftcore.shards.shards",
)
COLUMNS = ["tokens", "labels", "language"]
PREFIX = "linear_"
SCORES = [
    "accuracy",
    *(
        f"{mean}_{score}"
        for mean in ("macro", "micro", "weighted")
        for score in ("precision", "recall", "f1")
    ),
]


@stage_task("baseline")
def baseline(session: Session, shards: StageOutput) -> StageOutput:
    """Train on the train split, score on the test split; its result's ``metrics`` begin with ``linear_``."""
    seed = session.config.seed

    def work(out: Path, _scratch: Path, child: Child | None) -> dict:
        from ftcore.evaluation.baseline import baseline_metrics, linear_baseline
        from ftcore.training.effort import passes

        begin = time.perf_counter()
        labelled = shard_set(shards)

        def batches(split: str):
            return lambda: iter_batches(labelled, [split], columns=COLUMNS)

        answers = linear_baseline(batches("train"), batches("test"), passes=passes, seed=seed)
        metrics: dict[str, float] = {}
        if answers is not None and len(answers.probabilities):
            gold, languages = [], []
            for batch in batches("test")():
                gold += batch.column("labels").to_pylist()
                languages += batch.column("language").to_pylist()
            report = evaluate_classification(gold, answers.probabilities, answers.labels, languages)
            metrics = baseline_metrics(report.metrics, SCORES, PREFIX)
            metrics |= {"linear_documents": answers.documents, "linear_share": answers.documents / answers.of}
        if answers is not None and answers.bounded:
            log.warning(
                "the linear baseline learnt from %s of %s documents, so as not to take longer than a third of "
                "the training",
                f"{answers.documents:,}",
                f"{answers.of:,}",
            )
        (out / "metrics.json").write_text(json.dumps(metrics, sort_keys=True))
        if child is not None:
            child.metrics(grouped(metrics))
        return {"metrics": metrics, "baseline_seconds": round(time.perf_counter() - begin, 2)}

    return session.stage(
        "baseline",
        inputs={"shards": shards.result.get("digest", shards.digest)},
        options={"seed": seed},
        code=CODE,
        work=work,
        tracked=True,
    )
