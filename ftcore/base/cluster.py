"""The calls of a `workers.Pool` on a Dask or a Ray cluster: the one of an address, or one started here.

What travels is the name of a function and JSON, both ways, so that the result is that of any other pool. Files do not
travel: every worker must see the folders of the corpus and of the output under the same paths, and have the same
ftcore. A worker that does not says so, with its host's name, at its first call.

A cluster starts, or is connected to, when it is first needed: where all is reused, none is.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import ftcore
from ftcore.base.cores import cores
from ftcore.base.ending import end
from ftcore.base.workers import WorkerDied, answer, value_of
from ftcore.errors import UserError

CALLS = 64  # under way at once on a cluster whose size is not known yet
PATIENCE = 60  # seconds for a cluster that is started here or connected to
_STARTED = """\
import json, sys; sys.path[:] = json.loads(sys.argv.pop(1))
from ftcore.base.workers import die_with; die_with(int(sys.argv.pop(1)))
from distributed.cli.dask_{0} import main; main()"""


class ClusterPool:
    """What Dask and Ray share: started once, a token in the folder that all must see, JSON both ways.

    Args:
        workers: processes of a cluster that is started here; 0: one a core.
        address: of a cluster that runs; "": one is started here and ends with the pool.
        shared: a folder that every worker must see.
    """

    name = ""

    def __init__(self, workers: int, address: str, shared: str | Path) -> None:
        self.address, self.shared = address, Path(shared).absolute()
        self.processes = workers or cores()
        self.workers = CALLS if address else self.processes
        self._lock = threading.Lock()
        self._begun = self._closed = False
        self._token = secrets.token_hex(8)
        self._seen = self.shared / f".ftcore-tmp-{self._token}-seen"

    def run(self, target: str, order: Any) -> Any:
        """Call ``module:function`` with `order` on a worker and wait for what it returns; see `Pool.run`."""
        with self._lock:
            if not self._begun:
                self.shared.mkdir(parents=True, exist_ok=True)
                self._seen.write_text(self._token)
                self._start()
                self._begun = True
        try:
            kind, value = json.loads(
                self._submit(target, json.dumps(order), str(self._seen), ftcore.__version__)
            )
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"a {self.name} worker cannot run ftcore ({error}); install ftcore {ftcore.__version__} on all of them"
            ) from None
        return value_of(target, kind, value)

    def close(self) -> None:
        """End the cluster that was started here, or the connection."""
        if self._begun and not self._closed:
            self._closed = True
            self._seen.unlink(missing_ok=True)
            self._stop()

    def _start(self) -> None:
        raise NotImplementedError

    def _submit(self, *arguments: str) -> str:
        raise NotImplementedError

    def _stop(self) -> None:
        raise NotImplementedError


def answer_there(target: str, order: str, seen: str, version: str) -> str:
    """What a worker of a cluster does: `workers.answer`, as JSON, if it is fit to."""
    host = socket.gethostname()
    folder = Path(seen).parent
    try:
        token = Path(seen).read_text()
    except OSError:
        token = ""
    if not token or token not in seen:
        return json.dumps(["user", ["UserError", (
            f"the worker on {host} does not see the folder {folder} (or another one of this name): mount the one that "
            "the command writes to, and the corpus, under the same paths on all workers, or set runner=processes"
        )]])  # fmt: skip
    if ftcore.__version__ != version:
        return json.dumps(["user", ["UserError", (
            f"the worker on {host} has ftcore {ftcore.__version__}, the command {version}: install the same on all"
        )]])  # fmt: skip
    kind, value = answer(target, json.loads(order))
    if kind == "user":
        value = [value[0], f"{value[1]} (on the worker {host})"]
    return json.dumps([kind, value])


class DaskPool(ClusterPool):
    """Calls on a Dask cluster; one that is started here talks TLS with keys of its own, and ends with this process."""

    name = "Dask"

    def _start(self) -> None:
        try:
            from distributed import Client, Security
        except ImportError:
            raise _missing("dask") from None
        self._own: list[subprocess.Popen] = []
        self._folder: tempfile.TemporaryDirectory | None = None
        address, security = self.address, None
        if not address:
            self._folder = tempfile.TemporaryDirectory(prefix="ftcore-dask-")
            security = Security.temporary()
            address = self._start_here(Path(self._folder.name), security)
        try:
            self._client = Client(address, security=security, timeout=PATIENCE, set_as_default=False)
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, TimeoutError, ValueError) as error:
            self._end()
            raise UserError(
                f"runner_address={address}: no Dask cluster with a worker answers there ({error}); check the address, or "
                "leave it out for a cluster on this machine"
            ) from None

    def _start_here(self, folder: Path, security: Any) -> str:
        """A scheduler and workers, each a process that ends with this one; returns the scheduler's address."""
        tls = []
        for role in ("scheduler", "worker"):
            files = {}
            for what, option in (("ca_file", "ca-file"), ("cert", "cert"), ("key", "key")):
                path = folder / f"{role}-{option}.pem"
                path.write_text(
                    security.get_tls_config_for_role(role)[what]
                )  # the folder is this user's alone
                files[f"--tls-{option}"] = str(path)
            tls.append([word for pair in files.items() for word in pair])
        file = folder / "scheduler.json"
        about = ["--host", "tls://127.0.0.1", "--scheduler-file", str(file), "--no-dashboard"]
        self._own.append(_process("scheduler", [*about, "--port", "0", *tls[0]], folder))
        begin = time.monotonic()
        while not file.exists() or not file.stat().st_size:
            if self._own[0].poll() is not None or time.monotonic() - begin > PATIENCE:
                self._end()
                raise UserError("the Dask scheduler did not start on this machine; set runner=processes")
            time.sleep(0.02)
        address = json.loads(file.read_text())["address"]
        about = [address, "--host", "tls://127.0.0.1", "--no-dashboard", "--no-nanny", "--nthreads", "1"]
        about += ["--memory-limit", "0", "--local-directory", str(folder), "--death-timeout", str(PATIENCE)]
        self._own += [_process("worker", [*about, *tls[1]], folder) for _ in range(self.processes)]
        return address

    def _submit(self, *arguments: str) -> str:
        from distributed import KilledWorker

        future = self._client.submit(answer_there, *arguments, pure=False)
        try:
            while not future.done():
                with suppress(TimeoutError):
                    future.result(timeout=1)
                if any(process.poll() is not None for process in self._own) and not future.done():
                    raise WorkerDied(  # no other takes its place, and the call would wait for one for ever
                        f"{arguments[0]}: a part of the Dask cluster that was started here died; often it is out of "
                        "memory: set workers to a smaller number"
                    )
            return future.result()
        except KilledWorker as error:
            raise WorkerDied(
                f"{arguments[0]}: its Dask workers died ({error}); often they are out of memory"
            ) from None

    def _stop(self) -> None:
        self._client.close(timeout=5)
        self._end()

    def _end(self) -> None:
        end(self._own, 5)  # a worker whose scheduler is gone first may wait for it
        if self._folder is not None:
            self._folder.cleanup()


