"""What a folder holds, how much, and why: rows of a table, and what can go.

A file with several names (a shard that two sets share) counts once, and where something needs it; what nothing needs
is then what its removal frees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

STALE_DAYS = 7  # unfinished work is kept so long for whoever returns to it


@dataclass(frozen=True)
class Holding:
    """One folder or file: what it is, its size, and why it stays ("" if nothing needs it)."""

    path: Path
    stage: str
    bytes: int
    why: str


def holdings_of(found: Iterable[tuple[Path, str, str]]) -> list[Holding]:
    """Measure folders.

    Args:
        found: path, what it is, and why it stays.
    """
    rows = list(found)
    seen: set[tuple[int, int]] = set()
    bytes = dict.fromkeys(range(len(rows)), 0)
    for needed in (True, False):
        for number, (path, _, why) in enumerate(rows):
            if bool(why) == needed:
                bytes[number] = size(path, seen)
    return [Holding(path, stage, bytes[n], why) for n, (path, stage, why) in enumerate(rows)]


def size(folder: Path, seen: set[tuple[int, int]] | None = None) -> int:
    """Bytes of all files below a folder (or of a file); one with two names counts once.

    Args:
        seen: files that were counted before, by device and number; those counted here are added.
    """
    seen = set() if seen is None else seen
    total = 0
    for path in [folder] if folder.is_file() else folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_size
    return total


def holdings_table(found: Sequence[Holding], title: str) -> Table:
    """A row for each kind and reason, the largest first."""
    from rich.markup import escape
    from rich.table import Table

    rows: dict[tuple[str, str], list[int]] = {}
    for holding in found:
        rows.setdefault((holding.stage.split("/")[0], holding.why), []).append(holding.bytes)
    made = Table(title=title, title_justify="left")
    for column, justify in (("what", "left"), ("number", "right"), ("MB", "right"), ("why", "left")):
        made.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for (stage, why), sizes in sorted(rows.items(), key=lambda row: -sum(row[1])):
        made.add_row(
            stage, f"{len(sizes):,}", f"{sum(sizes) / 1e6:,.1f}", escape(why) or "[yellow]nothing needs it[/]"
        )
    return made
