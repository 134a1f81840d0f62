"""Who answers calls: processes or threads of this machine, or a cluster; chosen by one option.

Example:
    >>> with open_pool(2) as pool:
    ...     pool.run("math:sqrt", 9)
    3.0
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from ftcore.base.cores import cores
from ftcore.base.workers import Pool, Threads


class AnyPool(Protocol):
    """What answers calls: `Pool`, `Threads`, and those of `ftcore.base.cluster`."""

    workers: int

    def run(self, target: str, order: Any) -> Any:
        """Call ``module:function`` with `order` and wait for what it returns, both JSON."""

    def close(self) -> None:
        """Stop; calls under way end with an error."""


@contextmanager
def open_pool(
    workers: int = 0, runner: str = "processes", address: str = "", shared: str | PathLike = "."
) -> Iterator[AnyPool | None]:
    """A pool of `workers` (0: one a core); None where this process will do: one worker, no cluster.

    Args:
        runner: ``processes``, ``threads``, ``dask`` or ``ray``.
        address: of a Dask or Ray cluster; "": one is started here when it is first needed.
        shared: a folder that every worker of a cluster must see.
    """
    pool: AnyPool | None = None
    if runner in ("dask", "ray"):
        from ftcore.base import cluster

        kind = cluster.DaskPool if runner == "dask" else cluster.RayPool
        pool = kind(workers, address, Path(shared))
    elif (workers or cores()) > 1:
        pool = Threads(workers or cores()) if runner == "threads" else Pool(workers or cores())
    try:
        yield pool
    finally:
        if pool is not None:
            pool.close()