def _process(kind: str, arguments: list[str], folder: Path) -> subprocess.Popen:
    """A part of a Dask cluster that ends with this process; what it says goes to a file."""
    command = [
        sys.executable,
        "-c",
        _STARTED.format(kind),
        json.dumps(sys.path),
        str(os.getpid()),
        *arguments,
    ]
    with open(folder / f"{kind}.log", "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )


class RayPool(ClusterPool):
    """Calls on a Ray cluster; one that is started here ends with this process."""

    name = "Ray"

    def _start(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise _missing("ray") from None
        self._mine = not ray.is_initialized()
        here: dict[str, Any] = {} if self.address else {
            "num_cpus": self.processes, "object_store_memory": 80 << 20, "include_dashboard": False,
        }  # fmt: skip
        try:
            if self._mine:
                ray.init(
                    address=self.address or "local", log_to_driver=False, configure_logging=False, **here
                )
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"runner_address={self.address or 'local'}: no Ray cluster answers there ({error}); check the address, or "
                "leave it out for a cluster on this machine"
            ) from None
        self._call: Callable[..., Any] = ray.remote(num_cpus=1, max_retries=3)(answer_there).remote

    def _submit(self, *arguments: str) -> str:
        import ray

        try:
            return ray.get(self._call(*arguments))
        except ray.exceptions.WorkerCrashedError as error:
            raise WorkerDied(
                f"{arguments[0]}: its Ray worker died ({error}); often it is out of memory"
            ) from None

    def _stop(self) -> None:
        import ray

        if self._mine:
            ray.shutdown()


def _missing(extra: str) -> UserError:
    return UserError(f'runner={extra} needs a package that is not installed: pip install "ftcore[{extra}]"')
