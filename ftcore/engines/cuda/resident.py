"""What lies on the device while a training runs: ids and offsets of the corpus, and what a setup holds.

Everything is copied once and kept for the next chunk, by the identity of the array that it came from.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ftcore.engines.cpu.draws import discard_limits
from ftcore.engines.cuda.twins import Side, Words
from ftcore.engines.setup import LossTables, PretrainSetup


class Resident:
    """Arrays of a training on one device.

    Args:
        device: where they go.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._kept: dict[int, tuple[object, Tensor]] = {}
        self._setup: tuple[PretrainSetup, tuple[Words, Side, Tensor]] | None = None

    def keep(self, array: np.ndarray, dtype: type) -> Tensor:
        """The array on the device; the same one again costs nothing."""
        held = self._kept.get(id(array))
        if held is None or held[0] is not array:
            held = self._kept[id(array)] = (array, self.copy(array, dtype))
        return held[1]

    def copy(self, array: np.ndarray, dtype: type) -> Tensor:
        """A copy for one chunk."""
        made: np.ndarray = np.ascontiguousarray(array, dtype)
        if self.device.type == "cpu" and not made.flags.writeable:
            made = made.copy()
        return torch.from_numpy(made).to(self.device)

    def pretraining(self, setup: PretrainSetup) -> tuple[Words, Side, Tensor]:
        """(subwords of the words, output side, int32[nwords] bits of the limits of `discard_limits`)."""
        if self._setup is None or self._setup[0] is not setup:
            words = Words(
                self.copy(setup.subwords.values, np.int32),
                self.copy(setup.subwords.offsets, np.int64),
                self.copy(setup.gain, np.float32),
            )
            limits = discard_limits(setup.keep).view(np.int32)
            self._setup = setup, (words, self.side(setup.targets), self.copy(limits, np.int32))
        return self._setup[1]

    def side(self, targets: LossTables) -> Side:
        """The output side of a loss."""
        empty = np.zeros((0, 2), np.int32)
        alias = targets.alias.view(np.int32) if targets.loss == "ns" else empty
        path, code, turns = np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64)
        if targets.paths is not None and targets.codes is not None:
            path, code, turns = targets.paths.values, targets.codes.values, targets.paths.offsets
        return Side(
            targets.loss,
            targets.rows,
            self.copy(alias, np.int32),
            self.copy(path, np.int32),
            self.copy(code, np.float32),
            self.copy(turns, np.int64),
        )
