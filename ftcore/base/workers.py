"""Processes that work for this one and never outlive it.

Not a ProcessPoolExecutor: its spawned workers import the parent's main module, which in a flow
means Prefect and MLflow (seconds and hundreds of MB each), and want every script guarded by
``if __name__ == "__main__"``. Here a worker is a plain ``python -c`` that answers one JSON line
on stdin with one on stdout.

Example:
    >>> pool = Pool(2)
    >>> pool.run("json:dumps", {"a": 1})
    '{"a": 1}'
    >>> pool.close()
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from typing import Any

from ftcore import errors
from ftcore.base.ending import end
from ftcore.errors import UserError

_CODE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from ftcore.base.workers import serve; serve(int(sys.argv[2]))"
)


class WorkerDied(RuntimeError):
    """A worker ended without an answer."""


class Pool:
    """`workers` processes, each started when first needed and owned by one thread of the pool.

    The thread lives as long as the pool, because Linux sends the parent-death signal when the
    *thread* that started the child ends, and the threads of Prefect's tasks end early.
    """

    def __init__(self, workers: int):
        self.workers = workers
        self._owner = os.getpid()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="worker-of")
        self._own = threading.local()
        self._all: list[subprocess.Popen] = []
        self._closed = False
        self._lock = threading.Lock()

    def run(self, target: str, order: Any) -> Any:
        """Call ``module:function`` with `order` in a worker and wait for what it returns.

        Both are JSON values. Any thread may call; at most `workers` calls run at once.

        Raises:
            UserError: as the function raised it.
            OSError: as the function raised it.
            WorkerDied: the worker was killed or crashed.
            RuntimeError: any other error, with the worker's traceback.
        """
        if self._owner != os.getpid():  # whose threads a forked child does not have: it would wait for ever
            raise RuntimeError("this pool belongs to the process that forked this one; open another")
        return self._threads.submit(self._run, target, order).result()

    def _run(self, target: str, order: Any) -> Any:
        worker = getattr(self._own, "worker", None)
        if worker is None or worker.poll() is not None:
            worker = self._own.worker = self._start()
        assert worker.stdin and worker.stdout
        try:
            worker.stdin.write(json.dumps([target, order]).encode() + b"\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise WorkerDied(
                f"{target}: its worker died (exit status {worker.wait()}; -9 often means out of "
                "memory: set workers to a smaller number)"
            )
        return value_of(target, *json.loads(line))

    def _start(self) -> subprocess.Popen:
        command = [sys.executable, "-c", _CODE, json.dumps(sys.path), str(os.getpid())]
        # The parallelism is between workers: one thread each for Arrow.
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        with self._lock:
            if self._closed:
                raise CancelledError("the pool is closed")
            worker = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,  # Ctrl-C and signals to the group are the parent's to answer
            )
            self._all.append(worker)
        return worker

    def close(self) -> None:
        """Stop the workers; calls under way end with WorkerDied."""
        if self._owner != os.getpid():  # the workers are another process's
            return
        with self._lock:
            self._closed = True
        end(self._all, 1)  # they have nothing to tidy up
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._all:
            assert worker.stdin and worker.stdout
            worker.stdout.close()
            with suppress(OSError):  # an order it did not take any more
                worker.stdin.close()


class Threads:
    """Threads of this process, at most `workers` at once."""

    def __init__(self, workers: int):
        self.workers = workers
        self._free = threading.BoundedSemaphore(workers)

    def run(self, target: str, order: Any) -> Any:
        """As `Pool.run`, in the thread that calls."""
        with self._free:
            return value_of(target, *answer(target, order))

    def close(self) -> None:
        """There is nothing to end."""


def value_of(target: str, kind: str, value: Any) -> Any:
    """What `answer` gave: the value, or the error raised again."""
    if kind == "done":
        return value
    if kind == "user":
        name, message = value
        raise getattr(errors, name, UserError)(message)
    if kind == "os":
        raise OSError(*value)
    raise RuntimeError(f"{target} failed in its worker:\n{value}")


def serve(parent: int) -> None:
    """The life of a worker: answer calls until stdin closes or the process `parent` ends."""
    die_with(parent)
    from ftcore.base.strings import (
        leave_pandas_out,
    )  # here: the process that starts workers may need no Arrow

    leave_pandas_out()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get between the answers
    for line in sys.stdin.buffer:
        target, order = json.loads(line)
        answers.write(json.dumps(answer(target, order)).encode() + b"\n")
        answers.flush()


def answer(target: str, order: Any) -> tuple[str, Any]:
    """Call ``module:function``: "done" and what it returned, or what kind of error and what it said."""
    try:
        module, _, name = target.partition(":")
        return "done", getattr(import_module(module), name)(order)
    except UserError as error:
        return "user", [type(error).__name__, str(error)]
    except OSError as error:
        return "os", [error.errno, error.strerror or str(error), error.filename]
    except Exception:
        return "bug", traceback.format_exc()


def die_with(parent: int) -> None:
    """End this process as soon as `parent` has ended, kill -9 included: by the kernel or a watcher."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it ended before the call above
        os._exit(1)

    def watch() -> None:  # systems without prctl
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if sys.platform != "linux":
        threading.Thread(target=watch, daemon=True, name="watch-parent").start()
