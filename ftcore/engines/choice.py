"""The training interface, and which engine on which device takes the work, with the reason in words.

Engines to come (`cpu` in Numba, `cuda` in Triton) implement `Engine` and are added to `ENGINES`; nothing
in `training/` changes with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ftcore.errors import UserError

if TYPE_CHECKING:  # choosing an engine must not cost the import of torch's users
    import torch

    from ftcore import config
    from ftcore.corpus.encode import BagCorpus, TokenCorpus
    from ftcore.engines.setup import FinetuneSetup, PretrainSetup
    from ftcore.model.module import TwoTables

Rate = Callable[[int], float]  # tokens of this chunk already processed -> learning rate
ENGINES = ("reference",)


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
    device: torch.device

    def pretrain_lines(
        self,
        tables: TwoTables,
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
        tables: TwoTables,
        corpus: BagCorpus,
        order: np.ndarray,
        options: config.Finetune,
        lr: Rate,
        rng: np.random.Generator,
        setup: FinetuneSetup,
    ) -> StepResult:
        """The classifier over documents in this order, each with a feature and a label at least."""
        ...


@dataclass(frozen=True)
class EngineChoice:
    """An engine, its device and why; travels to the run's tags.

    >>> choose_engine("auto", "cpu")
    EngineChoice(name='reference', device='cpu', reason='reference engine on the CPU, as device=cpu asks')
    """

    name: str
    device: str
    reason: str


def choose_engine(engine: str = "auto", device: str = "auto") -> EngineChoice:
    """Resolve `auto`; a device that was asked for and is not there is an error, never a quiet fallback.

    Args:
        engine: ``auto`` or a name in `ENGINES`.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UserError: unknown engine or device, or no such GPU.
    """
    import torch

    if engine not in ("auto", *ENGINES):
        raise UserError(f"engine {engine!r} is not known; choose auto or {', '.join(ENGINES)}")
    name = "reference"  # the only one so far, so auto has no choice to make between engines
    if device == "auto":
        if torch.cuda.is_available():
            gpu = torch.cuda.get_device_name(0)
            return EngineChoice(name, "cuda:0", f"{name} engine on {gpu}: device=auto and torch sees a GPU")
        return EngineChoice(name, "cpu", f"{name} engine on the CPU: device=auto and torch sees no GPU")
    kind, _, number = device.partition(":")
    if kind == "cpu" and not number:
        return EngineChoice(name, "cpu", f"{name} engine on the CPU, as device=cpu asks")
    if kind != "cuda" or (number and not number.isdigit()):
        raise UserError(f"device {device!r} is not known; choose auto, cpu, cuda or cuda:N")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number or 0) >= found:
        there = f"torch sees {found} GPU(s)" if found else "torch sees no GPU"
        raise UserError(f"device {device!r} is not there: {there}; set device=auto or device=cpu")
    place = f"cuda:{int(number or 0)}"
    gpu = torch.cuda.get_device_name(int(number or 0))
    return EngineChoice(name, place, f"{name} engine on {gpu}, as device={device} asks")


def load_engine(choice: EngineChoice | Engine, deterministic: bool = True) -> Engine:
    """The engine of a choice; an engine passes through. Imports only the backend that is taken."""
    if not isinstance(choice, EngineChoice):
        return choice
    from ftcore.engines.reference import Reference

    return Reference(choice.device, deterministic=deterministic)
