"""Scores of documents by a quality model, which is opened or learnt from good documents and others."""

from __future__ import annotations

from pathlib import Path

from ftcore.base.files import sha256_file
from ftcore.config import Config
from ftcore.curation.quality import qualities, quality_model
from ftcore.reading.sources import cut_file, list_files
from ftcore.shards.prepare import PrepareOptions
from ftcore.shards.quality import Qualities
from tasks.prepare import user_files
from tasks.reuse import StageOutput
from tasks.session import IO_RETRIES, Session, stage_task


@stage_task("quality", **IO_RETRIES)
def quality(session: Session, prepared: list[StageOutput], duplicates: StageOutput) -> StageOutput:
    """A score for each document, and the least one that stays; a model that was learnt is kept beside them."""
    config = session.config
    options = config.filters.quality
    shaping = PrepareOptions.of(config).shaping()

    def work(out: Path, _scratch: Path, _child: object) -> dict:
        judge = quality_model(config, None if options.model else out / "model")
        gone = duplicates.file("drops") if config.filters.dedup != "off" else None
        found = qualities(judge, config, [p.file("part") for p in prepared], gone, out / "scores")
        return {"label": found.label, "model": found.model, "thresholds": dict(found.thresholds)}

    return session.stage(
        "quality",
        inputs={
            "duplicates": duplicates.digest,
            **{f"{number:05d}": p.digest for number, p in enumerate(prepared)},
            **learnt_from(config),
            **user_files(session),
        },
        options={
            **options.model_dump(mode="json", exclude={"model"}),
            "text": shaping["text"],
            "filters": shaping["filters"],
            "seed": config.seed,
        },
        code=("ftcore.curation.quality",),
        work=work,
    )


def learnt_from(config: Config) -> dict[str, str]:
    """Digests of the model that scores, or of the documents that one is learnt from."""
    options = config.filters.quality
    if options.model:
        path = Path(options.model)
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        return {f"model {file.name}": sha256_file(file) for file in files if file.is_file()}
    found = {}
    for kind, sources in (("good", options.good), ("other", options.other)):
        ingest = config.ingest.model_copy(update={"sources": sources})
        for file in list_files(ingest, config.data) if sources else []:
            for part in cut_file(file, ingest):
                found[f"{kind} {part.name}:{part.relative} {part.start}"] = part.digest
    return found


def scores_of(output: StageOutput | None) -> Qualities | None:
    """What the stage left, for the commit; None where nothing is scored."""
    if output is None:
        return None
    return Qualities(output.file("scores"), **output.result)
