"""Raw files to Parquet shards: ``python -m flows.prepare --config examples/quickstart.yaml``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from pathlib import Path

from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.base.cores import cores
from ftcore.base.pools import open_pool
from ftcore.config import Config
from tasks.before import check_text
from tasks.commit import commit
from tasks.dedup import dedup
from tasks.ingest import ingest
from tasks.prepare import groups_of, prepare_packs
from tasks.quality import quality
from tasks.reuse import StageOutput
from tasks.session import Session, open_session


def steps(session: Session) -> StageOutput:
    """ingest, prepare (mapped over packs of parts), dedup, quality where it is asked for, commit."""
    check_text(session)
    packs = session.call(ingest)
    with (
        open_pool(pool_size(session.config, len(packs)), *runner(session)) as pool,
        session.group("prepare", len(packs)),
    ):
        groups = session.map(prepare_packs, groups_of(packs), pool)
    prepared = [output for group in groups for output in group]
    duplicates = session.call(dedup, prepared)
    scored = session.call(quality, prepared, duplicates) if session.config.filters.quality.asked else None
    return session.call(commit, prepared, duplicates, scored)


def pool_size(config: Config, packs: int) -> int:
    """Worker processes: as configured, no more than there are packs."""
    return max(1, min(config.workers or cores(), packs))


def runner(session: Session) -> tuple[str, str, Path]:
    """What packs are prepared by, and the folder that all of it must see; nothing starts before it is needed."""
    return session.config.runner, session.config.runner_address, session.store.scratch


@flow(name="prepare", validate_parameters=True, **HOOKS)
def prepare(config: Config = Config()) -> dict:
    """Prepare the corpus alone."""
    with open_session(config, "prepare") as session:
        shards = steps(session)
        return {
            "mlflow_run_id": session.run,
            "shards": str(shards.file("shards")),
            "rows": shards.result["rows"],
        }


if __name__ == "__main__":
    from flows.command import main

    main(prepare, steps)
