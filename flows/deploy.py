"""Register `nightly` and `retrain` on a running Prefect server: ``python -m flows.deploy``.

The server is the one that PREFECT_API_URL names, else that of `make ui` at its usual port. What runs the
deployments is a worker: ``prefect worker start --pool ftcore --type process --limit 1``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console

from ftcore.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
POOL = "ftcore"
USUAL_URL = "http://127.0.0.1:4200/api"
console = Console(stderr=True)


def deploy(url: str, prefect_file: Path = ROOT / "deployments" / "prefect.yaml") -> None:
    """Create the work pool if it is missing and register all deployments of a file."""
    try:
        urllib.request.urlopen(f"{url}/health", timeout=5).close()
    except (urllib.error.URLError, OSError) as error:
        raise UserError(
            f"{url}: no Prefect server answers ({error}); start one with `make ui`, or set PREFECT_API_URL"
        ) from None
    environment = {**os.environ, "PREFECT_API_URL": url}
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    steps = [
        [*prefect, "work-pool", "create", POOL, "--type", "process", "--overwrite"],
        [*prefect, "deploy", "--all", "--prefect-file", str(prefect_file)],
    ]
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise UserError(f"{' '.join(step[2:])} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    console.print(f"  registered nightly and retrain on {url}", highlight=False)
    console.print(
        f"  run them with: PREFECT_API_URL={url} {sys.executable} -m prefect worker start "
        f"--pool {POOL} --type process --limit 1",
        highlight=False,
        soft_wrap=True,
    )


def main() -> None:
    """The command line."""
    from flows.command import run

    url = os.environ.get("PREFECT_API_URL") or USUAL_URL

    def work() -> int:
        deploy(url)
        return 0

    sys.exit(run(work))


if __name__ == "__main__":
    main()
