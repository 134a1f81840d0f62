"""Models side by side on one frozen test set, and what a promotion rests on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ftcore.base.files import sha256_file
from ftcore.config import Ingest, Source
from ftcore.errors import Diverged, MissingLabels
from ftcore.evaluation.comparison import Comparison, Flip, compare_predictions
from ftcore.evaluation.labels import LabelChange, some
from ftcore.evaluation.metrics import evaluate_classification, take_turns
from ftcore.evaluation.promotion import Evidence
from ftcore.reading.missing import unified_names
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files
from ftcore.report.compare_page import ComparePage, FlipExample, ModelEntry
from ftcore.shards.shards import ShardSet, iter_batches
from ftcore.text.language import language
from tasks.origin import Origin, differences, origin_of, trained_on
from tasks.raw_texts import RawText, raw_texts
from tasks.session import Session, stage_task

if TYPE_CHECKING:
    from ftcore.inference.classifier import Classifier
    from ftcore.model.model import Model

FLIPS = 40  # examples shown per model and direction
EXCERPT = 400
TIMED = 5_000  # documents of a pass that measures speed
PASSES, MOST_SECONDS = 7, 10.0  # passes of each model, in turns, and CPU seconds of all; the best counts


@dataclass(frozen=True)
class TestSet:
    """Frozen labelled documents: raw texts, or token lines of shards (`tokenized`)."""

    __test__ = False  # not a test class, whatever its name says

    name: str
    digest: str
    texts: list[str]
    gold: list[list[str]]
    languages: list[str]
    sources: list[str]
    tokenized: bool
    ids: list[str] = field(default_factory=list)  # of shards; raw texts get theirs from a model's tokenizer
    warnings: list[str] = field(default_factory=list)  # what of the file is no part of it

    @property
    def first_copies(self) -> np.ndarray:
        """bool[N]: the documents without the later copies of the same text."""
        _, places = np.unique(np.array(self.texts, object).astype(str), return_index=True)
        return np.isin(np.arange(len(self.texts)), places)


@dataclass(frozen=True)
class Candidate:
    """A model under comparison and its answers [N] with their probabilities [N]."""

    name: str
    uri: str
    path: Path
    answers: list[str]
    confidences: np.ndarray
    entry: ModelEntry
    evidence: Evidence
    origin: Origin
    unanswered: int = 0  # documents without a word or n-gram that the model knows


@stage_task("test-set")
def read_test_set(session: Session, data: str, text: str, label: str) -> TestSet:
    """A folder of shards (its test split), or a file with a text and a label column."""
    path = Path(data)
    if not (path / "manifest.json").is_file():
        return _read_file(path, text, label)
    shards = ShardSet.open(path)
    rows = [row for batch in iter_batches(shards, ["test"]) for row in batch.to_pylist()]
    rows = [row for row in rows if row["labels"]]
    if not rows:
        raise MissingLabels(
            f"{data}: no labelled document in it: its test split is empty; prepare it with split.test above 0, "
            "or give a file with labels"
        )
    columns = ([row[name] for row in rows] for name in ("tokens", "labels", "language", "source"))
    return TestSet(str(path), shards.digest, *columns, True, [row["id"] for row in rows])


def _read_file(path: Path, text: str, label: str) -> TestSet:
    ingest = Ingest(sources=[Source(path=str(path.resolve()), text=[text], label=label)])
    texts, gold, sources = [], [], []
    rejected, unlabelled = 0, 0
    for file in list_files(ingest, "."):
        for part in cut_file(file, ingest):
            for documents, refused in read_part(part, ingest):
                rejected += len(refused)
                for row in documents.to_pylist():
                    if row["labels"]:
                        texts.append(row["text"])
                        gold.append(row["labels"])
                        sources.append(f"{row['source']}:{row['line']}")
                    else:
                        unlabelled += 1
    lost = [f"{n} {what}" for n, what in ((unlabelled, "without a label"), (rejected, "unreadable")) if n]
    if not texts:
        raise MissingLabels(
            f"{path}: no labelled document in it{f' ({chr(44).join(lost)})' if lost else ''}; give a folder of "
            "shards or a file with labels, and name their column with --label"
        )
    names = unified_names(label for labels in gold for label in labels)
    gold = [[names.get(label, label) for label in labels] for labels in gold]
    digest = sha256_file(path) if path.is_file() else ""
    languages = language(pa.array(texts, pa.string())).to_pylist()
    warnings = [f"{path.name}: {' and '.join(lost)} left out; {len(texts)} documents remain."] if lost else []
    return TestSet(str(path), digest, texts, gold, languages, sources, False, warnings=warnings)


@stage_task("answer")
def answer(session: Session, uri: str, test: TestSet) -> Candidate:
    """One model's answers, scores and size on the test set, and where it comes from."""
    from ftcore.formats.directory import read_directory
    from ftcore.inference.classifier import Classifier

    path, exact = session.tracker.download(uri)
    model = read_directory(path)
    classifier = Classifier(model)
    name = exact.removeprefix("models:/")
    known, probabilities = classifier.told(test.texts if test.tokenized else classifier.tokens(test.texts))
    if not np.isfinite(probabilities).all():
        raise Diverged(f"{name}: its probabilities are not numbers: its training diverged; train it anew")
    labels = [str(label) for label in model.labels]
    trained = dict(zip(labels, model.dictionary.label_counts.tolist(), strict=True))
    report = evaluate_classification(test.gold, probabilities, labels, test.languages, train_counts=trained)
    best = probabilities.argmax(axis=1)
    origin = origin_of(session.tracker, exact)
    entry = ModelEntry(
        name=name,
        metrics=report.metrics | baseline(origin, test),
        size_bytes=sum(p.stat().st_size for p in path.rglob("*") if p.is_file()),
        ids={"address": exact},
        note="scored on tokens as they were prepared" if test.tokenized else "",
        labels=labels,
    )
    return Candidate(
        name,
        exact,
        path,
        [labels[i] for i in best],
        probabilities[np.arange(len(best)), best],
        entry,
        evidence_of(test, labels, report.metrics, seen_documents(model, origin, test)),
        origin,
        int(np.count_nonzero(~known)),
    )


