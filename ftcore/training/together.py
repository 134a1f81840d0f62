"""One training on several processes or machines: what `torchrun` starts becomes a group, each with a part.

All processes run the same program over the same data; one of them writes. A checkpoint's folder must be seen by
all. Another number of processes may go on from it.

Example:
    # words.py, started by: torchrun --nproc-per-node 4 words.py
    with together(Conditions(choose_engine("cpu", "cpu"), checkpoint=Checkpoint("kept"))) as (conditions, first):
        model, _ = learn(documents, Pretrain(), conditions)
        if first:
            write_directory(Path("model"), model)
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ftcore.errors import UserError
from ftcore.training.checkpoints import Checkpoint, State
from ftcore.training.conditions import Conditions

WAIT = 1800  # seconds that a process waits for the others: for their reading, at the start


@contextmanager
def together(conditions: Conditions, seconds: float = WAIT) -> Iterator[tuple[Conditions, bool]]:
    """(conditions whose engine meets the other processes, whether this process is the one that writes).

    Args:
        conditions: how a training would run on one process. An engine on GPUs takes the card ``cuda:LOCAL_RANK``.
        seconds: until a process that does not answer counts as lost; one that was killed does at once.

    Raises:
        UserError: not started by torchrun.
        RunError: while training, where another process is gone.
    """
    missing = [
        name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ
    ]
    if missing:
        raise UserError(
            f"{', '.join(missing)} are not set; start this with: torchrun --nproc-per-node N your_program.py"
        )
    import torch.distributed as dist

    from ftcore.engines.averaged import Averaged
    from ftcore.engines.choice import EngineChoice

    if isinstance(conditions.engine, EngineChoice) and conditions.engine.device.startswith("cuda"):
        place = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        conditions = replace(conditions, engine=replace(conditions.engine, device=place))
    own = conditions.backend()
    backend = "nccl" if str(own.device).startswith("cuda") else "gloo"
    dist.init_process_group(backend, timeout=datetime.timedelta(seconds=seconds))
    first = dist.get_rank() == 0
    try:
        kept = conditions.checkpoint
        if kept is not None and not first:
            kept = ReadCheckpoint(kept.directory, kept.seconds)
        listeners = conditions.listeners if first else ()
        yield replace(conditions, engine=Averaged(own), checkpoint=kept, listeners=listeners), first
    finally:
        dist.destroy_process_group()


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
