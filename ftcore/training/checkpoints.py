"""Training state on disk: written so that a crash at any moment leaves a whole checkpoint or the one before.

``tables-<n>.safetensors`` holds the tensors, ``checkpoint.json`` the position, the key and the digest of
the tensor file. Each is written under a temporary name, fsynced and renamed, the JSON last: what it names
is complete.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from ftcore.dictionary.stored import parse_json
from ftcore.model.matrices import as_array

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
_MARK = "checkpoint.json"


@dataclass(frozen=True)
class State:
    """Everything a training needs to go on: named tensors, and a position that JSON can hold."""

    tensors: Mapping[str, np.ndarray | Tensor]
    position: dict[str, Any]


class Checkpoint:
    """The last state of one training, in a directory of its own.

    Args:
        directory: made when first needed; nothing else is kept in it.
        seconds: time between saves; 0 saves at every chunk.

    Example:
        checkpoint = Checkpoint("store/stages/pretrain/checkpoint", seconds=60)
        result = pretrain(..., checkpoint=checkpoint)
        ...                      # write the model
        checkpoint.clear()       # only now is it of no more use
    """

    def __init__(self, directory: str | Path, seconds: float = 60.0):
        self.directory = Path(directory)
        self.seconds = seconds
        self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether `seconds` have passed since the last save (or since this object was made)."""
        return time.monotonic() - self._saved >= self.seconds

    def save(self, state: State, key: str) -> bool:
        """Replace the checkpoint by this state; False, with a warning, where the disk refuses.

        A checkpoint that cannot be written (a full disk) must not cost the training it protects.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        self._saved = time.monotonic()
        written: list[Path] = []
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            before = sorted(self.directory.glob("tables-*.safetensors"))
            number = 1 + max((int(p.stem.removeprefix("tables-")) for p in before), default=0)
            tables = self.directory / f"tables-{number:06}.safetensors"
            written = [tables, self.directory / f"{tables.name}.tmp", self.directory / f"{_MARK}.tmp"]
            tensors = {name: np.ascontiguousarray(as_array(t)) for name, t in state.tensors.items()}
            save_file(tensors, written[1])
            digest = _digest(written[1])
            _settle(written[1], tables)
            mark = {"version": 1, "key": key, "file": tables.name, "xxh3_128": digest}
            written[2].write_text(json.dumps({**mark, "position": state.position}), encoding="utf-8")
            _settle(written[2], self.directory / _MARK)
        except (OSError, SafetensorError) as error:
            log.warning("%s: no checkpoint written (%s); training goes on", self.directory, error)
            for path in written:
                path.unlink(missing_ok=True)
            return False
        for path in before:
            path.unlink(missing_ok=True)
        return True

    def load(self, key: str) -> State | None:
        """The saved state, or None where there is none, it is damaged, or it belongs to another key."""
        if not (self.directory / _MARK).exists():
            return None
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            mark = parse_json((self.directory / _MARK).read_bytes())
            if mark["key"] != key:
                why = "belongs to other data or options"
            elif _digest(path := self.directory / mark["file"]) != mark["xxh3_128"]:
                why = "is damaged (the digest of its tables differs)"
            else:
                return State(load_file(path), mark["position"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            why = f"is damaged ({error!r})"
        self.refuse(why)
        return None

    def clear(self) -> None:
        """Delete the checkpoint, its mark first."""
        (self.directory / _MARK).unlink(missing_ok=True)
        if self.directory.is_dir():
            for path in self.directory.glob("tables-*.safetensors*"):
                path.unlink(missing_ok=True)

    def refuse(self, why: str) -> None:
        """Say why the checkpoint is not used."""
        log.warning("%s: the checkpoint %s; training starts from the beginning", self.directory, why)


def _digest(path: Path) -> str:
    sums = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            sums.update(block)
    return sums.hexdigest()


def _settle(temporary: Path, final: Path) -> None:
    """fsync, then rename, then fsync the directory: the name never points at less than the content."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(final)
    directory = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
