"""A search for the fine-tuning options that score best on the validation split; each trial an MLflow run."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore import config
from ftcore.base.interruption import interrupted
from ftcore.base.yaml_tree import dumped
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.shards.manifest import load_manifest
from ftcore.shards.shards import ShardSet, count_labelled, iter_batches
from ftcore.training.search import FOUND
from tasks.commit import shard_set
from tasks.pretrain import training_options
from tasks.reuse import ABOUT, StageOutput
from tasks.session import Child, Session, stage_task, table_artifact
from tasks.vectors import given_files, start_of

if TYPE_CHECKING:
    from ftcore.training.autotune import AutotuneResult, Trial

log = logging.getLogger("ftcore.tune")
BEST = "best.yaml"
CODE = (
    "ftcore.training.autotune",
    "ftcore.training.effort",
    "ftcore.training.transfer",
    "ftcore.shards.shards",
    "ftcore.formats.directory",
)
_STATUS = {"scored": "FINISHED", "no time": "KILLED", "stopped": "KILLED"}  # of a trial's run; others FAILED


@stage_task("tune")
def search_settings(
    session: Session, shards: StageOutput, pretrained: StageOutput | None, seconds: float | None = None
) -> StageOutput:
    """Search on the train split, judge on the valid split; leaves the best options and all trials.

    Args:
        seconds: default: `tune.duration`.
    """
    whole = session.config
    chosen = whole.tune if seconds is None else whole.tune.model_copy(update={"duration": seconds})
    choice = choose_engine(whole.engine, whole.device, "supervised")
    start = whole.finetune.model_dump(mode="json") | {"dim": whole.finetune_dim}

    def work(out: Path, _scratch: Path, child: Child | None) -> dict:
        from ftcore.training.autotune import autotune
        from ftcore.training.documents import Tokenized
        from ftcore.training.searchbar import SearchBar

        labelled = shard_set(shards)
        require_valid(labelled)
        base = first_options(whole, labelled)
        vectors = start_of(whole, pretrained)
        if vectors.dim is not None:
            base = base.model_copy(update={"dim": vectors.dim})
        with SearchBar(chosen.duration) as bar, trial_runs(session, child) as log_trial:

            def told(trial: Trial) -> None:
                bar.trial(trial)
                log_trial(trial)
                if trial.best:
                    keep_best(session, trial)

            result = autotune(
                Tokenized.shards(labelled, ["train"]),
                Tokenized.shards(labelled, ["valid"]),
                base,
                fixed_options(whole),
                metric=chosen.metric,
                predictions=chosen.predictions,
                duration=chosen.duration,
                seed=whole.seed,
                engine=choice,
                deterministic=whole.deterministic,
                threads=whole.threads or None,
                start=vectors,
                on_trial=told,
                on_progress=bar.elapsed,
            )
        if interrupted():  # the search itself would go on with what it has
            raise KeyboardInterrupt
        return finish(session, result, out, child)

    inputs = {"shards": shards.result.get("digest", shards.digest), **given_files(whole)}
    if pretrained is not None:
        inputs["pretrained"] = pretrained.digest
    return session.stage(
        "tune",
        inputs=inputs,
        options=training_options(session, choice)
        | {"tune": chosen.model_dump(mode="json"), "finetune": start},
        code=CODE,
        work=work,
        tracked=True,
    )


def first_options(whole: config.Config, shards: ShardSet) -> config.Finetune:
    """What the search starts from: the configured options, with numbers where they say auto."""
    from ftcore.training.effort import settle

    counts = count_labelled(iter_batches(shards, ["train"], columns=["tokens", "labels"]))
    given = whole.finetune
    if given.head == "default":  # who searches need not choose
        given = given.model_copy(update={"head": "auto"})
    settled = settle(given, documents=counts.documents, features=counts.tokens, labels=len(counts.labels))
    return settled.model_copy(update={"dim": whole.finetune_dim})


def fixed_options(whole: config.Config) -> set[str]:
    """What the search leaves as it is: `tune.keep`, the loss, and dim where vectors are pretrained."""
    fixed = {"loss", "dsub", *whole.tune.keep}
    return fixed | {"dim"} if whole.pretrain.enabled else fixed


def check_goal(session: Session) -> None:
    """Refuse a metric that is none, and an earlier model, before any work."""
    from ftcore.training.objective import Metric

    if earlier := session.config.finetune.earlier:
        raise UserError(
            f"finetune.earlier = {earlier}: it goes on with its own n-grams and its own size, and a search would choose others; "
            "leave it out, or train with flows.retrain"
        )

    Metric.parse(session.config.tune.metric)


def require_valid(shards: ShardSet) -> None:
    """Refuse a corpus with nothing to judge by."""
    counts = load_manifest(shards.path, verify=False).documents
    if not sum(counts.get("valid", {}).values()):
        raise UserError(
            f"{shards.path}: the valid split has no documents to judge trials by; set split.valid above 0 or "
            "give a source with split: valid"
        )


def tuned(whole: config.Config, found: StageOutput) -> config.Config:
    """The configuration with the options that the search found."""
    return with_best(whole, dict(found.result["best"]))


def best_of(options: config.Finetune) -> dict[str, Any]:
    """A trial's options as fine-tuning takes them: trained as the trial was, to its last epoch."""
    values = options.model_dump(mode="json")
    return {name: values[name] for name in FOUND if name in values} | {"keep_best": False, "patience": 0}


