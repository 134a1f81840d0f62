"""Which documents stay: by language, length and the measures of `ftcore.text.measures`, with thresholds per language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftcore.config import Filters, Language
from ftcore.reading.documents import REJECTED, Step, empty, rejected_rows
from ftcore.text.measures import COMMON, REPEATED, Blocklist, MeasuredBatch
from ftcore.text.measures import count_tokens as count_tokens  # the shards' look asks for it here

STEP = "filters"


class FilterRule(NamedTuple):
    """An option that is a threshold: `option` (and the place in its list) of `measure`, at least or at most."""

    option: str
    measure: str
    reason: str
    place: int = -1

    @property
    def least(self) -> bool:
        """Whether the threshold is the smallest value that stays; else the largest."""
        return self.option.startswith("min_")


RULES = (
    FilterRule("min_tokens", "tokens", "too few tokens"),
    FilterRule("max_tokens", "tokens", "too many tokens"),
    FilterRule("min_characters", "characters", "too few characters"),
    FilterRule("min_language_score", "language_score", "language not sure"),
    FilterRule("max_blocked", "blocked", "blocklist"),
    FilterRule("max_marks", "marks", "too many marks"),
    FilterRule("max_digits", "digits", "too many digits"),
    FilterRule("max_links", "links", "too many links"),
    FilterRule("max_hashes", "hashes", "too many # and ellipses"),
    FilterRule("min_alphabetic", "alphabetic", "too few words with letters"),
    FilterRule("min_word_length", "word_length", "words too short"),
    FilterRule("max_word_length", "word_length", "words too long"),
    FilterRule("min_stopwords", "stopwords", "too few stopwords"),
    FilterRule("min_ended_lines", "ended", "too few lines that end as a sentence"),
    FilterRule("max_short_lines", "short", "too many short lines"),
    FilterRule("max_bullet_lines", "bullets", "too many bullets"),
    FilterRule("max_ellipsis_lines", "trailing", "too many lines that end in an ellipsis"),
    FilterRule("max_repeated_lines", "repeated_lines", "repeated lines"),
    FilterRule("max_in_repeated_lines", "in_repeated_lines", "characters in repeated lines"),
    FilterRule("max_repeated_paragraphs", "repeated_paragraphs", "repeated paragraphs"),
    FilterRule("max_in_repeated_paragraphs", "in_repeated_paragraphs", "characters in repeated paragraphs"),
    *(
        FilterRule("max_common_ngrams", name, f"one {n}-gram of tokens too often", n - 2)
        for n, name in enumerate(COMMON, 2)
    ),
    *(
        FilterRule("max_repeated_ngrams", name, f"repeated {n}-grams of tokens", n - 5)
        for n, name in enumerate(REPEATED, 5)
    ),
)
_EN = {
    # Gopher (A1.1, tables A1 and A2)
    "max_hashes": 0.1,
    "min_alphabetic": 0.8,
    "min_word_length": 3.0,
    "max_word_length": 10.0,
    "min_stopwords": 2,
    "max_bullet_lines": 0.9,
    "max_ellipsis_lines": 0.3,
    "max_repeated_lines": 0.3,
    "max_in_repeated_lines": 0.2,
    "max_repeated_paragraphs": 0.3,
    "max_in_repeated_paragraphs": 0.2,
    "max_common_ngrams": [0.2, 0.18, 0.16],
    "max_repeated_ngrams": [0.15, 0.14, 0.13, 0.12, 0.11, 0.1],
    # FineWeb
    "min_language_score": 0.65,
    "min_ended_lines": 0.12,
    "max_short_lines": 0.67,
    # Gopher's 50 words, in characters
    "min_characters": 200,
    # our own: what the others leave to their extraction of pages
    "max_marks": 0.25,
    "max_digits": 0.2,
    "max_links": 0.2,
}
_ZH = {
    # FineWeb2, configs/cmn_Hani.yml; what Gopher says of lines holds here too
    "max_repeated_lines": 0.287,
    "max_common_ngrams": [0.256, 0.201, 0.171],
    "max_repeated_ngrams": [0.198, 0.182, 0.167, 0.154, 0.14, 0.127],
    "min_language_score": 0.692,
    "min_ended_lines": 0.106,
    **{
        name: _EN[name]
        for name in (
            "max_hashes",
            "min_stopwords",
            "max_bullet_lines",
            "max_ellipsis_lines",
            "max_in_repeated_lines",
        )
    },
    "max_repeated_paragraphs": 0.3,
    "max_in_repeated_paragraphs": 0.2,
    # ChineseWebText
    "min_characters": 200,
    # our own: Chinese has more punctuation a character
    "max_marks": 0.3,
    "max_digits": 0.2,
    "max_links": 0.2,
}
_MIXED = {**_ZH, "min_language_score": 0.65, "max_repeated_lines": 0.3}
PRESETS: dict[str, dict[str, dict[str, Any]]] = {"off": {}, "web": {"zh": _ZH, "en": _EN, "mixed": _MIXED}}


def thresholds(options: Filters, rule: FilterRule) -> dict[str, float]:
    """The threshold of a rule for each language that has one: the option's own, else the preset's.

    Example:
        >>> thresholds(Filters(max_digits={"zh": 0.3}, preset="web"), RULES[6])
        {'zh': 0.3, 'en': 0.2, 'mixed': 0.2}
    """
    if rule.option == "max_blocked" and not options.blocklist:
        return {}
    given = getattr(options, rule.option)
    found = {}
    for language in get_args(Language):
        own = given.get(language) if isinstance(given, dict) else given
        own = PRESETS[options.preset].get(language, {}).get(rule.option) if own is None else own
        if own is not None and rule.place < 0:
            found[language] = own
        elif own is not None and rule.place < len(own):
            found[language] = own[rule.place]
    return found


class Verdict(NamedTuple):
    """What one rule says of a batch: the documents' values float64 [n], and which it would drop, bool [n]."""

    rule: FilterRule
    values: np.ndarray
    dropped: np.ndarray


