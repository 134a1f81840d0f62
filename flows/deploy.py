"""Register the schedules of a configuration on a running Prefect server: ``python -m flows.deploy --config mine.yaml``.

The server is the one that PREFECT_API_URL names, else that of `make ui` at its usual port. What runs the
deployments is a worker: ``prefect worker start --pool ftcore --type process --limit 1``. The quick start's are
named ``nightly`` and ``retrain``, those of your configuration ``nightly-NAME`` and ``retrain-NAME``.
"""

from __future__ import annotations

from flows.arguments import QUICKSTART, Given, command_line, given

command_line(__name__)  # wrong words end here, before any import that takes its time

import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from flows.children import environment
from flows.proxies import shell_prefix
from ftcore.base.yaml_tree import dumped
from ftcore.config import Config
from ftcore.errors import UserError
from ftcore.options import merge, override

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "deployments" / "prefect.yaml"
POOL = "ftcore"
USUAL_URL = "http://127.0.0.1:4200/api"
console = Console(stderr=True)


def deployments(config: Config, file: str, overrides: list[str], cron: str, timezone: str) -> dict[str, Any]:
    """The tree of deployments/prefect.yaml for a configuration.

    Places are written out, since a worker may run in another folder; what else the configuration says is read
    anew at every run.
    """
    tree = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    own = Path(file).resolve() != Path(QUICKSTART)
    for one in tree["deployments"]:
        one["parameters"]["config"] = _parameters(config, file, overrides)
        if own:
            one["name"] += f"-{config.name}"
        for schedule in one.get("schedules", []):
            schedule |= {"cron": cron, "timezone": timezone}
    return tree


def _parameters(config: Config, file: str, overrides: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {"extends": str(Path(file).resolve())}
    whole = config.model_dump(mode="json")
    for item in overrides:
        group, *keys = item.partition("=")[0].split(".")
        if any(key.isdigit() for key in keys):  # one of a list, which the file has: all of its group
            parameters[group] = whole[group]
        else:
            override(parameters, item)
    places: dict[str, Any] = {name: str(Path(whole[name]).resolve()) for name in ("data", "store")}
    for group, name in (("segment", "user_dict"), ("stopwords", "lists")):
        if files := whole["text"][group][name]:
            text = {group: {name: [str(Path(path).resolve()) for path in files]}}
            places["text"] = merge(places.get("text", {}), text)
    return merge(parameters, places)


def deploy(url: str, tree: dict[str, Any]) -> list[str]:
    """Create the work pool if it is missing, register all deployments of a tree; returns their names.

    Raises:
        UserError: no server answers, or Prefect refuses (a schedule that is none, say).
    """
    try:
        urllib.request.urlopen(f"{url}/health", timeout=5).close()
    except (urllib.error.URLError, OSError) as error:
        raise UserError(
            f"{url}: no Prefect server answers ({error}); start one with `make ui`, or set PREFECT_API_URL"
        ) from None
    environ = environment({"PREFECT_API_URL": url})
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    names = [one["name"] for one in tree["deployments"]]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(dumped(tree))
        file.flush()
        steps = [
            [*prefect, "work-pool", "create", POOL, "--type", "process", "--overwrite"],
            [*prefect, "deploy", "--all", "--prefect-file", file.name],
        ]
        for step in steps:
            done = subprocess.run(step, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise UserError(f"{' '.join(step[2:5])} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    console.print(f"  registered {' and '.join(names)} on {url}", highlight=False)
    console.print(
        f"  run them with: {shell_prefix(os.environ)}PREFECT_API_URL={url} {sys.executable} -m prefect worker start "
        f"--pool {POOL} --type process --limit 1",
        highlight=False,
        soft_wrap=True,
    )
    return names


def main(words: Given) -> None:
    """The command line."""
    from flows.command import run

    url = os.environ.get("PREFECT_API_URL") or USUAL_URL
    own = words.own

    def work() -> int:
        deploy(
            url, deployments(words.config, words.config_file, words.overrides, own["cron"], own["timezone"])
        )
        return 0

    sys.exit(run(work))


if __name__ == "__main__":
    main(given("deploy"))
