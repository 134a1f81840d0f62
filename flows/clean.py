"""What a store holds, how much, and why: ``python -m flows.clean store=runs``; with ``--free`` it frees the rest.

``ftcore store runs`` is the same.

A configuration (by its `name`) keeps the outputs that its last three different runs used, a registered
version its shards and its report (`tasks.retention`). ``--forget NAME`` gives up what a configuration
holds, ``--keep 1`` all but what is in use.
"""

from __future__ import annotations

from flows.arguments import Given, command_line, given

command_line(__name__)  # wrong words end here, before MLflow is imported

import json
import sys

from rich.console import Console

from ftcore.base.holdings import Holding, holdings_table, size
from ftcore.config import Config
from ftcore.errors import UserError
from tasks.retention import configurations, free, holdings
from tasks.retention import forget as give_up
from tasks.store import Store
from tasks.tracking import Tracker

console = Console(stderr=True)


def main(words: Given) -> None:
    """Show; free on request."""
    from flows.command import run

    sys.exit(run(lambda: clean(words.config, **words.own)))


def clean(config: Config, free_it: bool, keep: int, forget: list[str]) -> int:
    """List what the store holds and free what nothing needs (`free_it`); the last line of stdout is JSON."""
    store = Store(config.store)
    if not store.path.is_dir():
        raise UserError(f"{store.path}: no such store; name it with --config FILE or store=DIR")
    known = configurations(store)
    for name in forget:
        if name not in known:
            raise UserError(
                f"--forget {name}: no such configuration here; there are: {', '.join(known) or 'none'}"
            )
    with store.lock("flows.clean"):
        found = everything(store, config, keep, frozenset(forget))
        unneeded = [h for h in found if not h.why]
        console.print(holdings_table(found, "what the store holds"))
        freed = sum(h.bytes for h in unneeded)
        if free_it:
            free(store, unneeded)
            for name in forget:
                give_up(store, name)
        whole = sum(h.bytes for h in found)
        word = "freed" if free_it else "can be freed: run it again with --free"
        console.print(f"  {whole / 1e6:,.1f} MB in all, {freed / 1e6:,.1f} MB {word}", highlight=False)
    print(json.dumps({"store": str(store.path), "bytes": whole, "freed" if free_it else "unneeded": freed}))
    return 0


def everything(store: Store, config: Config, keep: int, without: frozenset[str]) -> list[Holding]:
    """The outputs of stages, the registered models, and what is kept for the pages."""
    if config.tracking.uri or not (store.path / "mlflow.db").is_file():
        return [*holdings(store, keep=keep, without=without), *pages(store, 0)]
    tracker = Tracker(config)
    models = tracker.logged_models()
    outputs = holdings(store, tracker.version_there, keep=keep, without=without)
    return [*outputs, *models, *pages(store, sum(m.bytes for m in models))]


def pages(store: Store, models: int) -> list[Holding]:
    """What is kept for the pages; the artifacts without the bytes of the models among them."""
    places = {
        "mlflow.db": "runs and curves on MLflow's pages",
        "artifacts": "files of runs on MLflow's pages",
        "prefect": "flow runs on Prefect's pages",
        "tensorboard": "curves in TensorBoard",
    }
    found = []
    for name, why in places.items():
        path = store.path / name
        bytes = size(path) if path.is_dir() else path.stat().st_size if path.exists() else 0
        if bytes:
            found.append(Holding(path, name, bytes - (models if name == "artifacts" else 0), why))
    return found


if __name__ == "__main__":
    main(given("clean"))
