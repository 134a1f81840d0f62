"""List the sources, digest them, cut them into parts. Always runs: it is how a change is seen."""

from __future__ import annotations

from ftcore.errors import UserError
from ftcore.reading.sources import list_files
from ftcore.shards.packs import Pack, packs_of
from tasks.credentials import hand_in
from tasks.session import IO_RETRIES, Session, stage_task, table_artifact

SHOWN = 500  # files in the table on the flow run's page
HEADROOM = 500_000_000  # bytes beside the data: MLflow, Prefect, reports


@stage_task("ingest", **IO_RETRIES)
def ingest(session: Session) -> list[Pack]:
    """Parts of all sources, in the order of the configuration, files and lines; small files in packs."""
    config = session.config
    if not config.ingest.sources:
        raise UserError("ingest.sources is empty; name at least one file, directory or glob")
    hand_in(config)
    files = list_files(config.ingest, config.data)
    sizes = [f.bytes for f in files]
    check_space(session, sum(n * (4 if f.compression else 1) for f, n in zip(files, sizes, strict=True)))
    packs = packs_of(files, sizes, config.ingest)
    rows = [
        {"file": f.relative, "source": f.name, "format": f.format, "bytes": n}
        for f, n in zip(files[:SHOWN], sizes, strict=False)
    ]
    if not session.dry:
        table_artifact("inputs", rows, f"{len(files):,} files in {len(packs):,} parts")
    return packs


def check_space(session: Session, text_bytes: int) -> None:
    """Refuse a run that the disk cannot hold: three copies of its tokens, ids, and the models."""
    config = session.config
    rows = min(text_bytes // 10, config.pretrain.bucket + config.finetune.bucket + 2_000_000)
    need = 3 * text_bytes + 3 * 4 * config.pretrain.dim * rows + HEADROOM
    free = session.store.free_bytes()
    if free < need:
        raise UserError(
            f"store {session.store.path}: {free / 1e9:.1f} GB free, about {need / 1e9:.1f} GB needed for "
            f"{text_bytes / 1e6:.0f} MB of text; free some, or choose another disk with store=DIR"
        )
