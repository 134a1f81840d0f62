"""A trial of filters as an HTML page, and as tables for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ftcore.curation.trial import QUANTILES, FilterTrial
from ftcore.report.pages import count, in_language_order, language_name, percent, render
from ftcore.report.shards_page import score_rows, scores_table, table_of

if TYPE_CHECKING:
    from rich.table import Table

_LARGE = 100  # a quantile of counts has a fraction, which is of no use from here on


def facts(trial: FilterTrial) -> list[tuple[str, str]]:
    """The figures that stand on top: name and value."""
    looked, files = trial.extent.files
    total, kept = trial.documents.total(), trial.kept.total()
    return [
        ("files", count(files) if looked == files else f"{count(looked)} of {count(files)}"),
        ("documents read", count(trial.extent.read)),
        ("broken or empty", count(trial.extent.broken)),
        ("in the sample", count(total)),
        ("kept", f"{count(kept)} ({percent(kept / max(1, total))})"),
        *_learnt(trial),
    ]


def _learnt(trial: FilterTrial) -> list[tuple[str, str]]:
    """How well a model did that was learnt for the trial."""
    held_out = trial.quality.held_out if trial.quality is not None else None
    if held_out is None:
        return []
    learnt = ", ".join(f"{count(n)} {name}" for name, n in held_out.learnt.items())
    return [
        ("quality model, documents of either class", learnt),
        ("held out", count(held_out.documents)),
        ("AUC", f"{held_out.auc:.3f}"),
        ("accuracy", f"{held_out.accuracy:.3f}"),
    ]


def render_trial(trial: FilterTrial) -> str:
    """One HTML file, nothing fetched from elsewhere.

    Example:
        ``Path("filters.html").write_text(render_trial(try_filters(load_config("corpus.yaml"))))``
    """
    return render(
        "filters_page.html",
        facts=facts(trial),
        languages=_languages(trial),
        rules=_rules(trial),
        examples=[(rule, example) for rule in trial.rules for example in rule.examples],
        columns=[f"{100 * q:g} %" for q in QUANTILES],
        spread=_spread(trial),
        scores=[] if trial.quality is None else score_rows(trial.quality.scores, trial.quality.thresholds),
        scored=[] if trial.quality is None else trial.quality.examples,
        number=number,
    )


def trial_tables(trial: FilterTrial) -> Iterator[Table]:
    """The same in the terminal."""
    yield table_of("", ["", ""], facts(trial))
    yield table_of("documents", ["language", "in the sample", "kept", ""], _languages(trial))
    columns = ["option", "would drop", "", "no other does", "by language", "threshold"]
    yield table_of("what each filter would drop", columns, _rules(trial))
    rows = [
        (rule.option, f"{e.source}:{e.line}", language_name(e.language), number(e.value), e.excerpt[:60])
        for rule in trial.rules
        for e in rule.examples[:3]
    ]
    yield table_of("some of it", ["option", "where", "language", "value", "begins"], rows)
    if trial.quality is not None:
        quality = trial.quality
        yield scores_table(quality.label, quality.scores, quality.thresholds)
        lines = [
            (language_name(e.language), f"{e.value:.4f}", f"{e.source}:{e.line}", e.excerpt[:60])
            for e in trial.quality.examples
        ]
        yield table_of("some of each score", ["language", "score", "where", "begins"], lines)
    yield table_of(
        "measures: values below which so many of the documents are",
        ["measure", "language", *(f"{100 * q:g} %" for q in QUANTILES)],
        _spread(trial),
    )


def number(value: Any) -> str:
    """A measure for the eye: a share with three digits, a count without any.

    Example:
        >>> number(0.12345), number(12.0), number(1672.44), number("word")
        ('0.123', '12', '1,672', 'word')
    """
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value.is_integer() or abs(value) >= _LARGE else f"{value:.3f}"


def _languages(trial: FilterTrial) -> list[tuple[str, str, str, str]]:
    return [
        (language_name(name), count(n), count(trial.kept[name]), percent(trial.kept[name] / n))
        for name in in_language_order(trial.documents)
        for n in (trial.documents[name],)
    ]


def _rules(trial: FilterTrial) -> list[tuple[str, str, str, str, str, str]]:
    total = max(1, trial.documents.total())
    rows = [
        (
            rule.option,
            count(rule.dropped.total()),
            percent(rule.dropped.total() / total),
            count(rule.alone.total()),
            _counted(rule.dropped),
            _by_language({name: number(float(value)) for name, value in rule.thresholds.items()}),
        )
        for rule in trial.rules
    ]
    if trial.quality is not None:
        least, dropped = trial.quality.thresholds, trial.quality.dropped
        n = dropped.total()
        shown = _by_language({name: f"{value:.4f}" for name, value in least.items()})
        rows.append(
            (
                "quality.keep_above, keep_share",
                count(n),
                percent(n / total),
                count(n),
                _counted(dropped),
                shown,
            )
        )
    return rows


def _by_language(values: dict[str, str]) -> str:
    """Values by language in words; one where all are the same."""
    if len(values) == 3 and len({*values.values()}) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{name} {values[name]}" for name in in_language_order(values))


def _counted(numbers: Counter[str]) -> str:
    return ", ".join(f"{name} {count(numbers[name])}" for name in in_language_order(numbers) if numbers[name])


def _spread(trial: FilterTrial) -> list[tuple[str, ...]]:
    return [
        (measure.replace("_", " "), language_name(language), *(number(value) for value in values[language]))
        for measure, values in trial.spread.items()
        for language in in_language_order(values)
    ]
