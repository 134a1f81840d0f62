"""Filters tried on a sample: what each would drop, of which language, and some of it to read. No shard is written."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ftcore.config import Config
from ftcore.curation.quality import HeldOut, QualityModel, by_language, quality_model
from ftcore.curation.sample import Extent, sampled, spread
from ftcore.reading.documents import excerpt
from ftcore.shards.quality import histogram
from ftcore.text.filters import RULES, FilterRule, Judge
from ftcore.text.tokenizer import Tokenizer

DOCUMENTS = 10_000  # of the sample
EXAMPLES = 5  # of each rule and language
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True)
class Example:
    """A document that a rule would drop: where it is, the rule's measure of it, and its beginning."""

    source: str
    line: int
    language: str
    value: float | str
    excerpt: str


@dataclass
class RuleTrial:
    """What one rule would do, whatever the others do.

    Attributes:
        option: its name. reason: as the quarantine says it.
        thresholds: by language.
        dropped: documents by language. alone: of these, those that no other rule drops.
        examples: some of them.
    """

    option: str
    reason: str
    thresholds: dict[str, float]
    dropped: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)


@dataclass
class ScoreTrial:
    """What scores would do to the documents that the other filters let pass.

    Attributes:
        label: whose probability a score is. held_out: how well a model did that was learnt here.
        thresholds: the least score that stays, by language; for a share an estimate, from the sample.
        scores: by language, documents in equal ranges from 0 to 1.
        dropped: how many would go, by language.
        examples: of each language from the lowest score to the highest.
    """

    label: str
    held_out: HeldOut | None
    thresholds: dict[str, float]
    scores: dict[str, list[int]]
    dropped: Counter[str]
    examples: list[Example]


@dataclass
class FilterTrial:
    """What the filters would do to a corpus, by a sample of it.

    Attributes:
        extent: what the sample is of.
        documents: of the sample, by language. kept: of these, those that every rule lets pass.
        rules: what each rule does, in the order in which they are asked.
        spread: measure -> language -> its values at `QUANTILES`, whether a rule asks for it or not.
        quality: what scores would do; None where none are asked for.
    """

    extent: Extent
    documents: Counter[str]
    kept: Counter[str]
    rules: list[RuleTrial]
    spread: dict[str, dict[str, list[float]]]
    quality: ScoreTrial | None = None


def try_filters(options: Config, documents: int = DOCUMENTS) -> FilterTrial:
    """Read a sample of the corpus and ask every filter about every document of it.

    Args:
        options: a configuration, of which ingest, text, filters and data are read.
        documents: of the sample, about.

    Raises:
        UserError: no sources; a file, a blocklist or a dictionary cannot be read.

    Example:
        ``try_filters(load_config("corpus.yaml")).kept``
    """
    judge = Judge(options.filters)
    model = quality_model(options) if options.filters.quality.asked else None
    scored: list[tuple[pa.RecordBatch, np.ndarray]] = []
    trial = FilterTrial(Extent(), Counter(), Counter(), [RuleTrial("languages", "language", {})], {})
    trial.rules += [RuleTrial(_named(rule), rule.reason, found) for rule, found in judge.rules]
    values: dict[str, list[np.ndarray]] = defaultdict(list)
    languages: list[np.ndarray] = []
    for batch in sampled(options.ingest, options.data, Tokenizer(options.text), documents, trial.extent):
        measured = judge.measured(batch)
        mine = batch.column("language").to_numpy(zero_copy_only=False)
        languages.append(mine)
        asked = [(judge.foreign(batch), mine)]
        asked += [(verdict.dropped, verdict.values) for verdict in judge.verdicts(batch, measured)]
        times = np.sum([dropped for dropped, _ in asked], axis=0)
        trial.documents.update(mine.tolist())
        trial.kept.update(mine[times == 0].tolist())
        if model is not None:
            left = batch.filter(pa.array(times == 0)).select(["source", "line", "language", "text", "tokens"])
            scored.append((left, model.scores(left.column("tokens").to_pylist())))
        for rule, (dropped, shown) in zip(trial.rules, asked, strict=True):
            rule.dropped.update(mine[dropped].tolist())
            rule.alone.update(mine[dropped & (times == 1)].tolist())
            if rule.option == "max_blocked" and judge.blocklist is not None and dropped.any():
                shown = np.array(judge.blocklist.first(batch.column("text")), object)
            _examples(rule, batch, dropped, shown)
        for name in dict.fromkeys(rule.measure for rule in RULES):
            if name != "blocked" or judge.blocklist is not None:
                values[name].append(measured[name])
    if languages:
        trial.spread = {
            name: _spread(np.concatenate(of), np.concatenate(languages)) for name, of in values.items()
        }
    if model is not None:
        trial.quality = _score_trial(options, model, scored)
        trial.kept -= trial.quality.dropped
    return trial


def _score_trial(
    options: Config, model: QualityModel, scored: list[tuple[pa.RecordBatch, np.ndarray]]
) -> ScoreTrial:
    quality = options.filters.quality
    trial = ScoreTrial(model.label, model.held_out, {}, {}, Counter(), [])
    if not scored:
        return trial
    documents = pa.Table.from_batches([batch for batch, _ in scored])
    languages = documents.column("language").to_numpy()
    scores = np.concatenate([found for _, found in scored])
    trial.thresholds = by_language(quality.keep_above)
    shares = by_language(quality.keep_share)
    for language in np.unique(languages.astype(str)).tolist():
        rows = np.flatnonzero(languages == language)
        order = rows[np.argsort(scores[rows], kind="stable")]
        if language in shares:
            stays = max(1, math.ceil(shares[language] * len(order)))
            trial.thresholds[language] = float(scores[order[-stays]])
        trial.scores[language] = histogram(scores[rows])
        below = int((scores[rows] < np.float32(trial.thresholds.get(language, 0.0))).sum())
        trial.dropped.update({language: below} if below else {})
        for row in spread(order.tolist(), 2 * EXAMPLES):
            document = {name: documents.column(name)[row].as_py() for name in ("source", "line", "text")}
            shown = excerpt(document["text"])
            trial.examples.append(
                Example(document["source"], document["line"], language, float(scores[row]), shown)
            )
    return trial


def _named(rule: FilterRule) -> str:
    """The option, and which n-gram of its list."""
    return (
        rule.option
        if rule.place < 0
        else f"{rule.option} ({rule.place + (2 if 'common' in rule.option else 5)})"
    )


def _examples(rule: RuleTrial, batch: pa.RecordBatch, dropped: np.ndarray, values: np.ndarray) -> None:
    """Keep the first few of each language."""
    had = Counter(example.language for example in rule.examples)
    for row in np.flatnonzero(dropped).tolist():
        document = {name: batch.column(name)[row].as_py() for name in ("source", "line", "text", "language")}
        language = document["language"]
        if had[language] < EXAMPLES:
            had[language] += 1
            value = values[row] if isinstance(values[row], str) else float(values[row])
            rule.examples.append(
                Example(document["source"], document["line"], language, value, excerpt(document["text"]))
            )
        elif all(had[name] >= EXAMPLES for name in ("zh", "en", "mixed")):
            return


def _spread(values: np.ndarray, languages: np.ndarray) -> dict[str, list[float]]:
    return {
        str(language): np.quantile(values[languages == language], QUANTILES).tolist()
        for language in np.unique(languages.astype(str))
    }
