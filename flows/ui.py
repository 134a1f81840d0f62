"""The pages over a store: ``python -m flows.ui store=runs`` starts MLflow and Prefect, Ctrl-C ends both.

The Prefect server started here is a real one: `make deploy` registers schedules on it, and runs on the
same store use it instead of an embedded one.
"""

from __future__ import annotations

from flows.arguments import Given, command_line, given

command_line(__name__)  # wrong words end here, before MLflow is imported

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

from rich.console import Console

from flows.children import start, start_held
from flows.embedded import SERVER_FILE, server_environment, wait_until_healthy
from ftcore.base.ending import end
from ftcore.base.interruption import installed
from ftcore.errors import UserError
from tasks.moved import settle
from tasks.store import Owner, Store
from tasks.tracking import TRAINING_PAGES

console = Console(stderr=True)


def main(words: Given) -> None:
    """Start both servers, print their addresses, wait."""
    from flows.command import run

    own = words.own
    sys.exit(run(lambda: serve(Store(words.config.store), own["mlflow_port"], own["prefect_port"])))


def serve(store: Store, mlflow_port: int, prefect_port: int) -> int:
    """Run MLflow's and Prefect's servers until one ends or Ctrl-C."""
    if signals := installed():
        signals.farewell = lambda: f"the pages over {store.path} are closed"
    if not (store.path / "mlflow.db").exists():
        raise UserError(
            f"{store.path}: nothing to show yet; run `make run` first, or name the store with store=DIR"
        )
    settle(store)
    log = store.path / "ui.log"
    url = f"http://127.0.0.1:{prefect_port}/api"
    environment = server_environment(store) | {"PREFECT_UI_API_URL": url}
    embedded = ["-m", "flows.embedded", "--port", str(prefect_port), "--parent", str(os.getpid())]
    mlflow = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(mlflow_port)]
    mlflow += ["--backend-store-uri", store.mlflow_uri, "--default-artifact-root", store.artifacts.as_uri()]
    with open(log, "ab") as out:
        processes = [
            start(embedded, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out),
            start_held(mlflow, env=environment, stdout=out, stderr=out),
        ]
    note = store.prefect / SERVER_FILE
    try:
        wait_until_healthy(url, processes[0], log)
        note.write_text(json.dumps({"url": url, "owner": str(Owner.me())}))
        for address, name in mlflow_pages(store, mlflow_port):
            console.print(f"  MLflow       {address}  [dim]{name}[/]", highlight=False, soft_wrap=True)
        console.print(f"  Prefect      http://127.0.0.1:{prefect_port}", highlight=False)
        console.print(
            f"  TensorBoard  {sys.executable} -m tensorboard.main --logdir {store.tensorboard}",
            highlight=False,
            soft_wrap=True,
        )
        console.print("  Ctrl-C ends both", highlight=False)
        while all(p.poll() is None for p in processes):
            time.sleep(0.5)
        raise UserError(f"a server ended by itself; see {log}")
    finally:
        note.unlink(missing_ok=True)
        end(processes)


def mlflow_pages(store: Store, port: int) -> list[tuple[str, str]]:
    """Address and name of the experiments with the newest runs.

    Each by itself: from MLflow's front page, and from its list of experiments, one comes to the GenAI side.
    """
    query = """select experiment_id, experiments.name from experiments join runs using (experiment_id)
        where experiments.lifecycle_stage = 'active' group by experiment_id order by max(start_time) desc limit 5"""
    base = f"http://127.0.0.1:{port}"
    try:
        with closing(sqlite3.connect(f"{(store.path / 'mlflow.db').as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute(query).fetchall()
    except sqlite3.Error:  # a later MLflow's tables
        found = []
    return [(f"{base}/#/experiments/{number}?{TRAINING_PAGES}", name) for number, name in found] or [
        (base, "")
    ]


if __name__ == "__main__":
    main(given("ui"))
