"""What an engine is: the one interface through which `training/` trains, whatever does the arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:  # choosing an engine must not cost the import of torch's users
    import torch

    from ftcore import config
    from ftcore.dictionary.encode import BagCorpus, TokenCorpus
    from ftcore.engines.setup import FinetuneSetup, PretrainSetup
    from ftcore.model.matrices import Matrices
    from ftcore.model.module import TwoTables

Rate = Callable[[int], float]  # tokens of this chunk already processed -> learning rate


@dataclass(frozen=True)
class StepResult:
    """What one chunk did. `broken` is set where the loss stopped being a number."""

    loss: float  # sum over examples, nats
    examples: int
    tokens: int  # processed, discarded ones included
    updates: int
    broken: int | None = None  # first update of the chunk with a NaN or infinite loss


class Engine(Protocol):
    """Trains two tables in place, one chunk of work a call; the tables are on `device`."""

    name: str
    speed: int  # roughly, over the reference's: chunks of work grow with it

    @property
    def device(self) -> torch.device | str:
        """Where the tables are while it trains."""
        ...

    def pretrain_lines(
        self,
        tables: TwoTables | Matrices,
        corpus: TokenCorpus,
        lines: range,
        options: config.Pretrain,
        lr: Rate,
        rng: np.random.Generator,
        setup: PretrainSetup,
    ) -> StepResult:
        """Skip-gram or CBOW over consecutive lines."""
        ...

    def finetune_bags(
        self,
        tables: TwoTables | Matrices,
        corpus: BagCorpus,
        order: np.ndarray,
        options: config.Finetune,
        lr: Rate,
        rng: np.random.Generator,
        setup: FinetuneSetup,
    ) -> StepResult:
        """The classifier over documents in this order, each with a feature and a label at least."""
        ...
