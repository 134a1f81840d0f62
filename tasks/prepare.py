"""Parts to clean tokens, in worker processes: one task run for a group of parts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ftcore.config import digest
from ftcore.corpus.files import sha256_file
from ftcore.corpus.prepare import PrepareOptions, run_part
from ftcore.corpus.workers import Pool
from ftcore.text.sources import Part
from tasks.reuse import StageOutput
from tasks.session import IO_RETRIES, Session, stage_task

LONGEST = 200  # bytes of a folder's name
TASKS = 64  # at most: a thousand task runs take half a minute of Prefect's own
CODE = ("ftcore.corpus.prepare",)


@stage_task("prepare", task_run_name="prepare {parts[0].relative}", **IO_RETRIES)
def prepare(session: Session, parts: list[Part], pool: Pool | None) -> list[StageOutput]:
    """Normalise, tell the language, segment, clean and filter each part; unchanged parts are reused."""
    return [_prepare_part(session, part, pool) for part in parts]


def _prepare_part(session: Session, part: Part, pool: Pool | None) -> StageOutput:
    options = PrepareOptions.of(session.config)
    shaping = options.shaping()
    shaping["ingest"]["sources"] = [shaping["ingest"]["sources"][part.source]]
    place = {k: v for k, v in asdict(part).items() if k not in ("source", "path", "digest")}

    def work(out: Path, _scratch: Path, _child: object) -> dict:
        prepared = run_part(pool, part, options, out / "part")
        return {k: v for k, v in prepared.to_dict().items() if k != "path"}

    return session.stage(
        f"prepare/{slug(part)}",
        inputs={part.relative: part.digest, **user_files(session)},
        options={**shaping, "part": place},
        code=CODE,
        work=work,
    )


def user_files(session: Session) -> dict[str, str]:
    """Digests of the user's dictionaries and stopword lists."""
    text = session.config.text
    paths = [*text.segment.user_dict, *text.stopwords.lists]
    return {p: sha256_file(p) for p in paths if Path(p).is_file()}


def slug(part: Part) -> str:
    """Folder name of a part; a long one is cut (file systems allow 255 bytes) and made unique by its digest."""
    name = f"{part.name}.{part.relative.replace('/', '~')}.{part.start}"
    return name if len(name.encode()) <= LONGEST else f"{name[: LONGEST // 4]}.{digest(name)[:16]}"


def groups_of(parts: list[Part], most: int = TASKS) -> list[list[Part]]:
    """Consecutive parts in at most `most` groups of about equal number.

    >>> groups_of([1, 2, 3, 4, 5], 2)
    [[1, 2, 3], [4, 5]]
    """
    size = -(-len(parts) // most) if parts else 1
    return [parts[at : at + size] for at in range(0, len(parts), size)]
