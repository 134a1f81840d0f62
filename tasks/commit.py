"""Shards with their manifest, written last."""

from __future__ import annotations

from pathlib import Path

from ftcore.shards.commit import CommitOptions, commit_shards
from ftcore.shards.manifest import load_manifest
from ftcore.shards.prepare import PreparedPart
from ftcore.shards.shards import ShardSet
from tasks.quality import scores_of
from tasks.reuse import TOLD, StageOutput
from tasks.session import IO_RETRIES, Session, stage_task, table_artifact


@stage_task("commit", **IO_RETRIES)
def commit(
    session: Session, prepared: list[StageOutput], duplicates: StageOutput, scored: StageOutput | None
) -> StageOutput:
    """Merge the parts without duplicates into shards; counts and reasons go to Prefect and MLflow."""
    config = session.config
    options = CommitOptions.of(config)

    def work(out: Path, _scratch: Path, child) -> dict:
        parts = [PreparedPart.load(p.file("part"), verify=False) for p in prepared]
        drops = duplicates.file("drops") if config.filters.dedup != "off" else None
        earlier = sorted(session.store.stages.glob("commit/*/shards"))
        shards = commit_shards(
            parts,
            drops,
            options,
            out / "shards",
            earlier=earlier,
            quality=scores_of(scored),
            min_labels=1 if config.finetune.earlier else 2,  # which brings the others
        )
        if child is not None:
            child.tracker.file(child.run, Path(shards.path) / "manifest.json", "data")
        of = len(load_manifest(shards.path, verify=False).shards)
        made = f"{shards.made:,} of {of:,} shards made anew"
        return {"digest": shards.digest, "rows": shards.rows, TOLD: made}

    output = session.stage(
        "commit",
        inputs={
            "duplicates": duplicates.digest,
            **({} if scored is None else {"quality": scored.digest}),
            **{f"{n:05d}": p.digest for n, p in enumerate(prepared)},
        },
        options={
            **options.shaping(),
            "shards": options.shards.model_dump(),
            "split": options.split.model_dump(),
            "multi_label": options.multi_label,
            "max_reject_share": config.ingest.max_reject_share,
        },
        code=("ftcore.shards.commit",),
        work=work,
        tracked=True,
    )
    if not session.dry:
        show_counts(shard_set(output))
    return output


def shard_set(output: StageOutput) -> ShardSet:
    """The shards that a commit left; the manifest's digest stands for their content."""
    return ShardSet(str(output.file("shards")), output.result.get("digest", ""), output.result.get("rows", 0))


def show_counts(shards: ShardSet) -> None:
    """What each step dropped and why, as a table on the flow run's page."""
    manifest = load_manifest(shards.path, verify=False)
    rows = [
        {"step": step, "reason": reason, "documents": n}
        for step, reasons in manifest.counts.items()
        for reason, n in reasons.items()
    ]
    table_artifact("counts", rows, f"{manifest.read} documents read, {manifest.rows} kept")
