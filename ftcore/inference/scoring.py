"""Files of any size scored by a classifier: every row with all its columns, and the label and probability beside it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ftcore.base.files import atomic_file
from ftcore.errors import UserError
from ftcore.inference.answers import answer_columns
from ftcore.inference.classifier import Classifier
from ftcore.inference.scored import ScoredWriter, check_output, check_place, free_names
from ftcore.reading.rows import open_rows
from ftcore.text.tokenizer import Whitespace

log = logging.getLogger("ftcore.predict")


@dataclass(frozen=True)
class Scoring:
    """What was scored.

    Attributes:
        output: Where it was written.
        columns: Names of the new columns.
        documents: Rows in all.
        unanswered: Rows without a label, broken ones among them.
        rejected: Broken rows.
        documents_per_second: By the clock.
    """

    output: str
    columns: list[str]
    documents: int
    unanswered: int
    rejected: int
    documents_per_second: int


def score_file(
    classifier: Classifier,
    source: str | Path,
    columns: Sequence[str | int],
    output: str | Path,
    *,
    header: bool = True,
    limit: int = 1_000_000,
    workers: int = 0,
    metadata: Mapping[str, str] | None = None,
    abstain: bool = True,
    rules: bool = True,
) -> Scoring:
    """Write every row of a file or folder with its columns, `label` and `probability`; whole or not at all.

    Memory does not grow with it, and all cores work. A row without a text that the model knows has no label and
    probability 0, as has a broken one. A text file gets the columns source, line, text. Where a column of that
    name is there already the new one is called `predicted_label`, `predicted_probability`. A model of several
    labels a text adds `labels`, the list of those that reach their threshold (in csv with a | between them).

    Args:
        source: What `ftcore.reading.rows.open_rows` reads: text, csv, tsv, JSON lines, Parquet, packed or not.
        columns: The columns of the text, by name or number.
        output: A name ending in .csv, .jsonl or .parquet.
        header: Whether csv and tsv begin with the names.
        limit: Bytes of the longest text.
        workers: Threads that cut the texts; 0: one a core.
        metadata: Of a Parquet file.
        abstain: Whether a row that a model with an `abstention` is not certain of has no label either.
        rules: Whether a model's `rules` overrule it.

    Raises:
        UserError: A missing file or column, an output that is the input, no row that can be read.

    Example:
        >>> from ftcore.formats.opening import read_model
        >>> made = score_file(Classifier(read_model("model")), "docs.csv", ["text"], "out.parquet")
        >>> made.output, made.columns, made.documents
        ('out.parquet', ['label', 'probability'], 2)
    """
    begin = time.perf_counter()
    suffix = check_output(output)
    rows = open_rows(source, columns, header=header, limit=limit)
    check_place(str(source), str(output))
    kinds = {"label": pa.string(), "probability": pa.float64()}
    if classifier.thresholds is not None:
        kinds["labels"] = pa.list_(pa.string())
    names = free_names(kinds, rows.schema.names)
    for wanted, name in names.items():
        if wanted != name:
            log.warning("%s has a column %s of its own; the new one is %s", source, wanted, name)
    answers = pa.schema([(names[wanted], kind) for wanted, kind in kinds.items()])
    total, unanswered, withheld, broken = 0, 0, 0, Counter[str]()
    tokenizer = classifier.model.tokenizer or Whitespace()
    with (
        atomic_file(output) as file,
        ScoredWriter(file, suffix, rows.schema, answers, metadata or {}) as writer,
    ):
        for some in rows.read():
            lines = tokenizer.tokenize(some.texts, workers or None)
            known, probabilities = classifier.answers_to_tokens(lines, rules=rules)
            heard = int(known.sum())
            if abstain:
                known, probabilities = classifier.certain(known, probabilities, lines)
            withheld += heard - int(known.sum())
            found = answer_columns(known, probabilities, classifier.labels, 1, classifier.thresholds)
            writer.write(some, [found[wanted].tolist() for wanted in kinds])
            total += len(some)
            unanswered += len(some) - int(known.sum())
            broken.update(filter(None, some.damage))
        if total == broken.total():
            lost = f"; all {total} rows are broken: {dict(broken)}" if total else ""
            raise UserError(f"{source}: no document to score{lost}")
    for reason, count in broken.most_common():
        log.warning("%s: %d rows are broken (%s); they have no label", source, count, reason)
    if unanswered - withheld > broken.total():
        log.warning(
            "%s: %d of %d rows have no word or n-gram that the model knows; they have no label",
            source, unanswered - withheld - broken.total(), total,
        )  # fmt: skip
    pace = round(total / max(time.perf_counter() - begin, 1e-9))
    return Scoring(str(output), list(names.values()), total, unanswered, broken.total(), pace)
