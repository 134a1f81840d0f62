"""Filters tried on a sample: what each would drop, of which language, and some of it to read. No shard is written."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ftcore.config import Config
from ftcore.curation.sample import Extent, sampled
from ftcore.text.documents import excerpt
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
class FilterTrial:
    """What the filters would do to a corpus, by a sample of it.

    Attributes:
        extent: what the sample is of.
        documents: of the sample, by language. kept: of these, those that every rule lets pass.
        rules: what each rule does, in the order in which they are asked.
        spread: measure -> language -> its values at `QUANTILES`, whether a rule asks for it or not.
    """

    extent: Extent
    documents: Counter[str]
    kept: Counter[str]
    rules: list[RuleTrial]
    spread: dict[str, dict[str, list[float]]]


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
