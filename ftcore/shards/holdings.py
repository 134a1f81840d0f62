"""What `ftcore prepare` left: the set of shards, and the packs that the next call takes.

A pack stays as long as the set that it was prepared for is there; what an unfinished call prepared stays for
`STALE_DAYS`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from ftcore.base.files import atomic_write_json, sha256_file
from ftcore.base.holdings import STALE_DAYS, Holding, holdings_of
from ftcore.shards.manifest import MANIFEST

PREPARED = ".prepared"  # behind the name of a set: the folder of its packs
SET = "set.json"  # in it: for which set which packs are


def note_set(work: Path, digest: str, packs: list[str]) -> None:
    """Write down which packs a set was made of."""
    atomic_write_json(work / SET, {"digest": digest, "packs": sorted(packs)})


def prepared_holdings(out: str | Path) -> list[Holding]:
    """The set of shards `out` and what lies beside it, each with the reason why it stays."""
    return holdings_of(_found(Path(out)))


def _found(out: Path) -> Iterator[tuple[Path, str, str]]:
    digest = sha256_file(out / MANIFEST) if (out / MANIFEST).is_file() else ""
    if digest:
        yield out, "shards", f"the set of shards {digest[:16]}"
    work = out.with_name(out.name + PREPARED)
    try:
        note = json.loads((work / SET).read_bytes())
    except (OSError, ValueError):
        note = {"digest": "", "packs": []}
    for path in sorted(path for path in work.glob("*") if path.is_dir()):
        if digest and note["digest"] == digest and path.name in note["packs"]:
            yield path, "packs", "what the set was made of; the next ftcore prepare takes it"
            continue
        days = (time.time() - path.stat().st_mtime) / 86_400
        gone = path.name in note["packs"]  # of a set that is there no more
        yield path, "packs", "" if gone or days > STALE_DAYS else f"unfinished, {days:.0f} days old"
