"""One training on several processes or machines: what `torchrun` starts becomes a group, each with a part.

All processes run the same program over the same data; one of them writes. A checkpoint's folder must be seen by
all. Another number of processes may go on from it. The command ``ftcore skipgram`` and the flow ``flows.pretrain`` do
this by themselves where torchrun starts them (`joined`).

Example:
    # words.py, started by: torchrun --nproc-per-node 4 words.py
    with together(Conditions(choose_engine("cpu", "cpu"), checkpoint=Checkpoint("kept"))) as (conditions, first):
        model, _ = learn(documents, Pretrain(), conditions)
        if first:
            write_directory(Path("model"), model)
"""

from __future__ import annotations

import datetime
import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from ftcore.base.cores import cores
from ftcore.base.group import missing, place
from ftcore.errors import UserError
from ftcore.training.checkpoints import Checkpoint, State
from ftcore.training.conditions import Conditions

WAIT = 1800  # seconds that a process waits for the others: for their reading, at the start
_trainings = itertools.count()
log = logging.getLogger(__name__)


@contextmanager
def joined(conditions: Conditions, shard_rows: bool = False) -> Iterator[tuple[Conditions, bool]]:
    """`together` where torchrun started several processes, else the conditions as they are, and True."""
    if place().size == 1:
        yield conditions, True
        return
    with together(conditions, shard_rows=shard_rows) as both:
        yield both


@contextmanager
def together(
    conditions: Conditions, seconds: float = WAIT, tokens: int | None = None, shard_rows: bool = False
) -> Iterator[tuple[Conditions, bool]]:
    """(conditions whose engine meets the other processes, whether this process is the one that writes).

    Args:
        conditions: how a training would run on one process. An engine on GPUs takes the card ``cuda:LOCAL_RANK``;
            the cpu engine's threads are those of the cores that this process has for itself.
        seconds: until a process that does not answer counts as lost; one that was killed does at once.
        tokens: of all processes between two meetings; None: `ftcore.engines.averaged.TOKENS`, as measured, and for the cuda
            engine `ON_GPUS`.
        shard_rows: spread the tables' rows over the processes' devices, for word vectors whose tables fit no single
            one (`ftcore.engines.sharded`).

    Raises:
        UserError: not started by torchrun.
        RunError: while training, where another process is gone.
    """
    if words := missing():
        raise UserError(
            f"{', '.join(words)} are not set; start this with: torchrun --nproc-per-node N your_program.py"
        )
    import torch.distributed as dist

    from ftcore.engines.averaged import ON_GPUS, TOKENS, Averaged
    from ftcore.engines.choice import EngineChoice
    from ftcore.engines.sharded import Sharded

    here = place()
    if isinstance(conditions.engine, EngineChoice) and conditions.engine.device.startswith("cuda"):
        conditions = replace(conditions, engine=replace(conditions.engine, device=f"cuda:{here.local}"))
    most = max(1, cores() // here.neighbours)
    own = replace(conditions, threads=min(conditions.threads or most, most)).backend()
    backend = "nccl" if str(own.device).startswith("cuda") else "gloo"
    store = dist.PrefixStore(f"ftcore/training/{next(_trainings)}", post())
    dist.init_process_group(
        backend,
        store=store,
        rank=here.rank,
        world_size=here.size,
        timeout=datetime.timedelta(seconds=seconds),
    )
    try:
        kept = conditions.checkpoint
        if kept is not None and not here.first:
            kept = ReadCheckpoint(kept.directory, kept.seconds)
        listeners = conditions.listeners if here.first else ()
        most = ON_GPUS if own.name == "cuda" else TOKENS
        engine = (Sharded if shard_rows else Averaged)(own, tokens or most)
        yield replace(conditions, engine=engine, checkpoint=kept, listeners=listeners), here.first
        leave(store, here.rank, here.size)
    finally:
        dist.destroy_process_group()


def leave(store: Any, rank: int, size: int, seconds: float = 60) -> None:
    """Wait until all have come to the end: who closes its connections earlier can cut another one's last meeting short."""
    store.set(f"ended/{rank}", "")
    try:
        store.wait([f"ended/{one}" for one in range(size)], datetime.timedelta(seconds=seconds))
    except RuntimeError as error:  # after the last meeting nobody is missed: all have all that was learnt
        log.info("not all processes were waited for (%s)", str(error).splitlines()[0][:200])


@cache
def post() -> Any:
    """The store of torchrun, through which the processes find each other."""
    from torch.distributed import rendezvous

    return next(rendezvous("env://"))[0]


class ReadCheckpoint(Checkpoint):
    """A checkpoint that another process writes."""

    def save(self, state: State, key: str) -> bool:
        """Leave it to the first process."""
        return True

    def clear(self) -> None:
        """Leave it to the first process."""

    @property
    def due(self) -> bool:
        """Never."""
        return False
