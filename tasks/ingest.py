"""List the sources, digest them, cut them into parts. Always runs: it is how a change is seen."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from ftcore.base.cores import cores
from ftcore.errors import UserError
from ftcore.shards.packs import Pack, pack_parts
from ftcore.text.sources import Part, SourceFile, cut_file, list_files
from tasks.session import IO_RETRIES, Session, stage_task, table_artifact

FILES_AT_ONCE = 200  # that a thread takes: handing over a small file costs more than reading it
SMALL = 1 << 16  # bytes of a file, on average, below which its opening costs more than its digest
SHOWN = 500  # files in the table on the flow run's page
HEADROOM = 500_000_000  # bytes beside the data: MLflow, Prefect, reports


@stage_task("ingest", **IO_RETRIES)
def ingest(session: Session) -> list[Pack]:
    """Parts of all sources, in the order of the configuration, files and lines; small files in packs."""
    config = session.config
    if not config.ingest.sources:
        raise UserError("ingest.sources is empty; name at least one file, directory or glob")
    files = list_files(config.ingest, config.data)
    sizes = [os.stat(f.path).st_size for f in files]
    check_space(session, sum(n * (4 if f.compression else 1) for f, n in zip(files, sizes, strict=True)))
    chunks = [files[at : at + FILES_AT_ONCE] for at in range(0, len(files), FILES_AT_ONCE)]

    def cut(chunk: list[SourceFile]) -> list[Part]:
        return [part for file in chunk for part in cut_file(file, config.ingest)]

    # Hashing releases the GIL, but threads that open small files only pass it to and fro.
    with ThreadPoolExecutor(cores() if sum(sizes) > SMALL * len(files) else 1) as threads:
        parts = [part for of_chunk in threads.map(cut, chunks) for part in of_chunk]
    size_of = dict(zip((f.path for f in files), sizes, strict=True))
    packs = pack_parts(parts, config.ingest.part_bytes, size_of.__getitem__)
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
