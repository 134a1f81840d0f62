"""Serve the champion (else the newest version) over HTTP: ``python -m flows.serve store=runs``.

It is ``mlflow models serve`` of that version, in this environment. Ask it with
``curl localhost:5001/invocations -H 'Content-Type: application/json' -d '{"dataframe_records": [{"text": "…"}]}'``.
"""

from __future__ import annotations

import argparse
import os
import sys

from ftcore.config import load_config
from ftcore.errors import UserError


def main() -> None:
    """The command line; replaces this process by MLflow's server."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description=__doc__)
    parser.add_argument("--config", default=None)
    parser.add_argument("--model", default="", help="models:/NAME/VERSION; default: the champion")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="store=DIR tracking.model_name=NAME"
    )
    arguments = parser.parse_intermixed_args()
    from flows.command import run

    sys.exit(run(lambda: serve(arguments)))


def serve(arguments: argparse.Namespace) -> int:
    """Find the version and hand over to ``mlflow models serve``."""
    from tasks.tracking import Tracker

    config = load_config(arguments.config, arguments.overrides)
    tracker = Tracker(config)
    name = config.tracking.model_name
    uri = arguments.model or (f"models:/{name}@champion" if tracker.alias("champion") else tracker.newest())
    if not uri:
        raise UserError(f"{name}: no registered version in {tracker.uri}; run the pipeline first")
    environment = {**os.environ, "MLFLOW_TRACKING_URI": tracker.uri, "MLFLOW_REGISTRY_URI": tracker.uri}
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(arguments.port)]
    print(f"serving {uri} on http://127.0.0.1:{arguments.port}", file=sys.stderr, flush=True)
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main()
