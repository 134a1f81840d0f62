"""The command line that all flows share.

``python -m flows.NAME [--config FILE] [--dry-run] [key=value …]``: progress and tables go to stderr,
the last line of stdout is one JSON object. Exit codes: 0 done, 1 refused or failed, 2 wrong use, 130 Ctrl-C,
143 SIGTERM.
"""

from __future__ import annotations

import gc
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.arguments import ROOT, given, say
from flows.embedded import prefect_server
from ftcore.base.interruption import Interruption, installed
from ftcore.base.yaml_tree import dumped
from ftcore.config import Config
from ftcore.errors import UserError
from tasks.followers import tell
from tasks.live import close_stale_flow_runs
from tasks.session import Session, kept
from tasks.store import Store

TRAINING = ("torch", "pandas", "sklearn.svm", "matplotlib.figure")
console = Console(stderr=True)


def main(
    flow: Any, steps: Callable[[Session], Any] | None = None, *, arguments: Sequence[str] | None = None
) -> None:
    """Run one flow against the configured or the embedded Prefect, as its command line says; print the result.

    Args:
        flow: a Prefect flow ``(config, **own options) -> dict``; `flows.arguments.COMMANDS` has its options.
        steps: its body for ``--dry-run``.
        arguments: the words; default: those of the process.
    """

    def work() -> int:
        words = given(flow.name, arguments)
        return _run(flow, steps, words.config, words.dry, words.own)

    code = run(work)
    if arguments is None:
        gc.freeze()  # else the interpreter's last look for garbage takes seconds, with all that is imported
    sys.exit(code)


def run(work: Callable[[], int]) -> int:
    """Exit code of `work`; a user's mistake is one line, not a traceback.

    Ctrl-C, SIGTERM and SIGHUP end the process with 128 and their number, after one line that says what is kept.
    """
    signals = installed() or Interruption()  # nobody's, where a test calls this
    signals.farewell, signals.orderly = kept, True
    try:
        return work()
    except BaseException as error:
        if signals.number:  # whatever it became on its way here
            signals.leave()
        if isinstance(error, KeyboardInterrupt):
            console.print(f"\n{kept()}", highlight=False)
            return 130
        line = str(error) if isinstance(error, UserError) else lost_server(error)
        if not line:
            raise
        lost = not isinstance(error, UserError)
        if lost:
            console.print()  # Prefect's own complaint ends without an end of line
        say(line)
        if lost and installed():
            sys.stdout.flush()  # else Prefect tries to send each event that waits for the server, and tells of each
            os._exit(1)
        return 1
    finally:
        signals.orderly = False


def lost_server(error: BaseException) -> str:
    """One line for a Prefect server that went during the run; "" for any other error."""
    httpx = sys.modules.get("httpx")
    if httpx is None or not isinstance(error, httpx.TransportError):
        return ""
    try:
        url = str(error.request.url)
    except RuntimeError:
        url = "its address"
    return (
        f"the Prefect server does not answer any more ({url}: {error}); finished stages and checkpoints are kept, "
        "the same command goes on from there"
    )


def _run(flow: Any, steps: Callable | None, config: Config, dry: bool, own: dict[str, Any]) -> int:
    if dry:
        return dry_run(flow.name, steps, config)
    begin = time.perf_counter()
    store = Store(config.store)
    needed = ("mlflow", *TRAINING) if steps else ("mlflow",)
    with store.lock(f"flows.{flow.name}"), prefect_server(store, needed) as server:
        stale = close_stale_flow_runs(store, embedded=server.embedded)
        if stale:
            console.print(f"  closed {len(stale)} run(s) that were killed", highlight=False)
        result = flow(config=config, **own)
        tell(None)
    show(result, time.perf_counter() - begin, store)
    print(json.dumps(result, ensure_ascii=False, default=str), flush=True)
    return 0


def dry_run(name: str, steps: Callable, config: Config) -> int:
    """Print the resolved configuration and, stage by stage, what would be reused or run and why."""
    print(dumped(config.model_dump(mode="json")))
    session = Session(config, None, "", name, dry=True)
    steps(session)
    print(
        json.dumps(
            {o.stage: {"would": o.state, "why": o.reason} for o in session.outputs}, ensure_ascii=False
        )
    )
    return 0


def show(result: dict[str, Any], seconds: float, store: Store) -> None:
    """Tables of the stages and the metrics, and where to look next."""
    stages = result.get("stages")
    if stages:
        table = Table(title="stages", title_justify="left")
        for column in ("stage", "state", "seconds", "why"):
            table.add_column(column, overflow="fold")
        for s in stages:
            table.add_row(s["stage"], s["state"], f"{s['seconds']:.1f}", escape(s["reason"]))
        console.print(table)
    metrics = result.get("metrics")
    if metrics:
        console.print(metrics_table(metrics))
        for line in word_lines(metrics):
            console.print(f"  {line}", highlight=False, soft_wrap=True)
    places = {k: result[k] for k in ("model_uri", "report", "mlflow_page") if result.get(k)}
    for name, place in places.items():
        console.print(f"  {name:<12} {place}", highlight=False, soft_wrap=True)
    if places:
        console.print(
            f"  {'pages':<12} {pages(store)}   [dim](MLflow, Prefect, TensorBoard over this store)[/]",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"  done in {seconds:.0f} s", highlight=False)


def pages(store: Store) -> str:
    """The command that shows the pages over a store, from the checkout's root."""
    if store.path == ROOT / "runs":
        return "make ui"
    return f"make ui STORE={shlex.quote(str(store.path))}"


def word_lines(metrics: dict[str, float]) -> list[str]:
    """A line for each word set: its score, and how much of it the vectors know."""
    lines = []
    for name in sorted(n.removesuffix("_words") for n in metrics if n.endswith("_words")):
        known, words, used, total = (
            metrics[f"{name}_{part}"] for part in ("known", "words", "used", "total")
        )
        lines.append(
            f"{name} {metrics[name]:.4f}: {used:.0f} of {total:.0f} used, {known:.0f} of {words:.0f} words known"
        )
    if "neighbors/words" in metrics:
        lines.append(
            f"neighbors: {metrics['neighbors/known']:.0f} of {metrics['neighbors/words']:.0f} words known"
        )
    return lines


def metrics_table(metrics: dict[str, float]) -> Table:
    """Overall and per language, with the baselines beside the scores."""
    table = Table(title="test scores", title_justify="left")
    table.add_column("documents in")
    baselines = ["linear_accuracy", "linear_macro_f1", "majority_accuracy"]
    several = [name for name in ("threshold_micro_f1", "subset_accuracy") if name in metrics]
    shown = ["accuracy", "macro_f1", *several, *(b for b in baselines if b in metrics), "ece", "documents"]
    for name in shown:
        table.add_column(name, justify="right", overflow="fold")
    groups = ["", *sorted({k.split("/")[0] + "/" for k in metrics if "/" in k and k.endswith("/accuracy")})]
    for group in groups:
        cells = []
        for name in shown:
            value = metrics.get(f"{group}{name}")
            cells.append("" if value is None else f"{value:,.0f}" if name == "documents" else f"{value:.4f}")
        table.add_row(group.rstrip("/") or "all", *cells)
    return table