def baseline(origin: Origin, test: TestSet) -> dict[str, float]:
    """The linear baseline's scores on this very test set, which the model's own run noted."""
    if origin.data != test.digest:
        return {}
    wanted = ("linear_macro_f1", "linear_accuracy")
    return {k: origin.metrics[f"test/{k}"] for k in wanted if f"test/{k}" in origin.metrics}


def seen_documents(model: Model, origin: Origin, test: TestSet) -> set[int]:
    """Numbers of the test documents that are in the model's training split, as far as that can be told."""
    if test.digest == origin.data or not origin.data:  # a set's test split is apart from its training split
        return set()
    keys = getattr(model.tokenizer, "keys", None)  # text that was segmented elsewhere has none
    ids = test.ids or (keys(test.texts) if keys else [])
    found = trained_on(origin, ids) if ids else None
    return {n for n, i in enumerate(ids) if i in found} if found else set()


def evidence_of(test: TestSet, labels: Sequence[str], metrics: dict[str, float], seen: set[int]) -> Evidence:
    """What a promotion of the model with these labels would rest on."""
    known, single = set(labels), np.flatnonzero(test.first_copies).tolist()
    gold = Counter(label for names in test.gold for label in names)
    scores = {k: metrics[k] for k in ("accuracy", "macro_f1", "majority_accuracy", "majority_macro_f1")}
    return Evidence(
        documents=len(single),
        answerable=sum(not known.isdisjoint(test.gold[n]) for n in single),
        unknown=[label for label, _ in gold.most_common() if label not in known],
        labels=sorted(labels),
        seen=sum(n in seen for n in single),
        **scores,
    )


def warnings_of(test: TestSet, candidates: Sequence[Candidate]) -> list[str]:
    """What must be known before any score is read: labels first."""
    first, found = candidates[0], []
    for other in candidates[1:]:
        found.append(LabelChange.of(first.entry.labels, other.entry.labels).sentence(first.name, other.name))
    for c in candidates:
        e = c.evidence
        if e.unknown:
            found.append(
                f"{c.name} does not know {len(e.unknown)} of the test set's labels ({some(e.unknown)}): it cannot "
                f"be right on {e.documents - e.answerable} of {e.documents} documents."
            )
        if c.unanswered:
            found.append(f"{c.name} knows no word of {c.unanswered} of {len(test.texts)} documents.")
        if e.seen:
            found.append(f"{e.seen} of {e.documents} test documents were in the training data of {c.name}.")
    copies = len(test.texts) - candidates[0].evidence.documents
    if copies:
        found.append(f"{copies} of {len(test.texts)} test documents are copies of others.")
    return [sentence for sentence in [*found, *test.warnings] if sentence]


def require_known_labels(candidates: Sequence[Candidate]) -> None:
    """A test set none of whose labels any model knows compares nothing."""
    if not any(c.evidence.answerable for c in candidates):
        known = "; ".join(f"{c.name} knows {some(c.evidence.labels)}" for c in candidates)
        raise MissingLabels(
            f"no model knows any of the test set's labels ({some(candidates[0].evidence.unknown)}); {known}: "
            "give a test set of their task, or the right --label"
        )


