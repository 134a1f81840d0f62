"""Serve the champion (else the newest version) over HTTP: ``python -m flows.serve store=runs``.

It is ``mlflow models serve`` of that version, in this environment. Ask it with
``curl localhost:5001/invocations -H 'Content-Type: application/json' -d '{"dataframe_records": [{"text": "…"}]}'``.
"""

from __future__ import annotations

from flows.arguments import Given, command_line, given

command_line(__name__)  # wrong words end here, before MLflow is imported

import sys

from flows.children import start_held
from ftcore.base.ending import end
from ftcore.base.interruption import installed
from ftcore.config import Config
from ftcore.errors import UserError


def main(words: Given) -> None:
    """The command line."""
    from flows.command import run

    sys.exit(run(lambda: serve(words.config, **words.own)))


def serve(config: Config, model: str, port: int) -> int:
    """Find the version and run ``mlflow models serve`` until it ends or Ctrl-C."""
    from rich.console import Console

    from tasks.session import warnings_shown
    from tasks.tracking import Tracker

    with warnings_shown(Console(stderr=True)):
        tracker = Tracker(config)
    name = config.tracking.model_name
    uri = model or (f"models:/{name}@champion" if tracker.alias("champion") else tracker.newest())
    if not uri:
        raise UserError(f"{name}: no registered version in {tracker.uri}; run the pipeline first")
    command = ["-m", "mlflow", "models", "serve", "--model-uri", uri]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    print(f"serving {uri} on http://127.0.0.1:{port}; Ctrl-C ends it", file=sys.stderr, flush=True)
    if signals := installed():
        signals.farewell = lambda: f"no longer serving {uri}"
    server = start_held(command, env={"MLFLOW_TRACKING_URI": tracker.uri, "MLFLOW_REGISTRY_URI": tracker.uri})
    try:
        return server.wait()
    finally:
        end([server])


if __name__ == "__main__":
    main(given("serve"))
