"""How many cores this process may use: those it is bound to, and no more than its control group pays for.

A container that is given 1.5 CPUs of a machine with 64 sees all 64; threads beyond the second only make it wait.
"""

from __future__ import annotations

import math
import os
from functools import lru_cache
from os.path import join  # this is asked for by every prediction of a model: no pathlib

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
    found = []
    for line in _read(groups).splitlines():  # none where this is not Linux, or hidden
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            roots, limit_of = (mounts, join(mounts, "unified")), _maximum
        elif "cpu" in controllers.split(","):
            roots, limit_of = (join(mounts, controllers), join(mounts, "cpu")), _quota
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for root in roots:
            folders = [join(root, *parts[:depth]) for depth in range(len(parts) + 1)]
            found += [limit for folder in folders if (limit := limit_of(folder)) is not None]
    return min(found, default=None)


def _maximum(folder: str) -> float | None:
    """Of version 2: ``cpu.max`` is "quota period", or "max period" where there is no limit."""
    return _ratio(_read(join(folder, "cpu.max")).split())


def _quota(folder: str) -> float | None:
    """Of version 1: a quota of -1 is no limit."""
    found = [_read(join(folder, name)) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
    return _ratio(" ".join(found).split())


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as opened:
            return opened.read()
    except (OSError, ValueError):
        return ""


def _ratio(words: list[str]) -> float | None:
    try:
        quota, period = map(int, words)
    except ValueError:  # "max", nothing, or what we do not know
        return None
    return quota / period if quota > 0 and period > 0 else None
