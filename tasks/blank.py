"""Empty databases of Prefect and MLflow, made once an environment by their own commands.

A new store's databases go through every migration that either project ever had, which takes longer than a small
run. ``python -m tasks.blank`` (a step of the installation) keeps the outcome beside the packages, and `lay` copies
it to where a database is yet to be made. Where there is none for these versions, all is as without.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

COMMANDS = {
    "prefect": ["prefect", "server", "database", "upgrade", "--yes"],
    "mlflow": ["mlflow", "db", "upgrade"],
}


def blank_of(package: str) -> Path:
    """Where the empty database of the installed version of `prefect` or `mlflow` is kept, if it is."""
    return Path(sys.prefix) / "share" / "ftcore" / f"{package}-{version(package)}.db"


def lay(package: str, target: Path) -> bool:
    """Copy the empty database to `target`, whole or not at all; whether it did.

    A database that is there already stays, also one that appears meanwhile.
    """
    with suppress(OSError):  # none is kept, or a file system without links: the package makes its own
        blank = blank_of(package)
        if target.exists() or not blank.is_file():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".blank") as folder:
            os.link(shutil.copyfile(blank, Path(folder) / "db"), target)  # fails where the target is there
        return True
    return False


def make(package: str) -> Path:
    """Have the package make an empty database and keep it.

    Raises:
        CalledProcessError: its command fails.
    """
    blank = blank_of(package)
    blank.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=blank.parent) as folder:
        made, whole = Path(folder) / "made.db", Path(folder) / "whole.db"
        settings = {
            "PREFECT_HOME": folder,
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{made}",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
        }
        words = [sys.executable, "-m", *COMMANDS[package]]
        words += [f"sqlite:///{made}"] if package == "mlflow" else []
        subprocess.run(words, check=True, stdout=sys.stderr, env={**os.environ, **settings}, cwd=folder)
        with closing(sqlite3.connect(made)) as database:  # what waits in its journal included
            database.execute("VACUUM INTO ?", [str(whole)])
        os.replace(whole, blank)
    return blank


if __name__ == "__main__":
    for name in COMMANDS:
        if not blank_of(name).is_file():
            make(name)
