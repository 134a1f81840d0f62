"""Exact duplicates: the copy with the lowest (source, line) stays."""

from __future__ import annotations

from pathlib import Path

from ftcore.shards.dedup import find_duplicates
from ftcore.shards.prepare import KEYS
from tasks.reuse import StageOutput
from tasks.session import IO_RETRIES, Session, stage_task


@stage_task("dedup", **IO_RETRIES)
def dedup(session: Session, prepared: list[StageOutput]) -> StageOutput:
    """Row numbers to drop, a file per part."""

    def work(out: Path, _scratch: Path, _child: object) -> dict:
        if session.config.filters.dedup == "off":
            return {"duplicates": 0}
        keys = [p.file("part") / KEYS for p in prepared]
        return {"duplicates": find_duplicates(keys, out / "drops")}

    return session.stage(
        "dedup",
        inputs={f"{number:05d}": p.digest for number, p in enumerate(prepared)},
        options={"dedup": session.config.filters.dedup},
        code=("ftcore.shards.dedup",),
        work=work,
    )
