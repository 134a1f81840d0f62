"""Which of several processes is this one? What torchrun says in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

WORDS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Seat:
    """A process among those that torchrun started."""

    rank: int
    size: int
    local: int = 0  # its number on this machine
    neighbours: int = 1  # how many there are on this machine

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.rank == 0


def place() -> Seat:
    """Of this process; alone where torchrun did not start it.

    Example:
        >>> place()
        Seat(rank=0, size=1, local=0, neighbours=1)
    """
    if missing():
        return Seat(0, 1)
    numbers = (os.environ.get(name, other) for name, other in (
        ("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "1"),
    ))  # fmt: skip
    return Seat(*map(int, numbers))


def missing() -> list[str]:
    """The words of torchrun that are not in the environment."""
    return [name for name in WORDS if name not in os.environ]
