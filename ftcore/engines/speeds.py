"""How fast each engine is where it was measured: what `engine: auto` goes by.

Tokens a second at dim 100, the reference at batch 16, of the same text in one call (`benchmarks.engines`; one H100
and its host of 16 cores). An engine that was never measured on a kind of device is not in the table, and `auto`
does not take it there: a guess could cost a user hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Work = Literal["skipgram", "cbow", "supervised"]
WORKS: tuple[Work, ...] = ("skipgram", "cbow", "supervised")


class Speed(NamedTuple):
    """An engine on a kind of device: tokens a second of each kind of work."""

    engine: str
    device: str  # cpu, or cuda
    where: str  # what the figures are of
    tokens: Mapping[Work, int]


SPEEDS = (
    Speed("cpu", "cpu", "a core", {"skipgram": 560_000, "cbow": 720_000, "supervised": 3_800_000}),
    Speed("reference", "cuda", "an H100", {"skipgram": 110_000, "cbow": 102_000, "supervised": 2_900_000}),
)


def ranked(work: Work, devices: tuple[str, ...]) -> list[Speed]:
    """Those measured on these kinds of device, the fastest at `work` first.

    Example:
        >>> [(speed.engine, speed.device) for speed in ranked("skipgram", ("cpu", "cuda"))]
        [('cpu', 'cpu'), ('reference', 'cuda')]
    """
    there = [speed for speed in SPEEDS if speed.device in devices]
    return sorted(there, key=lambda speed: -speed.tokens[work])
