"""Score files of any size with a model: label and probability beside every row."""

from __future__ import annotations

import logging
import time
from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING

import pyarrow as pa

from ftcore.base.files import atomic_file
from ftcore.errors import UserError
from ftcore.inference.scored import ScoredWriter, check_output, check_place, free_names
from ftcore.text.parallel import tokenized
from ftcore.text.rows import open_rows
from ftcore.text.tokenizer import Whitespace
from tasks.session import Session, stage_task

if TYPE_CHECKING:
    from ftcore.inference.classifier import Classifier

log = logging.getLogger("ftcore.predict")


@stage_task("load-model")
def load_model(session: Session, uri: str) -> tuple[Classifier, str]:
    """The named model, else the champion, else the newest version; and its exact address."""
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
    return Classifier(read_directory(path)), exact


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
    """Write every row of `source` with its columns, `label` and `probability`; memory does not grow with it.

    A row without a text that the model knows has no label and probability 0, as has a broken one. A text
    file gets the columns source, line, text. Where a column of that name is there already the new one is
    called `predicted_label`, `predicted_probability`. A model of several labels a text adds `labels`, the list
    of those that reach their threshold (in csv with a | between them).
    """
    from ftcore.inference.answers import answer_columns

    begin = time.perf_counter()
    suffix = check_output(output)
    rows = open_rows(source, columns, header=header, limit=session.config.ingest.max_document_bytes)
    check_place(source, output)
    kinds = {"label": pa.string(), "probability": pa.float64()}
    if model.thresholds is not None:
        kinds["labels"] = pa.list_(pa.string())
    names = free_names(kinds, rows.schema.names)
    for wanted, name in names.items():
        if wanted != name:
            log.warning("%s has a column %s of its own; the new one is %s", source, wanted, name)
    answers = pa.schema([(names[wanted], kind) for wanted, kind in kinds.items()])
    total, unanswered, broken = 0, 0, Counter[str]()
    with atomic_file(output) as file:
        writer = ScoredWriter(file, suffix, rows.schema, answers, {"ftcore.model": exact})
        for some, lines in tokenized(rows.read(), attrgetter("texts"), model.model.tokenizer or Whitespace()):
            known, probabilities = model.answers_to_tokens(lines)
            found = answer_columns(known, probabilities, model.labels, 1, model.thresholds)
            writer.write(some, [found[wanted].tolist() for wanted in kinds])
            total += len(some)
            unanswered += len(some) - int(known.sum())
            broken.update(filter(None, some.damage))
        writer.close()
        if total == broken.total():
            lost = f"; all {total} rows are broken: {dict(broken)}" if total else ""
            raise UserError(f"{source}: no document to score{lost}")
    for reason, count in broken.most_common():
        log.warning("%s: %d rows are broken (%s); they have no label", source, count, reason)
    if unanswered > broken.total():
        log.warning(
            "%s: %d of %d rows have no word or n-gram that the model knows; they have no label",
            source, unanswered - broken.total(), total,
        )  # fmt: skip
    seconds = time.perf_counter() - begin
    return {
        "output": str(output),
        "columns": list(names.values()),
        "documents": total,
        "unanswered": unanswered,
        "rejected": broken.total(),
        "documents_per_second": round(total / max(seconds, 1e-9)),
    }
