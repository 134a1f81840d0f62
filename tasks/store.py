"""The one folder that a pipeline writes to: layout, lock, and who is running.

``store/stages`` outputs of stages · ``scratch`` unfinished work and checkpoints · ``mlflow.db`` and
``artifacts`` MLflow · ``prefect`` Prefect · ``tensorboard`` event files · ``lock`` held while a run is on.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import psutil

from ftcore.base.files import free_bytes
from ftcore.errors import UserError

log = logging.getLogger("ftcore.store")


@dataclass(frozen=True)
class Owner:
    """A process, told apart from any later one with the same pid: host, boot, pid and start time."""

    host: str
    boot: str
    pid: int
    started: float

    @classmethod
    @lru_cache(maxsize=1)
    def me(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(socket.gethostname(), _boot_id(), pid, psutil.Process(pid).create_time())

    def __str__(self) -> str:
        return f"{self.host}|{self.boot}|{self.pid}|{self.started}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Read back what `str` wrote; None if it is not of that form."""
        try:
            host, boot, pid, started = text.split("|")
            return cls(host, boot, int(pid), float(started))
        except ValueError:
            return None

    def is_gone(self) -> bool:
        """True only if the process is known to have ended: another host's is never judged."""
        if self.host != socket.gethostname():
            return False
        if self.boot != _boot_id():
            return True
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 0.05
            return not same or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(int(psutil.boot_time()))


_held_here: set[Path] = set()


@dataclass(frozen=True)
class Store:
    """Paths below one folder.

    Example:
        >>> Store("runs").stages.name
        'stages'
    """

    root: str

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return Path(self.root).resolve()

    @property
    def stages(self) -> Path:
        """Outputs of stages."""
        return self.path / "stages"

    @property
    def scratch(self) -> Path:
        """What stages write while they run."""
        return self.path / "scratch"

    @property
    def artifacts(self) -> Path:
        """Artifacts of MLflow's."""
        return self.path / "artifacts"

    @property
    def prefect(self) -> Path:
        """Database and settings of the embedded Prefect server."""
        return self.path / "prefect"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def mlflow_uri(self) -> str:
        """Address of MLflow's database."""
        return f"sqlite:///{self.path / 'mlflow.db'}"

    def make(self) -> Path:
        """The folder, created where it is not there yet.

        Raises:
            UserError: a file stands in the way, nothing can be written there, or SQLite cannot name it.
        """
        remedy = "choose another folder with store=DIR"
        if "?" in str(self.path):
            raise UserError(f"store {self.path}: a ? in the path ends the address of a SQLite file; {remedy}")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            file = next(p for p in (self.path, *self.path.parents) if p.exists())
            raise UserError(f"store {self.path}: {file} is a file; {remedy}") from None
        except OSError as error:
            raise UserError(f"store {self.path}: cannot be made ({error.strerror}); {remedy}") from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise UserError(f"store {self.path}: no permission to write there; {remedy}")
        return self.path

    @contextmanager
    def lock(self, what: str, wait: float = 0) -> Iterator[None]:
        """Hold the store for one run; a second run is told who has it. A killed holder frees it.

        The process that holds it already (the command line, around its flow) may enter again.

        Args:
            wait: seconds to wait for whoever has it.
        """
        if self.path in _held_here:
            yield
            return
        from filelock import FileLock, Timeout

        file = self.make() / "lock"
        # the kernel's lock, which ends with its process; never one of a file that a killed holder leaves
        lock = FileLock(file, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            held = _held(self.path, file)
            if not wait:
                raise UserError(held) from None
            log.warning("waiting: %s", held)
            try:
                lock.acquire(timeout=wait, poll_interval=1)
            except Timeout:
                raise UserError(_held(self.path, file)) from None
        try:
            about = {"what": what, "since": time.strftime("%F %T"), **asdict(Owner.me())}
            file.write_text(json.dumps(about), encoding="utf-8")
            _held_here.add(self.path)
            yield
        finally:
            _held_here.discard(self.path)
            file.write_text("")
            lock.release()

    def free_bytes(self) -> int:
        """Free space of the file system that the store is or will be on."""
        return free_bytes(self.path)


def _held(path: Path, file: Path) -> str:
    try:
        holder = json.loads(file.read_text(encoding="utf-8"))
        who = f"by {holder['what']} (process {holder['pid']} on {holder['host']}, since {holder['since']})"
    except (OSError, ValueError, KeyError):
        who = "by another run"
    return f"{path}: this store is in use {who}; wait for it, stop it, or choose another with store=DIR"
