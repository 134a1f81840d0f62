"""The pages over a store: ``python -m flows.ui store=runs`` starts MLflow and Prefect, Ctrl-C ends both.

The Prefect server started here is a real one: `make deploy` registers schedules on it, and runs on the
same store use it instead of an embedded one.
"""

from __future__ import annotations

from flows.arguments import Given, command_line, given

command_line(__name__)  # wrong words end here, before MLflow is imported

import json
import os
import signal
import subprocess
import sys
import time

from rich.console import Console

from flows.embedded import SERVER_FILE, server_environment, wait_until_healthy
from ftcore.errors import UserError
from tasks.store import Owner, Store

console = Console(stderr=True)


def main(words: Given) -> None:
    """Start both servers, print their addresses, wait."""
    from flows.command import run

    own = words.own
    sys.exit(run(lambda: serve(Store(words.config.store), own["mlflow_port"], own["prefect_port"])))


def serve(store: Store, mlflow_port: int, prefect_port: int) -> int:
    """Run MLflow's and Prefect's servers until one ends or Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that `finally` ends the servers
    if not (store.path / "mlflow.db").exists():
        raise UserError(
            f"{store.path}: nothing to show yet; run `make run` first, or name the store with store=DIR"
        )
    log = store.path / "ui.log"
    url = f"http://127.0.0.1:{prefect_port}/api"
    environment = {**os.environ, **server_environment(store), "PREFECT_UI_API_URL": url}
    with open(log, "ab") as out:
        processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "flows.embedded",
                    "--port",
                    str(prefect_port),
                    "--parent",
                    str(os.getpid()),
                ],
                env=environment,
                stdout=out,
                stderr=out,
            ),
            subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(mlflow_port)]
                + [
                    "--backend-store-uri",
                    store.mlflow_uri,
                    "--default-artifact-root",
                    store.artifacts.as_uri(),
                ],
                env=environment,
                stdout=out,
                stderr=out,
                start_new_session=True,  # its own workers end with it
            ),
        ]
    note = store.prefect / SERVER_FILE
    try:
        wait_until_healthy(url, processes[0], log)
        note.write_text(json.dumps({"url": url, "owner": str(Owner.me())}))
        console.print(f"  MLflow       http://127.0.0.1:{mlflow_port}", highlight=False)
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


def end(processes: list[subprocess.Popen]) -> None:
    """Terminate, then kill; MLflow's whole process group, since it forks workers."""
    for process in processes:
        if process.poll() is None:
            own_group = os.getpgid(process.pid) == process.pid
            (os.killpg if own_group else os.kill)(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main(given("ui"))
