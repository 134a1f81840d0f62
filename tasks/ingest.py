"""List the sources, digest them, cut them into parts. Always runs: it is how a change is seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ftcore.corpus.workers import cores
from ftcore.errors import UserError
from ftcore.text.sources import Part, cut_file, list_files
from tasks.session import IO_RETRIES, Session, stage_task, table_artifact

HEADROOM = 500_000_000  # bytes beside the data: MLflow, Prefect, reports


@stage_task("ingest", **IO_RETRIES)
def ingest(session: Session) -> list[Part]:
    """Parts of all sources, in the order of the configuration, files and lines."""
    config = session.config
    if not config.ingest.sources:
        raise UserError("ingest.sources is empty; name at least one file, directory or glob")
    files = list_files(config.ingest, config.data)
    sizes = [Path(f.path).stat().st_size for f in files]
    check_space(session, sum(n * (4 if f.compression else 1) for f, n in zip(files, sizes, strict=True)))
    with ThreadPoolExecutor(cores()) as threads:  # hashing releases the GIL
        cut = threads.map(lambda file: cut_file(file, config.ingest), files)
        parts = [part for of_file in cut for part in of_file]
    rows = [
        {"file": f.relative, "source": f.name, "format": f.format, "bytes": n}
        for f, n in zip(files, sizes, strict=True)
    ]
    if not session.dry:
        table_artifact("inputs", rows[:500], f"{len(files)} files in {len(parts)} parts")
    return parts


def check_space(session: Session, text_bytes: int) -> None:
    """Refuse a run that the disk cannot hold: two copies of the text as Parquet, ids, and the models."""
    config = session.config
    rows = min(text_bytes // 10, config.pretrain.bucket + config.finetune.bucket + 2_000_000)
    need = 2 * text_bytes + 3 * 4 * config.pretrain.dim * rows + HEADROOM
    free = session.store.free_bytes()
    if free < need:
        raise UserError(
            f"store {session.store.path}: {free / 1e9:.1f} GB free, about {need / 1e9:.1f} GB needed for "
            f"{text_bytes / 1e6:.0f} MB of text; free some, or choose another disk with store=DIR"
        )
