"""The words that get a row: of the unlabelled text for pretraining, of the labelled for fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.numpy import load_file, save_file

from ftcore import config
from ftcore.base.pools import AnyPool, open_pool
from ftcore.errors import MissingLabels
from ftcore.shards.manifest import load_manifest
from tasks.commit import shard_set
from tasks.reuse import StageOutput
from tasks.session import Child, Session, stage_task

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary

PRETRAIN_SPLITS = ("train", "unlabelled")
FILE = "dictionary.safetensors"


@stage_task("dictionary", task_run_name="dictionary for {purpose}")
def dictionary(session: Session, shards: StageOutput, purpose: str) -> StageOutput:
    """Count words (and labels) for `purpose`, pretrain or finetune."""
    chosen = getattr(session.config, purpose)
    languages = chosen.languages if purpose == "pretrain" else None
    splits = PRETRAIN_SPLITS if purpose == "pretrain" else ("train",)
    # the training options do not change the dictionary, so they do not recompute it
    options = config.DictionaryOptions(
        **{n: getattr(chosen, n) for n in config.DictionaryOptions.model_fields}
    )

    def work(out: Path, scratch: Path, child: Child | None) -> dict:
        from ftcore.training.documents import Tokenized

        if purpose == "finetune":
            require_labels(shards)
        labels = purpose == "finetune"
        documents = Tokenized.shards(shard_set(shards), splits, languages, labels=labels)
        with cluster(session, scratch) as pool:
            built = documents.count_on(pool, scratch, options)
        save_file(built.state(), out / FILE)
        if child is not None:
            child.metrics({"words": built.nwords, "labels": built.nlabels, "tokens": built.ntokens})
            if built.short:
                child.metrics({"counts_short_by": built.short})
            child.tracker.file(child.run, out / FILE, "dictionary")
        return {"words": built.nwords, "labels": built.nlabels, "tokens": built.ntokens}

    return session.stage(
        f"dictionary-{purpose}",
        inputs={"shards": shards.result.get("digest", shards.digest)},
        options={**options.model_dump(), "languages": languages},
        code=("ftcore.training.documents", "ftcore.shards.shards"),
        work=work,
        tracked=True,
    )


@contextmanager
def cluster(session: Session, scratch: Path) -> Iterator[AnyPool | None]:
    """The pool of a runner that is a cluster; threads of this process need none."""
    chosen = session.config
    if chosen.runner not in ("dask", "ray"):
        yield None
        return
    with open_pool(chosen.workers, chosen.runner, chosen.runner_address, scratch) as pool:
        yield pool


def require_labels(shards: StageOutput) -> list[str]:
    """The labels of a corpus; refused is one from which no classifier can learn, before hours of pretraining."""
    labels = list(load_manifest(shard_set(shards).path, verify=False).labels)
    if not labels:
        raise MissingLabels(
            "no document has a label, so there is nothing to classify; name the label column of a source "
            "(ingest.sources: label), or make word vectors alone with flows.prepare and flows.pretrain"
        )
    return labels


def open_dictionary(output: StageOutput) -> Dictionary:
    """The dictionary that the stage left."""
    return read_dictionary(output.file(FILE))


def read_dictionary(file: Path) -> Dictionary:
    """The dictionary of a file that the stage wrote."""
    from ftcore.dictionary.dictionary import Dictionary

    return Dictionary.from_state(load_file(file), file)
