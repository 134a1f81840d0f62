"""The end of processes that were started here: asked first, then made to, and never waited for without a limit.

A process that is told to terminate may not: Dask's workers wait for a scheduler that is gone already, a server for a
request that hangs. Each leads a session of its own (``start_new_session=True``), so that what it started ends too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from ftcore.base.interruption import interrupted


def end(processes: Sequence[subprocess.Popen], seconds: float = 10) -> None:
    """Terminate, then kill, with their whole groups; an interrupted command waits a second at most.

    Args:
        processes: each the leader of its group.
        seconds: for all of them together to end by themselves.
    """
    for process in processes:
        signal_group(process, signal.SIGTERM)
    until = time.monotonic() + (1 if interrupted() else seconds)
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
        signal_group(process, signal.SIGKILL)  # what it started may live on
        process.wait()


def signal_group(process: subprocess.Popen, number: int) -> None:
    """Send a signal to a process and all of its group; none if nothing is left of them."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