@stage_task("speed")
def speed(session: Session, test: TestSet, candidates: list[Candidate]) -> list[Candidate]:
    """Documents per second of CPU time: the same documents, the models in turns, the best pass of each."""
    from ftcore.formats.directory import read_directory
    from ftcore.inference.classifier import Classifier

    texts = (test.texts * (1 + TIMED // len(test.texts)))[:TIMED]  # a pass of a few documents measures noise
    models = [Classifier(read_directory(c.path), threads=1) for c in candidates]

    def once(model: Classifier) -> None:
        model.probabilities(texts if test.tokenized else model.tokens(texts))

    seconds = best_times([partial(once, model) for model in models])
    return [
        replace(c, entry=replace(c.entry, documents_per_second=len(texts) / max(best, 1e-9)))
        for c, best in zip(candidates, seconds, strict=True)
    ]


def best_times(works: Sequence[Callable[[], object]]) -> list[float]:
    """CPU seconds of the best pass of each, taken in turns: a busy machine or moment meets all alike."""
    best = [float("inf")] * len(works)
    begin = time.process_time()
    for turn in range(PASSES + 1):
        for place, work in enumerate(works):
            start = time.process_time()
            work()
            if turn:  # the first one loads dictionaries and kernels
                best[place] = min(best[place], time.process_time() - start)
        if turn and time.process_time() - begin > MOST_SECONDS:
            break
    return best


@stage_task("compare")
def compare_models(
    session: Session, test: TestSet, candidates: list[Candidate]
) -> tuple[Comparison, ComparePage]:
    """Every model against the first, with paired bootstrap intervals, and the page that shows it."""
    predicted = {c.name: c.answers for c in candidates}
    found = compare_predictions(test.gold, predicted, test.languages, seed=session.config.seed)
    names, numbers = np.unique(np.array(test.languages), return_counts=True)
    first = candidates[0]
    page = ComparePage(
        title=" · ".join(predicted),
        models=[replace(c.entry, changes=differences(first.origin, c.origin)) for c in candidates],
        differences=found.rows,
        flips=flip_examples(session, test, candidates, shown_flips(found, candidates, test.languages)),
        flip_counts={
            c.name: dict(Counter(flip.change for flip in found.flips if flip.model == c.name))
            for c in candidates[1:]
        },
        tests=found.tests,
        test_set=test.name,
        test_digest=test.digest,
        documents={str(n): int(c) for n, c in zip(names, numbers, strict=True)},
        links={"MLflow": session.tracker.link(session.run)},
        warnings=warnings_of(test, candidates),
    )
    return found, page


def shown_flips(found: Comparison, candidates: Sequence[Candidate], languages: Sequence[str]) -> list[Flip]:
    """Of each model and direction the flips whose new answer is surest, the languages in turns."""
    shown = []
    for c in candidates[1:]:
        for change in ("broken", "fixed"):
            flips = {f.document: f for f in found.flips if (f.model, f.change) == (c.name, change)}
            documents = np.fromiter(flips, np.int64, len(flips))
            surest = documents[np.argsort(-c.confidences[documents], kind="stable")]
            shown += [flips[n] for n in take_turns(surest, languages)[:FLIPS].tolist()]
    return shown


def flip_examples(
    session: Session, test: TestSet, candidates: Sequence[Candidate], flips: Sequence[Flip]
) -> list[FlipExample]:
    """Flips as the page shows them: raw texts, of shards too where their sources are still there."""
    from ftcore.formats.directory import read_directory

    documents = [flip.document for flip in flips]
    raw: list[RawText | None] = [None] * len(flips)
    if test.tokenized and flips:
        keys = getattr(read_directory(candidates[0].path).tokenizer, "keys", None)
        if keys is not None:
            sources, ids = ([column[n] for n in documents] for column in (test.sources, test.ids))
            raw = raw_texts(session.config, sources, ids, keys)
    answers = {c.name: c for c in candidates}
    return [
        FlipExample(
            flip.model,
            flip.change,
            test.texts[n][:EXCERPT] if text is None else text.text,
            test.gold[n],
            candidates[0].answers[n],
            answers[flip.model].answers[n],
            test.languages[n],
            test.sources[n] if text is None else f"{test.sources[n]}:{text.line}",
            float(answers[flip.model].confidences[n]),
        )
        for flip, n, text in zip(flips, documents, raw, strict=True)
    ]
