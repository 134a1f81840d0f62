"""A classifier from the labelled documents, from random or pretrained rows."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore.config import AutoFinetune
from ftcore.engines.choice import choose_engine
from ftcore.errors import MissingLabels
from ftcore.text.tokenizer import Tokenizer
from tasks.commit import shard_set
from tasks.dictionary import open_dictionary
from tasks.earlier import KEPT, KEPT_VALID, kept_texts, with_earlier_here
from tasks.prepare import user_files
from tasks.pretrain import finish, training, training_options
from tasks.reuse import StageOutput
from tasks.session import Child, Session, stage_task
from tasks.vectors import given_files, start_of

if TYPE_CHECKING:
    from ftcore.config import Abstain, Config, Finetune, RuleOptions
    from ftcore.formats.adapter import Adapter
    from ftcore.model.abstention import Abstention
    from ftcore.model.model import Model
    from ftcore.model.rules import Rules
    from ftcore.model.thresholds import Thresholds
    from ftcore.shards.shards import ShardSet
    from ftcore.training.conditions import Conditions, Prepared
    from ftcore.training.documents import Tokenized
    from ftcore.training.start import Start

log = logging.getLogger("ftcore.finetune")
ADAPTER = "task.adapter"  # beside the model, where `finetune.adapter` asks for one
SETTLED = ("epoch", "lr", "dropout", "keep_best")  # what `auto` may stand for
CODE = (
    "ftcore.training.adapter",
    "ftcore.training.effort",
    "ftcore.training.recipe",
    "ftcore.training.reservoir",
    "ftcore.training.ruled",
    "ftcore.training.validation",
    "ftcore.inference.classifier",
    "ftcore.shards.shards",
    "ftcore.formats.directory",
)


@stage_task("finetune")
def train_classifier(
    session: Session, shards: StageOutput, words: StageOutput, pretrained: StageOutput | None
) -> StageOutput:
    """Train the head (and the rows) on the train split, score each epoch on the valid split."""
    config = with_earlier_here(session)
    options = config.finetune
    choice = choose_engine(config.engine, config.device, "supervised")

    def work(out: Path, scratch: Path, child: Child | None) -> dict:
        from ftcore.formats.directory import write_directory
        from ftcore.training import recipe
        from ftcore.training.adapter import OnSharedTable, adapter_of
        from ftcore.training.documents import Tokenized
        from ftcore.training.effort import chance_loss, describe, settle, usable
        from ftcore.training.reservoir import judging, keep, replayed

        start = start_of(config, pretrained)
        labelled = shard_set(shards)
        documents = documents_of(config, labelled, words, scratch)
        held_out = Tokenized.shards(labelled, ["valid"], out=scratch / "valid")
        new, kept = (documents, held_out), (kept_texts(config), kept_texts(config, KEPT_VALID))
        if kept[0] is not None and kept[1] is not None:
            documents = replayed(documents, kept[0], weighed=options.head == "linear")
            held_out = judging(held_out, kept[1])  # else new labels alone would judge
        prepared = recipe.prepare(documents, options, start, held_out)
        bags = prepared.train
        counts = usable(bags)
        settled = recipe.with_dim(
            settle(options, **counts).model_copy(
                update={"dim": options.dim or start.dim or config.finetune_dim}
            ),
            start,
        )
        log.info("%s", describe(settled, **counts))
        log.info("%s", choice.reason)
        several = options.loss == "ova" or bool((np.diff(bags.target_offsets) > 1).any())
        with training(session, child, "finetune", choice, scratch) as (conditions, curves):
            model, result = recipe.train(prepared, settled, conditions, start)
            judge = judge_of(prepared, settled, conditions, start, several or config.abstain.asked)
        model, adapter = replace(model, tokenizer=Tokenizer(config.text)), None
        if isinstance(start, OnSharedTable):
            adapter = adapter_of(model, start, prepared, settled)
            model = adapter.model(start.shared)
        limit_answers(model, judge or model, held_out, config, several)
        write_directory(out / "model", model)
        write_beside(out, model, adapter, child)
        for name, seen, reservoir in zip((KEPT, KEPT_VALID), new, kept, strict=True):
            if reservoir is not None:
                keep(reservoir, seen)
                reservoir.save(out / name)
        chosen = {name: getattr(settled, name) for name in SETTLED}
        auto = settle(AutoFinetune(loss=options.loss), **counts)
        if child is not None:
            child.params({"settled": chosen})
        chance = chance_loss(np.bincount(bags.targets), len(bags), settled)
        return finish(out, result, curves, child, choice) | {
            "settled": chosen,
            "auto": {name: getattr(auto, name) for name in SETTLED},
            "chance_loss": chance,
            "head": options.head,
        }

    inputs = {
        "shards": shards.result.get("digest", shards.digest),
        "dictionary": words.digest,
        **user_files(session),
        **given_files(config),
    }
    if pretrained is not None:
        inputs["pretrained"] = pretrained.digest
    return session.stage(
        "finetune",
        inputs=inputs,
        options=training_options(session, choice)
        | {"finetune": session.config.finetune.model_dump(), "dim": config.finetune_dim}
        | ({"abstain": config.abstain.model_dump()} if config.abstain.asked else {})
        | ({"rules": config.rules.model_dump()} if config.rules.patterns else {}),
        code=CODE,
        work=work,
        tracked=True,
    )


def documents_of(config: Config, labelled: ShardSet, words: StageOutput, scratch: Path) -> Tokenized:
    """The documents that teach: the train split, and those without a label where rules or self-training give them one."""
    from ftcore.model.rules import Rules
    from ftcore.training.documents import Tokenized
    from ftcore.training.ruled import Ruled

    rest, rules = bool(config.finetune.self_training), config.rules
    more = rest or rules.teaching  # their words count too
    made = Tokenized.shards(
        labelled,
        ["train", "unlabelled"] if more else ["train"],
        out=scratch / "train",
        counted=None if more else open_dictionary(words),
    )
    made.tokenizer = Tokenizer(config.text)
    return Ruled(made, Rules.of(rules.patterns), rules.weight, rest=rest) if rules.teaching else made


def write_beside(out: Path, model: Model, adapter: Adapter | None, child: Child | None) -> None:
    """The adapter beside the model, which has chosen its thresholds by now."""
    if adapter is None:
        return
    chosen = replace(
        adapter,
        tokenizer=model.tokenizer,
        thresholds=model.thresholds,
        abstention=model.abstention,
        rules=model.rules,
    )
    chosen.save(out / ADAPTER)
    if child is not None:
        child.tracker.file(child.run, out / ADAPTER)


def judge_of(
    prepared: Prepared, settled: Finetune, conditions: Conditions, start: Start, asked: bool
) -> Model | None:
    """A model to which the valid split is new, where the trained one has learnt from it and limits are asked for."""
    if not (asked and settled.refit and settled.head == "linear"):
        return None
    from ftcore.training.recipe import train

    return train(prepared, settled.model_copy(update={"refit": False}), conditions, start)[0]


def limit_answers(model: Model, judge: Model, held_out: Tokenized, config: Config, several: bool) -> None:
    """Put into a model from where on it says a label, or anything, and which rules overrule it.

    Args:
        judge: a model like it, to which the valid split is new.
        several: whether documents may have several labels.
    """
    model.thresholds = thresholds_on(held_out, judge, config.finetune.threshold, several)
    model.abstention = abstention_on(held_out, judge, config.abstain)
    model.rules = rules_on(model, config.rules)


def rules_on(model: Model, asked: RuleOptions) -> Rules | None:
    """The rules that overrule a model's answers.

    Raises:
        UserError: one is about a label that the model has not.
    """
    if not asked.patterns or not asked.overrule:
        return None
    from ftcore.model.rules import Rules

    found = Rules.of(asked.patterns)
    found.check(model.labels)
    log.info("%d rules overrule the model's answers", len(found.each))
    return found


def thresholds_on(held_out: Tokenized, model: Model, option: str | float, several: bool) -> Thresholds | None:
    """From which probability on each label is said, where documents may have several; chosen on the valid split."""
    from ftcore.inference.classifier import Classifier
    from ftcore.training.validation import choose_thresholds_on

    answers = Classifier(model, fold=False).probabilities
    found = choose_thresholds_on(held_out, answers, model.labels, option, several)
    if option == "auto" and found is not None:
        log.info(
            "labels are said from probability %.3f on, %d of them by their own",
            found.overall,
            len(found.labels),
        )
    return found


def abstention_on(held_out: Tokenized, model: Model, asked: Abstain) -> Abstention | None:
    """From which certainty on an answer is given, chosen on the valid split; None where nothing asks for it.

    Raises:
        UserError: the valid split is empty.
    """
    if not asked.asked:
        return None
    from ftcore.dictionary.encode import documents
    from ftcore.inference.classifier import Classifier
    from ftcore.model.abstention import choose_abstention

    pairs = list(documents(held_out.batches()))
    if not pairs:
        raise MissingLabels("abstain is chosen on the valid split, which is empty; set split.valid above 0")
    probabilities = Classifier(model, fold=False).probabilities([line for _, line in pairs])
    found = choose_abstention(
        [names for names, _ in pairs], probabilities, model.labels, model.args.loss,
        coverage=asked.coverage, accuracy=asked.accuracy, by=asked.by,
        lengths=[len(line) for _, line in pairs],
    )  # fmt: skip
    log.info(
        "an answer is given from %s %.4g on: %.1f %% of the validation documents, %.4f of them right",
        found.by, found.least, 100 * found.coverage, found.accuracy,
    )  # fmt: skip
    if asked.accuracy is not None and found.accuracy < asked.accuracy:
        log.warning("no part of the validation documents is answered with accuracy %g", asked.accuracy)
    return found
