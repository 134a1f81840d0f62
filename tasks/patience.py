"""MLflow's store, where it is busy or gone: waiting with a message, then one line that names place and culprit.

SQLite lets one process write at a time; a shell or a backup that holds `mlflow.db` must cost a wait, not a run.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from ssl import SSLError
from typing import Any

import psutil

from ftcore.errors import UserError

BUSY_SECONDS = 60.0  # for somebody else to let go of the file
ANSWER_SECONDS = 5.0  # for a server to answer at all
log = logging.getLogger("ftcore.mlflow")
_given_up: set[str] = set()


class Patient:
    """MLflow's client (or module), each of whose functions waits while the SQLite file is locked.

    Raises:
        UserError: in the functions: locked for too long, or the server is gone.
    """

    def __init__(self, target: Any, uri: str):
        self._target, self._uri = target, uri

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return (lambda *a, **k: patiently(self._uri, lambda: found(*a, **k))) if callable(found) else found


def patiently(uri: str, work: Callable[[], Any]) -> Any:
    """What `work` returns, once MLflow's store lets it.

    Raises:
        UserError: it does not; the calls that close the failed run's entries are then not waited for again.
    """
    path = sqlite_file(uri)
    end = time.monotonic() + (0 if uri in _given_up else BUSY_SECONDS)
    while True:
        try:
            if path is not None:
                wait_until_free(path, end)
            elif uri in _given_up:
                require_answer(uri)
            value = work()
            _given_up.discard(uri)
            return value
        except UserError:
            _given_up.add(uri)
            raise
        except Exception as error:
            if path is not None and _says(error, "database is locked"):
                if time.monotonic() < end:
                    continue
                _given_up.add(uri)
                raise UserError(_locked(path)) from None
            if path is None and _says(error, "API request to"):
                _given_up.add(uri)
                raise UserError(_gone(uri, "it did when this run began")) from None
            raise


def sqlite_file(uri: str) -> Path | None:
    """The file behind ``sqlite:///…``; None for a server."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def wait_until_free(path: Path, end: float) -> None:
    """Until nobody else writes to an SQLite file; UserError at `end` (of `time.monotonic`)."""
    told = False
    while path.exists():
        try:
            with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as database:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
                return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                return  # no place to say so: MLflow will
        if time.monotonic() >= end:
            raise UserError(_locked(path))
        if not told:
            log.warning("%s is locked%s; waiting for it, %.0f s at most", path, _by(path), BUSY_SECONDS)
            told = True


def require_answer(uri: str) -> None:
    """Refuse an MLflow server that does not answer, in seconds (MLflow itself would ask for minutes)."""
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError as error:
        if error.code in (502, 503, 504):  # of a proxy or balancer before it
            raise UserError(_gone(uri, f"{error.code} {error.reason}")) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        if not isinstance(why, SSLError):  # which certificates count is set in MLflow
            raise UserError(_gone(uri, str(why))) from None


def holders(path: Path) -> list[psutil.Process]:
    """Other processes that hold a lock on a file, else those that have it open; [] where that cannot be told."""
    with suppress(OSError):
        inode = str(path.stat().st_ino)
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        pids = {int(r[4]) for r in rows if len(r) > 5 and r[5].split(":")[-1] == inode} - {os.getpid()}
        found = [psutil.Process(pid) for pid in sorted(pids) if psutil.pid_exists(pid)]
        if found:
            return found
    having = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and str(path) in {f.path for f in process.open_files()}:
                having.append(process)
    return having


def _by(path: Path) -> str:
    names = []
    for process in holders(path)[:3]:
        with suppress(psutil.Error):
            names.append(f"process {process.pid} ({' '.join(process.cmdline())[:80] or process.name()})")
    return f" by {', '.join(names)}" if names else " by another process"


def _locked(path: Path) -> str:
    return f"{path}: locked{_by(path)} for {BUSY_SECONDS:.0f} s; end it, then run the same command again"


def _gone(uri: str, why: str) -> str:
    return f"tracking.uri {uri}: no MLflow server answers there ({why}); start it, or leave tracking.uri out"


def _says(error: BaseException | None, words: str) -> bool:
    while error is not None:
        if words in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
