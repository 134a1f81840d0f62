"""The command line that all flows share.

``python -m flows.NAME [--config FILE] [--dry-run] [key=value …]``: progress and tables go to stderr,
the last line of stdout is one JSON object. Exit codes: 0 done, 1 refused or failed, 2 wrong use, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from flows.embedded import prefect_server
from ftcore.config import Config, load_config
from ftcore.errors import UserError
from tasks.session import Session, close_stale_flow_runs
from tasks.store import Store

console = Console(stderr=True)
OVERRIDE = re.compile(r"[\w.]+=")


def main(
    flow: Any,
    steps: Callable[[Session], Any] | None = None,
    *,
    arguments: Sequence[str] | None = None,
    options: Callable[[argparse.ArgumentParser], None] | None = None,
    default_config: str | None = None,
    positional: str = "",
) -> None:
    """Parse the command line, run one flow against the configured or the embedded Prefect, print the result.

    Args:
        flow: a Prefect flow ``(config, **own options) -> dict``.
        steps: its body for ``--dry-run``.
        options: adds the flow's own options to the parser; their values become flow parameters.
        positional: the flow parameter that takes the plain words (those that are no key=value).
        default_config: the configuration where none is named.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m flows.{flow.name}", description=flow.description, allow_abbrev=False
    )
    parser.add_argument("--config", metavar="FILE", default=default_config, help="YAML configuration")
    parser.add_argument("--dry-run", action="store_true", help="say what would run and why, and stop")
    words = f"{positional} or key=value" if positional else "key=value"
    parser.add_argument("overrides", nargs="*", metavar=words, help="e.g. pretrain.dim=50 store=/data/ft")
    if options is not None:
        options(parser)
    given = vars(parser.parse_intermixed_args(arguments))
    if positional:
        given[positional] = [w for w in given["overrides"] if not OVERRIDE.match(w)]
        given["overrides"] = [w for w in given["overrides"] if OVERRIDE.match(w)]
    config_file, dry, overrides = given.pop("config"), given.pop("dry_run"), given.pop("overrides")
    sys.exit(run(lambda: _run(flow, steps, load_config(config_file, overrides), dry, given)))


def run(work: Callable[[], int]) -> int:
    """Exit code of `work`; a user's mistake is one line, not a traceback."""
    try:
        return work()
    except UserError as error:
        console.print("[bold red]error:[/]", end=" ")
        console.print(str(error), highlight=False, soft_wrap=True, markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\ninterrupted; the same command goes on where this one stopped", highlight=False)
        return 130


def _run(flow: Any, steps: Callable | None, config: Config, dry: bool, own: dict[str, Any]) -> int:
    if dry:
        return dry_run(flow.name, steps, config)
    begin = time.perf_counter()
    store = Store(config.store)
    with store.lock(f"flows.{flow.name}"), prefect_server(store) as server:
        stale = close_stale_flow_runs(store, embedded=server.embedded)
        if stale:
            console.print(f"  closed {len(stale)} run(s) that were killed", highlight=False)
        console.print(f"[bold]{flow.name}[/] [dim]store {store.path}[/]", highlight=False)
        result = flow(config=config, **own)
    show(result, time.perf_counter() - begin)
    print(json.dumps(result, ensure_ascii=False, default=str), flush=True)
    return 0


def dry_run(name: str, steps: Callable | None, config: Config) -> int:
    """Print the resolved configuration and, stage by stage, what would be reused or run and why."""
    if steps is None:
        raise UserError(f"flows.{name} has no dry run; it has one step and always runs it")
    print(yaml.safe_dump(config.model_dump(mode="json"), allow_unicode=True, sort_keys=False))
    session = Session(config, None, "", name, dry=True)
    steps(session)
    print(
        json.dumps(
            {o.stage: {"would": o.state, "why": o.reason} for o in session.outputs}, ensure_ascii=False
        )
    )
    return 0


def show(result: dict[str, Any], seconds: float) -> None:
    """Tables of the stages and the metrics, and where to look next."""
    stages = result.get("stages")
    if stages:
        table = Table(title="stages", title_justify="left")
        for column in ("stage", "state", "seconds", "why"):
            table.add_column(column, overflow="fold")
        for s in stages:
            table.add_row(s["stage"], s["state"], f"{s['seconds']:.1f}", s["reason"])
        console.print(table)
    metrics = result.get("metrics")
    if metrics:
        console.print(metrics_table(metrics))
    places = {k: result[k] for k in ("model_uri", "report", "mlflow_page") if result.get(k)}
    for name, place in places.items():
        console.print(f"  {name:<12} {place}", highlight=False, soft_wrap=True)
    if places:
        console.print(f"  {'pages':<12} make ui   [dim](MLflow, Prefect, TensorBoard over this store)[/]")
    console.print(f"  done in {seconds:.0f} s", highlight=False)


def metrics_table(metrics: dict[str, float]) -> Table:
    """Overall and per language, with the majority-class baseline beside the scores."""
    table = Table(title="test scores", title_justify="left")
    table.add_column("documents in")
    shown = ["accuracy", "macro_f1", "majority_accuracy", "ece", "documents"]
    for name in shown:
        table.add_column(name, justify="right")
    groups = ["", *sorted({k.split("/")[0] + "/" for k in metrics if "/" in k and k.endswith("/accuracy")})]
    for group in groups:
        cells = []
        for name in shown:
            value = metrics.get(f"{group}{name}")
            cells.append("" if value is None else f"{value:,.0f}" if name == "documents" else f"{value:.4f}")
        table.add_row(group.rstrip("/") or "all", *cells)
    return table
