"""Duplicates, exact or near: the copy with the lowest (source, line) stays."""

from __future__ import annotations

from pathlib import Path

from ftcore.shards.copies import drop_copies
from tasks.reuse import StageOutput
from tasks.session import IO_RETRIES, Session, stage_task


@stage_task("dedup", **IO_RETRIES)
def dedup(session: Session, prepared: list[StageOutput]) -> StageOutput:
    """Row numbers to drop, a file per part, and the list of which went for which."""
    filters = session.config.filters
    options: dict = {"dedup": filters.dedup}
    if filters.dedup == "near":
        options["near"] = filters.near.model_dump(mode="json")

    def work(out: Path, scratch: Path, _child: object) -> dict:
        if filters.dedup == "off":
            return {"duplicates": 0}
        near = filters.near if filters.dedup == "near" else None
        return drop_copies([p.file("part") for p in prepared], out / "drops", scratch, near, keep=True)

    return session.stage(
        "dedup",
        inputs={f"{number:05d}": p.digest for number, p in enumerate(prepared)},
        options=options,
        code=("ftcore.shards.copies",),
        work=work,
    )