def with_best(whole: config.Config, best: dict[str, Any]) -> config.Config:
    """The configuration with the best trial's options; a ``dim`` that would be the default stays unset."""
    if whole.finetune.dim is None and best.get("dim") == whole.finetune_dim:
        best["dim"] = None
    return config.parse_config(config.merge(whole.model_dump(mode="json"), {"finetune": best}))


def finish(session: Session, result: AutotuneResult, out: Path, child: Child | None) -> dict[str, Any]:
    """Write the trials and the best configuration, log the outcome, return the stage's result."""
    best = best_of(result.options)
    rows = [row(trial) for trial in result.trials]
    (out / "best.json").write_text(json.dumps(best))
    about = out / ABOUT.rstrip("/")
    about.mkdir()
    (about / "trials.json").write_text(json.dumps(rows))
    scored = sum(trial.outcome == "scored" for trial in result.trials)
    facts = {
        "score": result.score,
        "trials": len(rows),
        "scored": scored,
        "seconds": round(result.seconds, 2),
    }
    if child is not None:
        child.metrics(facts)
        child.tracker.file(child.run, about, "trials")
    table_artifact("trials", [r for r in rows if r["best"]], "trials that were the best so far")
    first = next((row["score"] for row in rows), None)
    return {"best": best, "metric": session.config.tune.metric, "first": first, **facts}


def keep_best(session: Session, trial: Trial) -> None:
    """The best options so far as a configuration in the store, for whoever interrupts the search."""
    found = with_best(session.config, best_of(trial.settings.options))
    path = session.store.path / "tune" / "best-so-far.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(best_yaml(found), encoding="utf-8")
    session.saved["tune"] = f"the best options so far ({path}, a --config of flows.pipeline)"


def row(trial: Trial) -> dict[str, Any]:
    """A trial as a flat row of a table."""
    about = {name: getattr(trial, name) for name in ("number", "outcome", "best", "note")}
    numbers = {"score": trial.score, "begun": trial.begun, "seconds": trial.seconds, **trial.figures}
    plain = {name: None if value != value else value for name, value in numbers.items()}
    return about | plain | found_by(trial)


def found_by(trial: Trial) -> dict[str, Any]:
    """What a trial was made with, by name."""
    values = trial.settings.values()
    return {"head": trial.settings.options.head} | {n: v for n, v in values.items() if n != "dsub"}


def best_yaml(whole: config.Config) -> str:
    """A configuration as YAML, to be given to ``flows.pipeline --config``."""
    return dumped(whole.model_dump(mode="json"))


@contextmanager
def trial_runs(session: Session, child: Child | None) -> Iterator[Any]:
    """A function that logs a trial as a run below the flow's, in a thread: the search does not wait."""
    if child is None:
        yield lambda trial: None
        return
    tracker = child.tracker

    def log(trial: Trial, ended: float) -> None:
        numbers = {"score": trial.score, "seconds": trial.seconds, **trial.figures}
        tracker.record(
            f"{session.name}/trial {trial.number}",
            kind="trial",
            parent=session.run,
            params={"finetune": found_by(trial)},
            metrics={name: value for name, value in numbers.items() if value == value},
            tags={"outcome": trial.outcome, "note": trial.note, "best": str(trial.best).lower()},
            begun=ended - trial.seconds,
            ended=ended,
            status=_STATUS.get(trial.outcome, "FAILED"),
        )

    with ThreadPoolExecutor(1, thread_name_prefix="trials") as pool:
        waiting: list[Any] = []
        yield lambda trial: waiting.append(pool.submit(log, trial, time.time()))
        for one in waiting:
            one.result()
