"""Score files of any size with a model: label and probability beside every row."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from tasks.session import Session, stage_task

if TYPE_CHECKING:
    from ftcore.inference.classifier import Classifier


@stage_task("load-model")
def load_model(session: Session, uri: str) -> tuple[Classifier, str]:
    """The named model, else the champion, else the newest version; and its exact address.

    With ``engine: cuda`` it scores on the GPU.
    """
    from ftcore.formats.directory import read_directory
    from ftcore.inference.classifier import Classifier

    tracker = session.tracker
    name = session.config.tracking.model_name
    if not uri:
        uri = f"models:/{name}@champion" if tracker.alias("champion") else tracker.newest() or ""
    if not uri:
        raise UserError(
            f"{name}: no registered version in {tracker.uri}; run the pipeline first or name a model"
        )
    path, exact = tracker.download(uri)
    config = session.config
    if config.engine != "cuda":
        return Classifier(read_directory(path)), exact
    from ftcore.engines.cuda.answers import classifier_on

    place = choose_engine("cuda", config.device, "supervised").device
    return classifier_on(read_directory(path), place, config.workers or None), exact


@stage_task("score")
def score(
    session: Session,
    model: Classifier,
    exact: str,
    source: str,
    columns: list[str | int],
    output: str,
    header: bool = True,
) -> dict:
    """Write every row of `source` with its columns, `label` and `probability`, see `ftcore.inference.scoring`."""
    from ftcore.inference.scoring import score_file

    config, named = session.config, {"ftcore.model": exact}
    found = score_file(
        model, source, columns, output, header=header, limit=config.ingest.max_document_bytes,
        workers=config.workers, metadata=named,
    )  # fmt: skip
    return asdict(found)