class Judge:
    """All rules that some options set, asked of one batch after another.

    Args:
        options: the filters.

    Raises:
        UserError: a blocklist cannot be read; lingua is asked for and not installed.
    """

    def __init__(self, options: Filters) -> None:
        self.options = options
        self.rules = [(rule, found) for rule in RULES if (found := thresholds(options, rule))]
        self.blocklist = Blocklist(options.blocklist) if options.blocklist else None

    def measured(self, batch: pa.RecordBatch) -> MeasuredBatch:
        """The measures of a `TOKENIZED` batch."""
        return MeasuredBatch(batch, self.options.identifier, self.blocklist)

    def foreign(self, batch: pa.RecordBatch) -> np.ndarray:
        """Documents in none of the kept languages: bool [n]."""
        known = pc.is_in(batch.column("language"), pa.array(self.options.languages, pa.string()))
        return ~known.to_numpy(zero_copy_only=False)

    def verdicts(self, batch: pa.RecordBatch, measured: MeasuredBatch) -> Iterator[Verdict]:
        """What each rule says, in the order in which they are asked; every rule of every document."""
        languages = batch.column("language").to_numpy(zero_copy_only=False)
        for rule, found in self.rules:
            values = measured[rule.measure]
            dropped = np.zeros(len(batch), bool)
            for language, threshold in found.items():
                beyond = values < threshold if rule.least else values > threshold
                dropped |= beyond & (languages == language)
            yield Verdict(rule, values, dropped)


def make_filter(options: Filters) -> Step:
    """A step over `TOKENIZED` batches: a document goes for the first of ``language`` and `RULES` that it breaks."""
    judge = Judge(options)

    def keep(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        reasons = np.full(len(batch), "", dtype=object)
        reasons[judge.foreign(batch)] = "language"
        for verdict in judge.verdicts(batch, judge.measured(batch)):
            reasons[verdict.dropped & (reasons == "")] = verdict.rule.reason
        dropped = np.flatnonzero(reasons != "")
        if not len(dropped):
            return batch, empty(REJECTED)
        kept = batch.filter(pa.array(reasons == ""))
        return kept, rejected_rows(batch, dropped.tolist(), STEP, reasons[dropped].tolist())

    return keep
