"""Packs of parts to clean tokens, in worker processes: one task run for a group of packs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftcore.base.files import sha256_file
from ftcore.base.pools import AnyPool
from ftcore.config import digest
from ftcore.shards.cut import LABELLING, has_labels, run_cut
from ftcore.shards.packs import Pack
from ftcore.shards.prepare import PrepareOptions, run_part
from tasks.reuse import StageOutput
from tasks.session import IO_RETRIES, Session, stage_task

LONGEST = 200  # bytes of a folder's name
TASKS = 64  # at most: a thousand task runs take half a minute of Prefect's own
CODE = ("ftcore.shards.prepare",)
CUT, TOKENS = "cut", "tokens"  # the stage that keeps the tokens of labelled packs, and its folder


@stage_task("prepare", task_run_name="prepare {packs[0].first.relative}", **IO_RETRIES)
def prepare_packs(session: Session, packs: list[Pack], pool: AnyPool | None) -> list[StageOutput]:
    """Normalise, tell the language, segment, clean and filter each pack; unchanged packs are reused."""
    return [_prepare_pack(session, pack, pool) for pack in packs]


def _prepare_pack(session: Session, pack: Pack, pool: AnyPool | None) -> StageOutput:
    options = PrepareOptions.of(session.config)
    shaping = options.shaping()
    own = shaping["ingest"].pop("sources")[pack.source]
    shaping["ingest"][f"sources[{pack.first.name}]"] = own  # by name: its place in the list changes nothing
    labelled = has_labels(options.ingest.sources[pack.source])
    if not labelled:
        del shaping["split"]  # there is nothing to hold out

    def work(out: Path, _scratch: Path, _child: object) -> dict:
        cut = _cut_pack(session, pack, pool).file(TOKENS) if labelled else ""
        prepared = run_part(pool, pack, options, out / "part", cut)
        return {k: v for k, v in prepared.to_dict().items() if k != "path"}

    return session.stage(
        f"prepare/{slug(pack)}",
        inputs={**contents(pack), **user_files(session)},
        options={**shaping, "part": place(pack)},
        code=CODE,
        work=work,
    )


def _cut_pack(session: Session, pack: Pack, pool: AnyPool | None) -> StageOutput:
    """The tokens of a pack, a stage of its own: labels, splits and filters change without it."""
    config = session.config
    shaping = PrepareOptions.of(config).shaping()
    own = shaping["ingest"].pop("sources")[pack.source]
    source = {k: v for k, v in own.items() if k not in LABELLING}
    options = {"ingest": {**shaping["ingest"], "source": source}, "text": shaping["text"]}

    def work(out: Path, _scratch: Path, _child: object) -> dict:
        return run_cut(pool, pack, config.ingest, config.text, out / TOKENS)

    return session.stage(
        f"{CUT}/{slug(pack)}",
        inputs={**contents(pack), **user_files(session)},
        options={**options, "part": place(pack)},
        code=("ftcore.shards.cut",),
        work=work,
    )


def contents(pack: Pack) -> dict[str, str]:
    """What is read, by the names of the files; how small files are read is part of it."""
    if len(pack) == 1:
        return {pack.first.relative: pack.first.digest}
    return {p.relative: "-".join((p.format, p.compression, p.encoding, p.digest)) for p in pack.parts}


def place(pack: Pack) -> dict[str, Any]:
    """Which piece of which file this is, and how it is read."""
    if len(pack) > 1:
        return {"name": pack.first.name}
    return {k: v for k, v in vars(pack.first).items() if k not in ("source", "path", "digest")}


def user_files(session: Session) -> dict[str, str]:
    """Digests of the user's dictionaries and stopword lists."""
    text = session.config.text
    paths = [*text.segment.user_dict, *text.stopwords.lists]
    return {p: sha256_file(p) for p in paths if Path(p).is_file()}


def slug(pack: Pack) -> str:
    """Folder name of a pack, by the part it begins with.

    A long one is cut (file systems allow 255 bytes) and made unique by its digest.
    """
    part = pack.first
    name = f"{part.name}.{part.relative.replace('/', '~')}.{part.start}"
    return name if len(name.encode()) <= LONGEST else f"{name[: LONGEST // 4]}.{digest(name)[:16]}"


def groups_of(packs: list[Pack], most: int = TASKS) -> list[list[Pack]]:
    """Consecutive packs in at most `most` groups of about equal number.

    Example:
        >>> groups_of([1, 2, 3, 4, 5], 2)
        [[1, 2, 3], [4, 5]]
    """
    size = -(-len(packs) // most) if packs else 1
    return [packs[at : at + size] for at in range(0, len(packs), size)]
