"""What lies on the device while a training runs: ids and offsets of the corpus, and what a setup holds.

Everything is copied once and kept for the next chunk, by the identity of the array that it came from. Ids that would
take more than `SHARE` of the device's free memory are streamed instead: a thread reads the next chunk from the
mapped file into pinned memory while the device works on this one.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ftcore.engines.cpu.draws import discard_limits
from ftcore.engines.cuda.twins import OutputSide, WordRows
from ftcore.engines.setup import LossTables, PretrainSetup

SHARE = 0.25  # of the free memory, that a corpus may take


class Resident:
    """Arrays of a training on one device.

    Args:
        device: where they go.
        room: bytes that the ids of a corpus may take; None is `SHARE` of what is free.
    """

    def __init__(self, device: torch.device, room: int | None = None) -> None:
        self.device, self.room = device, room
        self._checked: np.ndarray | None = None
        self._streams = False
        self._reader = ThreadPoolExecutor(1)
        self._ahead: tuple[int, Future[Tensor]] | None = None
        self._kept: dict[int, tuple[object, Tensor]] = {}
        self._setup: tuple[PretrainSetup, tuple[WordRows, OutputSide, Tensor]] | None = None

    def keep(self, array: np.ndarray, dtype: type) -> Tensor:
        """The array on the device; the same one again costs nothing."""
        held = self._kept.get(id(array))
        if held is None or held[0] is not array:
            held = self._kept[id(array)] = (array, self.copy(array, dtype))
        return held[1]

    def ids(self, ids: np.ndarray, start: int, stop: int, rows: int) -> Tensor:
        """``ids[start:stop]`` on the device: a view where the whole corpus lies there, else streamed.

        Args:
            rows: every id is below it; on the device one that is not would be written where no row is.
        """
        if self._checked is not ids:
            self._checked, self._ahead = ids, None
            self._streams = ids.nbytes > (self._free() if self.room is None else self.room)
        if not self._streams:
            if id(ids) not in self._kept:
                _check(ids, rows)
            return self.keep(ids, np.int32)[start:stop]
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == start and len(ahead[1].result()) >= stop - start:
            read = ahead[1].result()[: stop - start]
        else:
            read = self._read(ids, start, stop, rows)
        following = slice(stop, min(len(ids), stop + (stop - start) * 5 // 4))
        if following.start < following.stop:  # chunks are of about one size
            future = self._reader.submit(self._read, ids, following.start, following.stop, rows)
            self._ahead = stop, future
        return read.to(self.device, non_blocking=True)

    def _read(self, ids: np.ndarray, start: int, stop: int, rows: int) -> Tensor:
        made = torch.from_numpy(np.array(ids[start:stop], np.int32))
        _check(made.numpy(), rows)
        return made.pin_memory() if self.device.type == "cuda" else made

    def _free(self) -> float:
        if self.device.type != "cuda":
            return float("inf")
        return SHARE * torch.cuda.mem_get_info(self.device)[0]

    def copy(self, array: np.ndarray, dtype: type) -> Tensor:
        """A copy for one chunk."""
        made: np.ndarray = np.ascontiguousarray(array, dtype)
        if self.device.type == "cpu" and not made.flags.writeable:
            made = made.copy()
        return torch.from_numpy(made).to(self.device)

    def pretraining(self, setup: PretrainSetup) -> tuple[WordRows, OutputSide, Tensor]:
        """(subwords of the words, output side, int32[nwords] bits of the limits of `discard_limits`)."""
        if self._setup is None or self._setup[0] is not setup:
            words = WordRows(
                self.copy(setup.subwords.values, np.int32),
                self.copy(setup.subwords.offsets, np.int64),
                self.copy(setup.gain, np.float32),
            )
            limits = discard_limits(setup.keep).view(np.int32)
            self._setup = setup, (words, self.side(setup.targets), self.copy(limits, np.int32))
        return self._setup[1]

    def side(self, targets: LossTables) -> OutputSide:
        """The output side of a loss."""
        empty = np.zeros((0, 2), np.int32)
        alias = targets.alias.view(np.int32) if targets.loss == "ns" else empty
        path, code, turns = np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64)
        if targets.paths is not None and targets.codes is not None:
            path, code, turns = targets.paths.values, targets.codes.values, targets.paths.offsets
        return OutputSide(
            targets.loss,
            targets.rows,
            self.copy(alias, np.int32),
            self.copy(path, np.int32),
            self.copy(code, np.float32),
            self.copy(turns, np.int64),
        )


def _check(ids: np.ndarray, rows: int) -> None:
    assert len(ids) == 0 or (ids.min() >= 0 and ids.max() < rows), "another dictionary's ids"
