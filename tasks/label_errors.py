"""Documents whose labels are likely wrong, as a stage output and a table in MLflow: JSON lines and csv."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.engines.choice import choose_engine
from ftcore.report.shards_page import table_of
from ftcore.shards.shards import iter_batches
from ftcore.text.tokenizer import Tokenizer
from tasks.commit import shard_set
from tasks.prepare import user_files
from tasks.pretrain import training_options
from tasks.raw_texts import raw_texts
from tasks.reuse import StageOutput
from tasks.session import Child, Session, stage_task, table_artifact
from tasks.vectors import given_files, start_of

if TYPE_CHECKING:
    from rich.table import Table

    from ftcore.trust.label_errors import LabelReview

LISTS = ("label_errors.jsonl", "label_errors.csv")
SHOWN = 10  # in the terminal
CODE = ("ftcore.trust.label_errors", "ftcore.training.effort", "ftcore.shards.shards")
_COLUMNS = ["id", "source", "tokens", "labels"]
_EXCERPT = 400  # characters of a document whose file is not found
log = logging.getLogger("ftcore.label_errors")


@stage_task("label_errors")
def list_label_errors(session: Session, shards: StageOutput, pretrained: StageOutput | None) -> StageOutput:
    """Judge every labelled document by a model that did not see it; list those that are likely mislabelled."""
    whole, asked = session.config, session.config.label_errors
    # an earlier model has learnt from the labels that it would judge
    unlearnt = whole.model_copy(
        update={"finetune": whole.finetune.model_copy(update={"earlier": "", "adapter": ""})}
    )
    choice = choose_engine(whole.engine, whole.device)

    def work(out: Path, _scratch: Path, child: Child | None) -> dict:
        from ftcore.training.conditions import Conditions
        from ftcore.training.effort import describe, settle
        from ftcore.trust.label_errors import find_label_errors

        rows: list[dict[str, Any]] = []
        for batch in iter_batches(shard_set(shards), asked.splits, columns=_COLUMNS):
            rows += batch.to_pylist()
        rows = [row for row in rows if row["labels"]]
        counts = {
            "documents": len(rows),
            "features": sum(row["tokens"].count(" ") + 2 for row in rows),
            "labels": len({label for row in rows for label in row["labels"]}),
        }
        options = settle(whole.finetune, **counts).model_copy(update={"dim": whole.finetune_dim})
        log.info("%s", describe(options, **counts))
        found = find_label_errors(
            [row["tokens"] for row in rows],
            [row["labels"] for row in rows],
            options,
            Conditions(choice, whole.seed, whole.threads or None, whole.deterministic),
            start=start_of(unlearnt, pretrained),
            folds=asked.folds,
            rounds=asked.rounds,
            tokenizer=Tokenizer(whole.text),
        )
        listed = listing(session, rows, found, asked.limit)
        write_lists(out, listed)
        facts = {
            "documents": len(rows),
            "suspects": len(found.order),
            "confident": int(found.confident.sum()),
        }
        facts |= {"listed": len(listed)}
        if child is not None:
            child.metrics(facts)
            for name in LISTS:
                child.tracker.file(child.run, out / name)
        table_artifact("label-errors", listed[:50], "documents whose labels are likely wrong")
        return facts

    inputs = {
        "shards": shards.result.get("digest", shards.digest),
        **user_files(session),
        **given_files(unlearnt),
    }
    if pretrained is not None:
        inputs["pretrained"] = pretrained.digest
    return session.stage(
        "label_errors",
        inputs=inputs,
        options=training_options(session, choice)
        | {"finetune": whole.finetune.model_dump(), "dim": whole.finetune_dim, **asked.model_dump()},
        code=CODE,
        work=work,
        tracked=True,
    )


def listing(
    session: Session, rows: Sequence[dict[str, Any]], found: LabelReview, limit: int
) -> list[dict[str, Any]]:
    """A row a suspect, the surest first: place, text, given and suggested label, margin and probabilities."""
    order = found.order[: limit or None].tolist()
    keys = Tokenizer(session.config.text).keys
    raw = raw_texts(session.config, [rows[i]["source"] for i in order], [rows[i]["id"] for i in order], keys)
    column = {name: place for place, name in enumerate(found.labels)}
    made = []
    for rank, (i, text) in enumerate(zip(order, raw, strict=True), 1):
        given, suggested = rows[i]["labels"], int(found.suggested[i])
        made.append(
            {
                "rank": rank,
                "text": rows[i]["tokens"][:_EXCERPT] if text is None else text.text,
                "given": ", ".join(given),
                "suggested": found.labels[suggested],
                "margin": round(float(found.margin[i]), 4),
                "confident": bool(found.confident[i]),
                "probability_given": round(float(min(found.probabilities[i, column[g]] for g in given)), 4),
                "probability_suggested": round(float(found.probabilities[i, suggested]), 4),
                "source": rows[i]["source"] + ("" if text is None else f":{text.line}"),
                "id": rows[i]["id"],
            }
        )
    return made


def write_lists(out: Path, listed: Sequence[dict[str, Any]]) -> None:
    """The same rows as JSON lines and as csv, which a spreadsheet opens (with a byte order mark)."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in listed)
    (out / LISTS[0]).write_text(lines, encoding="utf-8")
    names = list(listed[0]) if listed else ["rank", "text", "given", "suggested", "margin"]
    with open(out / LISTS[1], "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(listed)


def shown_errors(found: StageOutput) -> Table:
    """The first of the list, for the terminal."""
    facts = found.result
    lines = found.file(LISTS[0]).read_text(encoding="utf-8").splitlines()[:SHOWN]
    rows = [json.loads(line) for line in lines]
    title = (
        f"{facts['suspects']:,} of {facts['documents']:,} documents: another label is more probable than theirs; "
        f"for {facts['confident']:,} of them confidently so"
    )
    columns = ["margin", "given", "suggested", "text"]
    return table_of(
        title, columns, [[f"{r['margin']:.3f}", r["given"], r["suggested"], r["text"][:90]] for r in rows]
    )
