"""Scores of the classifier on the test split, and of the word vectors on word sets where given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore.base.files import sha256_file
from ftcore.errors import UserError
from ftcore.evaluation.advice import advice
from ftcore.evaluation.metrics import ClassificationReport, confident_errors, evaluate_classification
from ftcore.evaluation.multilabel import score_at_thresholds
from ftcore.evaluation.plots import confusion_figure, figure_svg, precision_recall_figure
from ftcore.model.abstention import certainty, coverage_curve
from ftcore.model.thresholds import Thresholds
from ftcore.report.charts import as_file, reliability_chart
from ftcore.shards.manifest import load_manifest
from ftcore.shards.shards import ShardSet, iter_batches
from tasks.commit import shard_set
from tasks.raw_texts import RawText, raw_texts
from tasks.reuse import StageOutput
from tasks.session import Child, Session, stage_task
from tasks.word_sets import check_word_files, word_files, word_scores

if TYPE_CHECKING:
    import pandas as pd

    from ftcore.inference.classifier import Classifier

CODE = (
    "ftcore.evaluation.advice",
    "ftcore.evaluation.metrics",
    "ftcore.evaluation.multilabel",
    "ftcore.evaluation.plots",
    "ftcore.evaluation.similarity",
    "ftcore.formats.directory",
    "ftcore.inference.classifier",
    "ftcore.model.abstention",
    "ftcore.inference.vectors",
    "ftcore.report.charts",
    "ftcore.shards.shards",
    "ftcore.trust.explanation",
    "ftcore.trust.robustness",
    "tasks.word_sets",
)
EXCERPT = 400  # characters of a document shown among the errors
RawTexts = Callable[[Sequence[str], Sequence[str]], list[RawText | None]]  # (sources, ids) -> texts


@dataclass(frozen=True)
class Scored:
    """A labelled set and a model's answers: tokens, gold, languages, ids [N], probabilities [N, C]."""

    texts: list[str]
    gold: list[list[str]]
    languages: list[str]
    sources: list[str]
    probabilities: np.ndarray
    labels: list[str]
    ids: list[str]
    lengths: list[int] = field(default_factory=list)  # in characters of the line of tokens
    ruled: list[bool] | None = None  # to which documents a rule of the model gives a label


@stage_task("evaluate")
def score_model(
    session: Session,
    shards: StageOutput,
    model: StageOutput,
    pretrained: StageOutput | None,
    beside: StageOutput | None = None,
) -> StageOutput:
    """Metrics, tables and plots of the test split; word sets and neighbours of the pretrained vectors.

    Args:
        beside: the linear baseline, whose scores stand beside the model's.
    """
    options = session.config.evaluate
    check_word_files(session.config)

    def work(out: Path, _scratch: Path, child: Child | None) -> dict:
        from ftcore.formats.directory import read_directory
        from ftcore.inference.classifier import Classifier

        labelled = shard_set(shards)
        classifier = Classifier(read_directory(model.file("model")))
        scored = score_split(classifier, labelled, "test")
        report = evaluate_classification(
            scored.gold,
            scored.probabilities,
            scored.labels,
            scored.languages,
            top_k=options.top_k,
            bins=options.calibration_bins,
            train_counts=train_counts(labelled),
        )
        raw = partial(raw_texts, session.config, keys=classifier.model.tokenizer.keys)
        tables = {**report.tables, "errors": error_table(scored, options.errors, raw, classifier)}
        metrics = dict(report.metrics)
        if options.baseline == "off":
            metrics, tables = without_majority(metrics, tables)
        if beside is not None:
            metrics |= beside.result["metrics"]
        if classifier.thresholds is not None:
            metrics |= at_thresholds(scored, classifier.thresholds, tables)
        tables["coverage"] = coverage_table(scored, classifier)
        metrics |= withheld(scored, classifier) | ruled(scored)
        if options.robustness:
            tables["robustness"] = noise_table(classifier, labelled, options.robustness, session.config.seed)
            metrics["noise_accuracy"] = noise_accuracy(tables["robustness"])
        if pretrained is not None:
            words = read_directory(pretrained.file("model"))
            metrics |= word_scores(session.config, words, tables)
        write(out, metrics, tables, plots(report, scored.labels))
        if child is not None:
            log_everything(child, metrics, tables, out)
        return {"metrics": metrics, "warnings": advice(metrics, model.result)}

    files = {p: sha256_file(p) for p in word_files(session.config)}
    inputs = {"shards": shards.result.get("digest", shards.digest), "model": model.digest, **files}
    if pretrained is not None:
        inputs["pretrained"] = pretrained.digest
    if beside is not None:
        inputs["baseline"] = beside.digest
    return session.stage(
        "evaluate",
        inputs=inputs,
        options=options.model_dump(),
        code=CODE,
        work=work,
        tracked=True,
    )


def without_majority(
    metrics: dict[str, float], tables: dict[str, pd.DataFrame]
) -> tuple[dict[str, float], dict[str, pd.DataFrame]]:
    """Metrics and tables without the figures of the majority class."""
    kept = {name: value for name, value in metrics.items() if "majority_" not in name}
    language = tables["per_language"]
    shown = [name for name in language.columns if not name.startswith("majority_")]
    return kept, tables | {"per_language": language[shown]}


