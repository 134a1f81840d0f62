"""A classifier from the labelled documents, from random or pretrained rows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore.config import AutoFinetune, Finetune
from ftcore.engines.choice import choose_engine
from ftcore.model.thresholds import Thresholds, fitted_thresholds
from ftcore.shards.shards import ShardSet, iter_batches
from ftcore.text.tokenizer import Tokenizer
from tasks.commit import shard_set
from tasks.dictionary import open_dictionary
from tasks.meanwhile import imported_meanwhile
from tasks.prepare import user_files
from tasks.pretrain import finish, listeners, training_options
from tasks.reuse import StageOutput
from tasks.session import Child, Session, stage_task

if TYPE_CHECKING:
    from ftcore.dictionary.encode import BagCorpus
    from ftcore.fasttext import FastText

log = logging.getLogger("ftcore.finetune")
SETTLED = ("epoch", "lr", "dropout", "keep_best")  # what `auto` may stand for
CODE = (
    "ftcore.training.effort",
    "ftcore.training.finetune",
    "ftcore.training.transfer",
    "ftcore.model.thresholds",
    "ftcore.dictionary.encode",
    "ftcore.shards.shards",
    "ftcore.fasttext",
)


@stage_task("finetune")
def train_classifier(
    session: Session, shards: StageOutput, words: StageOutput, pretrained: StageOutput | None
) -> StageOutput:
    """Train the head (and the rows) on the train split, score each epoch on the valid split."""
    config = session.config
    options = config.finetune
    choice = choose_engine(config.engine, config.device)

    def work(out: Path, scratch: Path, child: Child | None) -> dict:
        from ftcore.dictionary.encode import encode_bags
        from ftcore.fasttext import FastText
        from ftcore.training.checkpoints import Checkpoint
        from ftcore.training.effort import chance_loss, describe, settle, usable
        from ftcore.training.finetune import finetune as train
        from ftcore.training.transfer import transfer

        dictionary = open_dictionary(words)
        source = FastText.load(pretrained.file("model")) if pretrained is not None else None
        if source is not None:
            dictionary = dictionary.merge(source.dictionary)
        labelled = shard_set(shards)
        bags = encode_bags(iter_batches(labelled, ["train"]), dictionary, scratch / "train", grow=True)
        valid = encode_bags(iter_batches(labelled, ["valid"]), dictionary, scratch / "valid")
        counts = usable(bags)
        settled = settle(options, **counts)
        log.info("%s", describe(settled, **counts))
        moved = None
        if source is not None:
            moved = transfer(
                source.dictionary, source.tables, dictionary, seed=config.seed, source_seed=source.seed
            )
            log.info(
                "%d words carried over, %d composed, %d n-grams", moved.words, moved.composed, moved.buckets
            )
        model = FastText.untrained(
            Tokenizer(config.text),
            dictionary,
            dim=config.finetune_dim,
            loss=options.loss,
            seed=config.seed,
            tables=moved.tables if moved is not None else None,
        )
        log.info("%s", choice.reason)
        with listeners(session, child, "finetune") as (heard, curves), imported_meanwhile():
            result = train(
                model.tables,
                dictionary,
                bags,
                valid if len(valid) else None,
                settled,
                seed=config.seed,
                engine=choice,
                listeners=heard,
                checkpoint=Checkpoint(scratch / "checkpoint", config.checkpoint_seconds),
                frozen=moved.pretrained if moved is not None else None,
                deterministic=config.deterministic,
                threads=config.threads or None,
            )
        model.thresholds = thresholds_of(model, bags, labelled, options)
        model.save(out / "model")
        chosen = {name: getattr(settled, name) for name in SETTLED}
        auto = settle(AutoFinetune(loss=options.loss), **counts)
        if child is not None:
            child.params({"settled": chosen})
        chance = chance_loss(np.bincount(bags.targets), len(bags), settled)
        return finish(out, result, curves, child, choice) | {
            "settled": chosen,
            "auto": {name: getattr(auto, name) for name in SETTLED},
            "chance_loss": chance,
        }

    inputs = {
        "shards": shards.result.get("digest", shards.digest),
        "dictionary": words.digest,
        **user_files(session),
    }
    if pretrained is not None:
        inputs["pretrained"] = pretrained.digest
    return session.stage(
        "finetune",
        inputs=inputs,
        options=training_options(session, choice)
        | {"finetune": options.model_dump(), "dim": config.finetune_dim},
        code=CODE,
        work=work,
        tracked=True,
    )


def thresholds_of(
    model: FastText, train: BagCorpus, shards: ShardSet, options: Finetune
) -> Thresholds | None:
    """From which probability on each label is said, where documents may have several; chosen on the valid split."""
    several = options.loss == "ova" or bool((np.diff(train.target_offsets) > 1).any())
    if options.threshold != "auto" or not several:
        return fitted_thresholds(options.threshold, several, None, model.labels)
    gold: list[list[str]] = []
    lines: list[str] = []
    for batch in iter_batches(shards, ["valid"]):
        gold += batch.column("labels").to_pylist()
        lines += batch.column("tokens").to_pylist()
    found = fitted_thresholds("auto", True, (gold, model.probabilities(lines)), model.labels)
    assert found is not None
    log.info(
        "labels are said from probability %.3f on, %d of them by their own", found.overall, len(found.labels)
    )
    return found
