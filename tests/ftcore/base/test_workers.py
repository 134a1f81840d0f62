"""The end of a pool whose worker does not want to end."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ftcore.base.workers import Pool, WorkerDied


def deaf(path):
    """What no SIGTERM ends."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(path, "w"):
        time.sleep(60)


def test_a_worker_that_does_not_end_is_not_waited_for(tmp_path):
    pool = Pool(1)
    with ThreadPoolExecutor() as threads:
        call = threads.submit(pool.run, f"{__name__}:deaf", str(tmp_path / "deaf"))
        while not (tmp_path / "deaf").exists():
            time.sleep(0.01)
        begin = time.monotonic()
        pool.close()
        with pytest.raises(WorkerDied, match=r"deaf: its worker died \(exit status -9"):
            call.result(timeout=10)
    assert time.monotonic() - begin < 10
