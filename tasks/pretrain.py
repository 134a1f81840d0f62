"""Word vectors from the unlabelled and the training documents."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.base.group import place
from ftcore.engines.choice import EngineChoice, choose_engine
from ftcore.text.tokenizer import Tokenizer
from ftcore.training.progress import Listener, Progress, TerminalListener
from ftcore.training.tensorboard import TensorBoardListener
from tasks.commit import shard_set
from tasks.dictionary import FILE, PRETRAIN_SPLITS, open_dictionary
from tasks.followers import tell
from tasks.meanwhile import imported_meanwhile
from tasks.prepare import user_files
from tasks.reuse import ABOUT, StageOutput
from tasks.session import Child, Session, stage_task
from tasks.tracking import CurveWriter

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.shards.shards import ShardSet
    from ftcore.training.documents import Documents
    from ftcore.training.loop import TrainingResult
    from ftcore.training.recipe import Conditions

log = logging.getLogger("ftcore.pretrain")
CODE = (
    "ftcore.training.recipe",
    "ftcore.training.together",
    "ftcore.shards.shards",
    "ftcore.formats.directory",
)


@stage_task("pretrain")
def train_vectors(session: Session, shards: StageOutput, words: StageOutput) -> StageOutput:
    """Train skip-gram or CBOW; a killed training goes on from its checkpoint."""
    config = session.config
    options = config.pretrain
    choice = choose_engine(config.engine, config.device, options.model)

    def work(out: Path, scratch: Path, child: Child | None) -> dict:
        from ftcore.formats.directory import write_directory
        from ftcore.training.recipe import learn
        from ftcore.training.together import joined

        documents = documents_of(shard_set(shards), options, open_dictionary(words), scratch / "corpus")
        log.info("%s", choice.reason)
        with training(session, child, "pretrain", choice, scratch) as (conditions, curves):
            kept = conditions.checkpoint.directory if conditions.checkpoint else scratch
            tell({"shards": shard_set(shards).path, "words": str(words.file(FILE)), "checkpoint": str(kept)})
            with joined(conditions, config.shard_rows) as (ours, _):
                model, result = learn(documents, options, ours)
        write_directory(out / "model", replace(model, tokenizer=Tokenizer(config.text)))
        if child is not None and place().size > 1:
            child.tracker.tags(child.run, {"processes": str(place().size)})
        return finish(out, result, curves, child, choice)

    return session.stage(
        "pretrain",
        inputs={
            "shards": shards.result.get("digest", shards.digest),
            "dictionary": words.digest,
            **user_files(session),
        },
        options=training_options(session, choice) | {"pretrain": options.model_dump()},
        code=CODE,
        work=work,
        tracked=True,
    )


def documents_of(shards: ShardSet | str, options: config.Pretrain, words: Dictionary, out: Path) -> Documents:
    """The lines that word vectors are trained on, with the dictionary that they were counted into."""
    from ftcore.training.documents import Tokenized

    return Tokenized.shards(shards, PRETRAIN_SPLITS, options.languages, labels=False, out=out, counted=words)


def training_options(session: Session, choice: EngineChoice) -> dict[str, Any]:
    """What both trainings depend on beside their own options; the tokenizer's settings travel in the model."""
    config = session.config
    return {
        "seed": config.seed,
        "engine": choice.name,
        "device": choice.device.split(":")[0],
        "deterministic": config.deterministic,
        "text": config.text.model_dump(mode="json"),
    }


@contextmanager
def training(
    session: Session, child: Child | None, stage: str, choice: EngineChoice, scratch: Path
) -> Iterator[tuple[Conditions, list[Progress]]]:
    """How a stage trains; its progress goes to the terminal, MLflow in batches, TensorBoard, and a list for the report."""
    from ftcore.training.checkpoints import Checkpoint
    from ftcore.training.recipe import Conditions

    config, curves = session.config, []
    events = session.store.tensorboard / session.name / stage
    with TerminalListener() as terminal, TensorBoardListener(events) as board:
        heard: list[Listener] = [terminal, board, curves.append]
        writer = CurveWriter(child.tracker, child.run) if child is not None else None
        if writer is not None:
            heard.append(writer)
        checkpoint = Checkpoint(scratch / "checkpoint", config.checkpoint_seconds)
        try:
            with imported_meanwhile():
                yield (
                    Conditions(
                        choice, config.seed, config.threads or None, config.deterministic, checkpoint, heard
                    ),
                    curves,
                )
        finally:
            if writer is not None:
                writer.flush()


def finish(
    out: Path, result: TrainingResult, curves: list[Progress], child: Child | None, choice: EngineChoice
) -> dict[str, Any]:
    """Write the curves for the report, log the outcome, and return the stage's result."""
    facts = {
        "tokens": result.tokens,
        "updates": result.updates,
        "train_seconds": round(result.seconds, 2),
        "words_per_second": round(result.words_per_second),
        "loss": result.history[-1]["loss"] if result.history else None,
        "best_epoch": result.best_epoch,
    }
    about = out / ABOUT.rstrip("/")
    about.mkdir()
    (about / "curves.json").write_text(json.dumps([asdict(p) for p in curves]))
    (about / "history.json").write_text(json.dumps(result.history))
    if child is not None:
        tags = {"engine": choice.name, "device": choice.device, "engine.reason": choice.reason}
        child.tracker.tags(child.run, tags)
        child.metrics({k: v for k, v in facts.items() if v is not None and k != "loss"})
        for row in result.history:
            scores = {f"epoch_{k}": v for k, v in row.items() if k != "epoch"}
            child.metrics(scores, step=int(row["epoch"]))
        child.tracker.file(child.run, about, "curves")
    return facts | {"engine": choice.name, "device": choice.device, "reason": choice.reason}
