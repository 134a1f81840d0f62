"""Which outputs of stages stay: those in use by a configuration or a registered model, and two before.

Beside the outputs of a stage lies ``in-use/NAME.json`` for each configuration (by its `name`): the
outputs that its last `KEEP` different runs of the stage used, the newest first. ``stages/held/`` has a
file for each registered version, with the outputs that it points to (its shards, its report). What
neither names is freed at the end of a run, and by ``flows.clean``.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ftcore.base.files import atomic_write_json
from ftcore.base.holdings import STALE_DAYS, Holding, holdings_of
from tasks.store import Store

RECORD = "stage.json"  # the record of an output, written last
IN_USE, HELD = "in-use", "held"
KEEP = 3  # outputs of a stage that a configuration keeps: the one in use, and two to go back to


def use(home: Path, configuration: str, keep: int = KEEP) -> None:
    """Note that a run of a configuration used this output."""
    path = home.parent / IN_USE / f"{configuration}.json"
    names = [home.name, *(n for n in used(home.parent, configuration) if n != home.name)][:keep]
    if names != used(home.parent, configuration):
        atomic_write_json(path, names)


def used(stage: Path, configuration: str) -> list[str]:
    """Names of the outputs of a stage's folder that a configuration used, the newest use first."""
    try:
        names = json.loads((stage / IN_USE / f"{configuration}.json").read_text(encoding="utf-8"))
        return [str(name) for name in names]
    except (OSError, ValueError, TypeError):
        return []


def age(store: Store, name: str, seen: Iterable[str], configuration: str) -> None:
    """The pieces ``name/…`` of a stage that a run did not need (their files are gone) count as one run older."""
    known = {store.stages / piece for piece in seen}
    for stage in sorted((store.stages / name).glob("*")):
        names = used(stage, configuration)
        if stage in known or not names:
            continue
        if len(names) < KEEP:
            atomic_write_json(stage / IN_USE / f"{configuration}.json", ["", *names])
        elif any(names[: KEEP - 1]):
            atomic_write_json(stage / IN_USE / f"{configuration}.json", ["", *names][:KEEP])
        else:
            (stage / IN_USE / f"{configuration}.json").unlink()


def users(stage: Path) -> list[str]:
    """The configurations that have an output in a stage's folder."""
    return sorted(p.stem for p in (stage / IN_USE).glob("*.json"))


def hold(store: Store, model_uri: str, homes: Iterable[Path]) -> None:
    """Keep some outputs as long as a registered version exists."""
    names = sorted(home.relative_to(store.stages).as_posix() for home in homes)
    name = model_uri.removeprefix("models:/").replace("/", "~")
    atomic_write_json(store.stages / HELD / f"{name}.json", {"model": model_uri, "outputs": names})


def holdings(
    store: Store,
    exists: Callable[[str], bool] = lambda _: True,
    *,
    keep: int = KEEP,
    without: frozenset[str] = frozenset(),
) -> list[Holding]:
    """Every output and every piece of unfinished work in the store, with the reason why it stays.

    Args:
        exists: whether a registered version (``models:/name/3``) is still there.
        keep: outputs of a stage that a configuration may keep.
        without: configurations that keep nothing.
    """
    held: dict[str, list[str]] = {}
    for path in sorted((store.stages / HELD).glob("*.json")):
        note = json.loads(path.read_text(encoding="utf-8"))
        if exists(note["model"]):
            for name in note["outputs"]:
                held.setdefault(name, []).append(note["model"])
    found: list[tuple[Path, str, str]] = []
    for home in sorted(p.parent for p in store.stages.rglob(RECORD)):
        name = home.relative_to(store.stages).as_posix()
        why = []
        for user in users(home.parent):
            names = [] if user in without else used(home.parent, user)[:keep]
            if home.name in names:
                place = names.index(home.name)
                why.append(f"{user}, in use" if place == 0 else f"{user}, {place} before")
        stage = home.parent.relative_to(store.stages).as_posix()
        found.append((home, stage, "; ".join(why + held.get(name, []))))
    for work in sorted(p.parent for p in store.scratch.rglob("out") if p.is_dir()):
        newest = max((p.stat().st_mtime for p in work.rglob("*")), default=0.0)
        days = (time.time() - newest) / 86_400
        why = [f"unfinished, {days:.0f} days old"] if days <= STALE_DAYS else []
        found.append((work, "scratch", "".join(why)))
    return holdings_of(found)


def prune(store: Store, exists: Callable[[str], bool] = lambda _: True) -> int:
    """Remove what nothing needs; returns the bytes that were freed."""
    unneeded = [h for h in holdings(store, exists) if not h.why]
    free(store, unneeded)
    return sum(h.bytes for h in unneeded)


def free(store: Store, unneeded: Iterable[Holding]) -> None:
    """Remove some folders of the store."""
    for holding in unneeded:
        shutil.rmtree(holding.path, ignore_errors=True)
        _remove_empty(holding.path.parent, store)


def configurations(store: Store) -> list[str]:
    """The configurations (by name) that keep something in the store."""
    return sorted({p.stem for p in store.stages.rglob(f"{IN_USE}/*.json")})


def forget(store: Store, configuration: str) -> None:
    """Let a configuration keep nothing any more."""
    for path in store.stages.rglob(f"{IN_USE}/{configuration}.json"):
        path.unlink()


def _remove_empty(folder: Path, store: Store) -> None:
    """A piece's folder goes with its last output."""
    if folder.parent.parent == store.stages and not any(p.name != IN_USE for p in folder.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)
