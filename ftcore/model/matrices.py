"""fastText's two matrices without torch: what the cpu engine trains for the fastText API.

`ftcore.model.module.TwoTables` is the torch face of the same thing. These functions read, copy, set and move either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class TwoMatrices(Protocol):
    """`Matrices`, or `ftcore.model.module.TwoTables`: ``input`` and ``output`` are arrays or tensors."""

    @property
    def input(self) -> Any:
        """A row a feature."""

    @property
    def output(self) -> Any:
        """A row a class or word."""


@dataclass(frozen=True)
class Matrices:
    """float32[R, D] of features and float32[O, D] of classes or words; trained in place.

    Example:
        >>> Matrices(np.zeros((3, 2), np.float32), np.zeros((2, 2), np.float32)).dim
        2
    """

    input: np.ndarray
    output: np.ndarray

    @property
    def dim(self) -> int:
        """Size D of the vectors."""
        return self.input.shape[1]


def as_array(table: Any) -> np.ndarray:
    """A matrix or tensor as an array, a copy where it is on another device."""
    return table if isinstance(table, np.ndarray) else table.detach().cpu().numpy()


def arrays(tables: TwoMatrices) -> tuple[np.ndarray, np.ndarray]:
    """Input and output as arrays over their own memory, which must be the processor's."""
    input, output = (
        one if isinstance(one, np.ndarray) else one.detach().numpy() for one in (tables.input, tables.output)
    )
    return input, output


def copied(tables: TwoMatrices) -> dict[str, Any]:
    """A copy of both by name, on the same device."""
    both = {"input": tables.input, "output": tables.output}
    return {n: t.copy() if isinstance(t, np.ndarray) else t.detach().clone() for n, t in both.items()}


def assign(tables: TwoMatrices, values: Mapping[str, Any]) -> None:
    """Set both, in place, to arrays or tensors by name."""
    for name, value in values.items():
        table = getattr(tables, name)
        if isinstance(table, np.ndarray):
            table[:] = as_array(value)
        else:
            import torch

            if isinstance(value, np.ndarray):
                value = torch.from_numpy(np.require(value, requirements="W"))
            with torch.no_grad():
                table.copy_(value)


def move(tables: TwoMatrices, device: Any) -> Any:
    """Put both onto a device; returns the one they come from. Arrays stay where they are."""
    if isinstance(tables, Matrices):
        assert str(device) == "cpu", f"arrays are not trained on {device}"
        return device
    home = tables.input.device
    tables.to(device)  # type: ignore[attr-defined]  # a torch module where it is no `Matrices`
    return home