def score_split(model: Classifier, shards: ShardSet, split: str) -> Scored:
    """Probabilities of every document of a split, in bounded memory but for the [N, C] result."""
    texts: list[str] = []
    gold: list[list[str]] = []
    languages: list[str] = []
    sources: list[str] = []
    ids: list[str] = []
    lengths: list[int] = []
    given_by_rules: list[bool] = []

    def token_lines() -> Iterator[str]:
        for batch in iter_batches(shards, [split]):
            tokens = batch.column("tokens").to_pylist()
            gold.extend(batch.column("labels").to_pylist())
            languages.extend(batch.column("language").to_pylist())
            sources.extend(batch.column("source").to_pylist())
            ids.extend(batch.column("id").to_pylist())
            texts.extend(t[:EXCERPT] for t in tokens)
            lengths.extend(map(len, tokens))
            if model.rules is not None:
                given_by_rules.extend(model.rules.gives(tokens, model.labels, model.model.args.loss).tolist())
            yield from tokens

    probabilities = model.probabilities(token_lines())
    if not texts:
        raise UserError(
            f"{shards.path}: the {split} split has no documents; set split.{split} above 0 or give a source "
            f"with split: {split}"
        )
    labels = [str(label) for label in model.labels]
    ruled = None if model.rules is None else given_by_rules
    return Scored(texts, gold, languages, sources, probabilities, labels, ids, lengths, ruled)


def at_thresholds(
    scored: Scored, thresholds: Thresholds, tables: dict[str, pd.DataFrame]
) -> dict[str, float]:
    """Metrics of all labels that reach their thresholds; columns of the table of labels."""
    import pandas as pd

    row = thresholds.row(scored.labels)
    found = score_at_thresholds(scored.gold, scored.probabilities, scored.labels, scored.languages, row)
    own = pd.DataFrame.from_dict(found.per_label, orient="index")
    tables["per_label"] = tables["per_label"].join(own, on="label")
    return found.metrics


def coverage_table(scored: Scored, classifier: Classifier) -> pd.DataFrame:
    """The accuracy of the surest answers, by the share of documents that are answered; by the model's measure."""
    import pandas as pd

    right, certain = _sureness(scored, classifier)
    return pd.DataFrame(coverage_curve(right, certain).rows(), columns=["coverage", "accuracy", "least"])


def withheld(scored: Scored, classifier: Classifier) -> dict[str, float]:
    """What a model that abstains does on these documents: how many it answers, and how well."""
    if classifier.abstention is None:
        return {}
    right, certain = _sureness(scored, classifier)
    given = certain >= classifier.abstention.least
    made = {"answered_share": float(given.mean()) if len(given) else 0.0}
    return made | ({"answered_accuracy": float(right[given].mean())} if given.any() else {})


def ruled(scored: Scored) -> dict[str, float]:
    """To how many of these documents with a label a model's rules give one, and how often that is right."""
    if scored.ruled is None:
        return {}
    labelled = np.array([bool(row) for row in scored.gold], bool)
    some = np.flatnonzero(labelled & np.array(scored.ruled, bool)).tolist()
    best = scored.probabilities[some].argmax(axis=1).tolist()
    right = [scored.labels[b] in scored.gold[n] for n, b in zip(some, best, strict=True)]
    made = {"ruled_share": len(some) / max(int(labelled.sum()), 1)}
    return made | ({"ruled_accuracy": float(np.mean(right))} if right else {})


def noise_table(classifier: Classifier, shards: ShardSet, documents: int, seed: int) -> pd.DataFrame:
    """The accuracy on some documents of the test split, as they are and under each kind of noise.

    They are taken at equal distances from those that have a label.

    Texts are their tokens without the spaces between Chinese ones, which the model's tokenizer cuts anew.
    """
    import pandas as pd

    from ftcore.text.noise import uncut
    from ftcore.trust.robustness import robustness

    texts: list[str] = []
    gold: list[list[str]] = []
    for batch in iter_batches(shards, ["test"]):
        pairs = zip(batch.column("tokens").to_pylist(), batch.column("labels").to_pylist(), strict=True)
        for tokens, labels in pairs:
            if labels:
                texts.append(tokens)
                gold.append(labels)
    some = np.unique(np.linspace(0, len(texts) - 1, min(documents, len(texts))).astype(int)).tolist()
    found = robustness(classifier, [uncut(texts[n]) for n in some], [gold[n] for n in some], seed=seed)
    return pd.DataFrame([asdict(row) for row in found])


def noise_accuracy(table: pd.DataFrame) -> float:
    """That under a tenth of the characters changed, as people mistype them."""
    row = table[(table["kind"] == "characters") & (table["share"] == 0.1)]
    return float(row["accuracy"].iloc[0])


