"""How many cores this process may use: those it is bound to, and no more than its control group pays for.

A container that is given 1.5 CPUs of a machine with 64 sees all 64; threads beyond the second only make it wait.
"""

from __future__ import annotations

import math
import os
from functools import lru_cache
from pathlib import Path

_CGROUPS = "/proc/self/cgroup"
_MOUNTS = "/sys/fs/cgroup"


def cores() -> int:
    """Cores this process may use, one at least: its affinity, and its CPU limit rounded up."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = _limit(_CGROUPS, _MOUNTS)
    return max(1, bound if limit is None else min(bound, math.ceil(limit)))


def usable_threads(threads: int | None) -> int:
    """The number asked for, one at least; or, of None, that of the `cores`."""
    return cores() if threads is None else max(1, threads)


@lru_cache(maxsize=4)
def _limit(groups: str, mounts: str) -> float | None:
    """CPUs that the control groups of this process leave it, None where they set no limit.

    A line of ``groups`` is ``number:controllers:path``; the number 0 is of version 2, which has one tree. Limits hold
    for all that is below them. In a container the path may be the host's, whose folders are not there: the
    container's own group is then the root of what is mounted.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max), Documentation/scheduler/sched-bwc.rst.
    """
    try:
        lines = Path(groups).read_text().splitlines()
    except (OSError, ValueError):  # not Linux, or hidden
        return None
    found = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            roots, read = (Path(mounts), Path(mounts, "unified")), _maximum
        elif "cpu" in controllers.split(","):
            roots, read = (Path(mounts, controllers), Path(mounts, "cpu")), _quota
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for root in roots:
            folders = [root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
            found += [limit for folder in folders if (limit := read(folder)) is not None]
    return min(found, default=None)


def _maximum(folder: Path) -> float | None:
    """Of version 2: ``cpu.max`` is "quota period", or "max period" where there is no limit."""
    return _ratio(_words(folder / "cpu.max"))


def _quota(folder: Path) -> float | None:
    """Of version 1: a quota of -1 is no limit."""
    return _ratio(_words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us"))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except (OSError, ValueError):
        return []


def _ratio(words: list[str]) -> float | None:
    try:
        quota, period = map(int, words)
    except ValueError:  # "max", nothing, or what we do not know
        return None
    return quota / period if quota > 0 and period > 0 else None
