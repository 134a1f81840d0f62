"""A flow that torchrun started: its first process runs it, the others wait for its trainings and take part in them.

The first one tells what it trains through torchrun's store, by paths: all must see the pipeline's store.
"""

from __future__ import annotations

import datetime
import itertools
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.base.group import place
from ftcore.engines.choice import choose_engine

if TYPE_CHECKING:
    from ftcore.config import Config

LONGEST = datetime.timedelta(days=30)  # that others wait while the first one prepares
_told = itertools.count()


def tell(job: dict[str, Any] | None) -> None:
    """Have the others take part in a training; None: there is none any more.

    Args:
        job: ``shards``, ``words`` and ``checkpoint``, paths.
    """
    if place().size > 1:
        from ftcore.training.together import post

        post().set(f"ftcore/job/{next(_told)}", json.dumps(job))


def follow(config: Config) -> None:
    """In every other process: take part until there is no more to train.

    Raises:
        RunError: another process is gone.
    """
    from ftcore.training.together import post

    while True:
        name = f"ftcore/job/{next(_told)}"
        post().wait([name], LONGEST)
        job = json.loads(post().get(name))
        if job is None:
            return
        _take_part(config, job)


def _take_part(config: Config, job: dict[str, Any]) -> None:
    from ftcore.training.checkpoints import Checkpoint
    from ftcore.training.recipe import Conditions, learn
    from ftcore.training.together import joined
    from tasks.dictionary import read_dictionary
    from tasks.pretrain import documents_of

    options = config.pretrain
    choice = choose_engine(config.engine, config.device, options.model)
    conditions = Conditions(
        choice, config.seed, config.threads or None, config.deterministic, Checkpoint(job["checkpoint"])
    )
    with tempfile.TemporaryDirectory() as folder, joined(conditions, config.shard_rows) as (ours, _):
        words = read_dictionary(Path(job["words"]))
        learn(documents_of(job["shards"], options, words, Path(folder)), options, ours)
