"""Search for the fine-tuning options: ``python -m flows.tune --config FILE tune.duration=300``.

The search runs on the pipeline's own shards (and word vectors, where pretraining is on); the best options
are then trained, evaluated and registered as `flows.pipeline` does, and written as ``best.yaml`` beside the
report, to be given to ``flows.pipeline --config`` from then on.
"""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from typing import Any

import flows.evaluate
import flows.finetune
import flows.prepare
import flows.pretrain
from flows import pipeline
from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.before import check_files_of_classifier, check_labels, check_named_labels
from tasks.dictionary import require_labels
from tasks.register import register
from tasks.report import report
from tasks.session import Session, open_session
from tasks.tune import BEST, best_yaml, check_goal, search_settings, tuned
from tasks.word_sets import check_word_files


def steps(session: Session) -> dict[str, Any]:
    """prepare, pretrain, tune, then with what it found: finetune, evaluate, register, report."""
    check_goal(session)
    check_labels(session)
    check_files_of_classifier(session)
    check_word_files(session.config)
    shards = flows.prepare.steps(session)
    if not session.dry:
        check_named_labels(session, require_labels(shards))
    wanted = session.config.pretrain.enabled
    pretrained = flows.pretrain.steps(session, shards) if wanted else None
    found = session.call(search_settings, shards, pretrained)
    if not session.dry:
        session.config = tuned(session.config, found)
    model = flows.finetune.steps(session, shards, pretrained)
    scores = flows.evaluate.steps(session, shards, model, pretrained)
    version = (
        session.call(register, model, scores, shards) if session.config.tracking.register_model else None
    )
    trainings = [model] if pretrained is None else [pretrained, model]
    page = session.call(report, shards, trainings, scores, version, {BEST: best_yaml(session.config)})
    return {
        "shards": shards, "tuned": found, "trainings": trainings, "model": model, "scores": scores,
        "version": version, "report": page,
    }  # fmt: skip


@flow(name="tune", **HOOKS)
def tune(config: Config = Config()) -> dict:
    """Search for the best fine-tuning options, then train, evaluate and register with them."""
    with open_session(config, "tune") as session:
        made = steps(session)
        found, best = made["tuned"].result, made["report"].file(BEST)
        session.console.print(f"\n[bold]best options[/] [dim]{found['metric']} {found['score']:.4f}[/]")
        session.console.print(best.read_text(encoding="utf-8"), highlight=False, markup=False)
        session.tracker.file(session.run, best)
        session.tracker.metrics(session.run, {"tune_score": found["score"], "tune_trials": found["trials"]})
        return pipeline.summary(session, made) | {
            "best": str(best), "tuned": found["best"], "score": found["score"], "trials": found["trials"],
        }  # fmt: skip


if __name__ == "__main__":
    from flows.command import main

    main(tune, steps)
