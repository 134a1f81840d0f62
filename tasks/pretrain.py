"""Word vectors from the unlabelled and the training documents."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.engines.choice import EngineChoice, choose_engine
from ftcore.shards.shards import iter_batches
from ftcore.text.tokenizer import Tokenizer
from ftcore.training.progress import Listener, Progress, TerminalListener
from ftcore.training.tensorboard import TensorBoardListener
from tasks.commit import shard_set
from tasks.dictionary import PRETRAIN_SPLITS, open_dictionary
from tasks.meanwhile import imported_meanwhile
from tasks.prepare import user_files
from tasks.reuse import ABOUT, StageOutput
from tasks.session import Child, Session, stage_task
from tasks.tracking import CurveWriter

if TYPE_CHECKING:
    from ftcore.training.loop import TrainingResult

log = logging.getLogger("ftcore.pretrain")
CODE = ("ftcore.training.pretrain", "ftcore.dictionary.encode", "ftcore.shards.shards", "ftcore.fasttext")


@stage_task("pretrain")
def train_vectors(session: Session, shards: StageOutput, words: StageOutput) -> StageOutput:
    """Train skip-gram or CBOW; a killed training goes on from its checkpoint."""
    config = session.config
    options = config.pretrain
    choice = choose_engine(config.engine, config.device)

    def work(out: Path, scratch: Path, child: Child | None) -> dict:
        from ftcore.dictionary.encode import encode_tokens
        from ftcore.fasttext import FastText
        from ftcore.training.checkpoints import Checkpoint
        from ftcore.training.pretrain import pretrain as train

        dictionary = open_dictionary(words)
        batches = iter_batches(shard_set(shards), PRETRAIN_SPLITS, options.languages)
        corpus = encode_tokens(batches, dictionary, scratch / "corpus")
        model = FastText.untrained(
            Tokenizer(config.text),
            dictionary,
            dim=options.dim,
            kind=options.model,
            loss=options.loss,
            seed=config.seed,
        )
        log.info("%s", choice.reason)
        with listeners(session, child, "pretrain") as (heard, curves), imported_meanwhile():
            result = train(
                model.tables,
                dictionary,
                corpus,
                options,
                seed=config.seed,
                engine=choice,
                listeners=heard,
                checkpoint=Checkpoint(scratch / "checkpoint", config.checkpoint_seconds),
                deterministic=config.deterministic,
                threads=config.threads or None,
            )
        model.save(out / "model")
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
def listeners(
    session: Session, child: Child | None, stage: str
) -> Iterator[tuple[list[Listener], list[Progress]]]:
    """Who hears of the progress: the terminal, MLflow in batches, TensorBoard, and a list for the report."""
    curves: list[Progress] = []
    events = session.store.tensorboard / session.name / stage
    with TerminalListener() as terminal, TensorBoardListener(events) as board:
        heard: list[Listener] = [terminal, board, curves.append]
        writer = CurveWriter(child.tracker, child.run) if child is not None else None
        if writer is not None:
            heard.append(writer)
        try:
            yield heard, curves
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
