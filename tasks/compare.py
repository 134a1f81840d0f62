"""Models side by side on one frozen test set, and the gate that a promotion must pass."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftcore.config import Ingest, Source
from ftcore.corpus.files import sha256_file
from ftcore.corpus.shards import ShardSet, iter_batches
from ftcore.errors import UserError
from ftcore.evaluation.comparison import Comparison, compare_predictions
from ftcore.evaluation.metrics import evaluate_classification
from ftcore.fasttext import FastText
from ftcore.report.compare_page import ComparePage, FlipExample, ModelEntry
from ftcore.text.language import language
from ftcore.text.missing import unified_names
from ftcore.text.readers import read_part
from ftcore.text.sources import cut_file, list_files
from tasks.session import Session, stage_task

FLIPS = 40  # examples shown per model and direction
EXCERPT = 400


@dataclass(frozen=True)
class TestSet:
    """Frozen documents: raw texts, or token lines of shards (`tokenized`)."""

    __test__ = False  # not a test class, whatever its name says

    name: str
    digest: str
    texts: list[str]
    gold: list[list[str]]
    languages: list[str]
    sources: list[str]
    tokenized: bool


@dataclass(frozen=True)
class Candidate:
    """A model under comparison and its answers [N]."""

    name: str
    uri: str
    answers: list[str]
    entry: ModelEntry


@stage_task("test-set")
def read_test_set(session: Session, data: str, text: str, label: str) -> TestSet:
    """A folder of shards (its test split), or a file with a text and a label column."""
    path = Path(data)
    if (path / "manifest.json").is_file():
        shards = ShardSet.open(path)
        rows = [row for batch in iter_batches(shards, ["test"]) for row in batch.to_pylist()]
        test = TestSet(
            str(path),
            shards.digest,
            [r["tokens"] for r in rows],
            [r["labels"] for r in rows],
            [r["language"] for r in rows],
            [r["source"] for r in rows],
            True,
        )
    else:
        test = _read_file(path, text, label)
    if not test.texts:
        raise UserError(f"{data}: no labelled document in it; give a folder of shards or a file with labels")
    return test


def _read_file(path: Path, text: str, label: str) -> TestSet:
    ingest = Ingest(sources=[Source(path=str(path.resolve()), text=[text], label=label)])
    texts, gold, sources = [], [], []
    for file in list_files(ingest, "."):
        for part in cut_file(file, ingest):
            for documents, _rejected in read_part(part, ingest):
                for row in documents.to_pylist():
                    if row["labels"]:
                        texts.append(row["text"])
                        gold.append(row["labels"])
                        sources.append(f"{row['source']}:{row['line']}")
    names = unified_names(label for labels in gold for label in labels)
    gold = [[names.get(label, label) for label in labels] for labels in gold]
    digest = sha256_file(path) if path.is_file() else ""
    return TestSet(
        str(path), digest, texts, gold, language(pa.array(texts, pa.string())).to_pylist(), sources, False
    )


@stage_task("answer")
def answer(session: Session, uri: str, test: TestSet) -> Candidate:
    """One model's answers, scores, size and speed on the test set."""
    path, exact = session.tracker.download(uri)
    model = FastText.load(path)
    model.probabilities(model.tokenizer.tokenize(test.texts[:8]))  # dictionaries and kernels are loaded here
    begin = time.perf_counter()
    lines = test.texts if test.tokenized else model.tokenizer.tokenize(test.texts)
    probabilities = model.probabilities(lines)
    seconds = time.perf_counter() - begin
    labels = [str(label) for label in model.labels]
    trained = dict(zip(labels, model.dictionary.label_counts.tolist(), strict=True))
    report = evaluate_classification(test.gold, probabilities, labels, test.languages, train_counts=trained)
    answers = [labels[i] for i in probabilities.argmax(axis=1)] if len(labels) else []
    name = exact.removeprefix("models:/")
    entry = ModelEntry(
        name=name,
        metrics=report.metrics,
        size_bytes=sum(p.stat().st_size for p in path.rglob("*") if p.is_file()),
        documents_per_second=len(test.texts) / max(seconds, 1e-9),
        ids={"address": exact},
        note="scored on tokens as they were prepared" if test.tokenized else "",
    )
    return Candidate(name, exact, answers, entry)


@stage_task("compare")
def compare(session: Session, test: TestSet, candidates: list[Candidate]) -> tuple[Comparison, ComparePage]:
    """Every model against the first, with paired bootstrap intervals, and the page that shows it."""
    predicted = {c.name: c.answers for c in candidates}
    if len(predicted) < len(candidates):
        raise UserError(f"the same model twice: {', '.join(c.name for c in candidates)}; name different ones")
    found = compare_predictions(test.gold, predicted, test.languages, seed=session.config.seed)
    shown: dict[tuple[str, str], int] = {}
    flips: list[FlipExample] = []
    counts: dict[str, dict[str, int]] = {}
    for flip in found.flips:
        change = counts.setdefault(flip.model, {"fixed": 0, "broken": 0})
        change[flip.change] += 1
        place = (flip.model, flip.change)
        shown[place] = shown.get(place, 0) + 1
        if shown[place] <= FLIPS:
            n = flip.document
            flips.append(
                FlipExample(
                    flip.model,
                    flip.change,
                    test.texts[n][:EXCERPT],
                    test.gold[n],
                    candidates[0].answers[n],
                    predicted[flip.model][n],
                    test.languages[n],
                    test.sources[n],
                )
            )
    names, numbers = np.unique(np.array(test.languages), return_counts=True)
    page = ComparePage(
        title=" · ".join(predicted),
        models=[c.entry for c in candidates],
        differences=found.rows,
        flips=flips,
        flip_counts=counts,
        tests=found.tests,
        test_set=test.name,
        test_digest=test.digest,
        documents={str(n): int(c) for n, c in zip(names, numbers, strict=True)},
        links={"MLflow": session.tracker.link(session.run)},
    )
    return found, page