def _sureness(scored: Scored, classifier: Classifier) -> tuple[np.ndarray, np.ndarray]:
    """Of documents with a label: is the best answer right, bool[n], and how certain is it, float[n]?"""
    some = np.flatnonzero([bool(row) for row in scored.gold])
    best = scored.probabilities[some].argmax(axis=1).tolist()
    right = np.array(
        [scored.labels[b] in scored.gold[n] for n, b in zip(some.tolist(), best, strict=True)], bool
    )
    own, loss = classifier.abstention, classifier.model.args.loss
    by, usual = ("probability", 1.0) if own is None else (own.by, own.usual)
    return right, certainty(
        scored.probabilities[some], loss, by, np.array(scored.lengths, float)[some], usual
    )


def train_counts(shards: ShardSet) -> dict[str, int]:
    """Training documents per label, from the manifest."""
    labels = load_manifest(shards.path, verify=False).labels
    return {label: splits["train"] for label, splits in labels.items() if "train" in splits}


def error_table(
    scored: Scored, limit: int, raw: RawTexts, classifier: Classifier | None = None
) -> pd.DataFrame:
    """The surest wrong answers, as their documents are written; as tokens where these are not found.

    Args:
        classifier: says what each stretch of the text shown adds to the answer rather than to the right label.
    """
    import pandas as pd

    chosen = confident_errors(scored.gold, scored.probabilities, scored.labels, scored.languages, limit)
    best = scored.probabilities[chosen].argmax(axis=1) if len(chosen) else np.empty(0, int)
    found = raw([scored.sources[i] for i in chosen], [scored.ids[i] for i in chosen])
    shown = [scored.texts[i] if t is None else t.text for i, t in zip(chosen, found, strict=True)]
    return pd.DataFrame(
        {
            "text": shown,
            "gold": [", ".join(scored.gold[i]) for i in chosen],
            "predicted": [scored.labels[b] for b in best],
            "probability": [float(scored.probabilities[i, b]) for i, b in zip(chosen, best, strict=True)],
            "language": [scored.languages[i] for i in chosen],
            "source": [
                scored.sources[i] + ("" if t is None else f":{t.line}")
                for i, t in zip(chosen, found, strict=True)
            ],
            "raw": [t is not None for t in found],
            "marks": [
                json.dumps(_marks(classifier, text, None if t else text, scored.labels[b], scored.gold[i]))
                for text, t, b, i in zip(shown, found, best, chosen, strict=True)
            ],
        }
    )


def _marks(
    classifier: Classifier | None, text: str, tokens: str | None, label: str, gold: Sequence[str]
) -> list[tuple[str, float]]:
    """Stretches of a text and what each adds."""
    from ftcore.trust.explanation import explain

    if classifier is None:
        return []
    known = {str(own) for own in classifier.labels}
    against = next((name for name in gold if name in known), None)
    try:
        found = explain(classifier, text, label, against, tokens=tokens)
    except UserError:  # what is shown of it has no feature
        return []
    return [(mark.text, mark.value) for mark in found.marks()]


def plots(report: ClassificationReport, labels: list[str]) -> dict[str, str]:
    """SVG pictures by name."""
    return {
        "confusion": figure_svg(confusion_figure(report.tables["confusion"], labels)),
        "precision_recall": figure_svg(precision_recall_figure(report.tables["precision_recall"])),
        "calibration": as_file(reliability_chart(report.tables["calibration"].to_dict("records"))),
    }


def write(out: Path, metrics: dict, tables: dict[str, pd.DataFrame], pictures: dict[str, str]) -> None:
    """metrics.json, tables/*.parquet and plots/*.svg."""
    (out / "metrics.json").write_text(json.dumps(metrics, sort_keys=True))
    for folder in ("tables", "plots"):
        (out / folder).mkdir()
    for name, frame in tables.items():
        frame.to_parquet(out / "tables" / f"{name}.parquet", index=False)
    for name, svg in pictures.items():
        (out / "plots" / f"{name}.svg").write_text(svg, encoding="utf-8")


def grouped(metrics: Mapping[str, float]) -> dict[str, float]:
    """Scores by the names they have in MLflow, whose pages make a section of each prefix.

    Sections stand in order of the alphabet: after the curves (``finetune/``, ``pretrain/``), those of the test
    set, then the word vectors.

    Example:
        >>> sorted(grouped({"accuracy": .9, "zh/accuracy": .8, "similarity/ws": .4}))
        ['test/accuracy', 'test/zh/accuracy', 'vectors/similarity/ws']
    """
    vectors = ("similarity/", "analogies/", "neighbors/")
    return {f"{'vectors' if k.startswith(vectors) else 'test'}/{k}": v for k, v in metrics.items()}


def log_everything(child: Child, metrics: dict, tables: dict[str, pd.DataFrame], out: Path) -> None:
    """Metrics, MLflow tables and plots of the evaluation's run."""
    child.metrics(grouped(metrics))
    for name, frame in tables.items():
        if len(frame):
            child.tracker.table(child.run, frame, f"tables/{name}.json")
    child.tracker.file(child.run, out / "plots", "plots")


def read_tables(output: StageOutput) -> dict[str, pd.DataFrame]:
    """The tables that the stage left."""
    import pandas as pd

    return {p.stem: pd.read_parquet(p) for p in sorted(output.file("tables").glob("*.parquet"))}
