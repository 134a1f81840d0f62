"""A store that lies elsewhere than when it was made: MLflow's tables hold whole addresses of artifacts.

Example:
    >>> settle(Store("no-such-folder"))
    ''
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlparse

from ftcore.errors import UserError
from tasks.store import Store

# where MLflow keeps addresses; the tables of metrics and parameters are long and hold none
_TABLES = (
    *("experiments", "experiment_tags", "runs", "tags", "datasets"),
    *("model_versions", "model_version_tags", "registered_models", "logged_models", "logged_model_tags"),
)


def settle(store: Store) -> str:
    """Let the addresses in a store's MLflow tables point into the store where it is now.

    Returns:
        the folder where the store was before; "" if it has not moved.

    Raises:
        UserError: it has moved, and the tables cannot be written.
    """
    file = store.path / "mlflow.db"
    if not file.is_file():
        return ""
    here = store.path.as_uri()
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=1)) as database:
            moved = [root for root in _roots(database) if root != here and _is_here(store, database, root)]
        if not moved:
            return ""
        with closing(sqlite3.connect(file, timeout=1)) as database, database:
            for root in moved:
                _readdress(database, root, here)
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # MLflow has not made its tables yet
            return ""
        raise UserError(
            f"{file}: the addresses of its artifacts cannot be read or made to point here ({error}); end what "
            "uses the store, and make the file writable, or put the store back where it was"
        ) from None
    return _path(moved[0])


def _roots(database: sqlite3.Connection) -> list[str]:
    """Stores that the experiments say they are in, as addresses."""
    rows = database.execute(
        "select artifact_location from experiments where lifecycle_stage = 'active' order by experiment_id"
    )
    found = [r[0].rpartition("/artifacts/")[0] for r in rows if r[0] and r[0].startswith("file://")]
    return list(dict.fromkeys(root for root in found if root))


def _is_here(store: Store, database: sqlite3.Connection, root: str) -> bool:
    """Whether what an address says is there is in this store: it moved (or was copied) as a whole."""
    prefix = f"{root}/artifacts/"
    rows = database.execute("select artifact_location from experiments").fetchall()
    names = [r[0].removeprefix(prefix) for r in rows if r[0] and r[0].startswith(prefix)]
    unused = not store.artifacts.exists() and not Path(_path(root)).exists()  # no artifact was ever written
    return unused or any((store.artifacts / unquote(name)).is_dir() for name in names)


def _readdress(database: sqlite3.Connection, old: str, new: str) -> None:
    there = {r[0] for r in database.execute("select name from sqlite_master where type = 'table'")}
    pairs = [(f"{old}/", f"{new}/"), (f"{_path(old)}/", f"{_path(new)}/")]
    for table in [t for t in _TABLES if t in there]:
        for column in [r[1] for r in database.execute(f"pragma table_info('{table}')")]:
            for one, other in pairs:
                database.execute(
                    f'update "{table}" set "{column}" = replace("{column}", ?, ?) '
                    f'where typeof("{column}") = \'text\' and instr("{column}", ?)',
                    (one, other, one),
                )


def _path(address: str) -> str:
    return unquote(urlparse(address).path)
