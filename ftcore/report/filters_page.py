"""A trial of filters as an HTML page, and as tables for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ftcore.curation.trial import QUANTILES, FilterTrial
from ftcore.report.pages import count, in_language_order, language_name, percent, render
from ftcore.report.shards_page import table_of

if TYPE_CHECKING:
    from rich.table import Table


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
        number=number,
    )


def trial_tables(trial: FilterTrial) -> Iterator[Table]:
    """The same in the terminal."""
    yield table_of("", ["", ""], facts(trial))
    yield table_of("documents", ["language", "in the sample", "kept", ""], _languages(trial))
    columns = ["option", "threshold", "would drop", "", "no other does", "by language"]
    yield table_of("what each filter would drop", columns, _rules(trial))
    rows = [
        (rule.option, f"{e.source}:{e.line}", language_name(e.language), number(e.value), e.excerpt[:60])
        for rule in trial.rules
        for e in rule.examples[:3]
    ]
    yield table_of("some of it", ["option", "where", "language", "value", "begins"], rows)
    yield table_of(
        "measures: values below which so many of the documents are",
        ["measure", "language", *(f"{100 * q:g} %" for q in QUANTILES)],
        _spread(trial),
    )


def number(value: Any) -> str:
    """A measure for the eye: a share with three digits, a count without any.

    Example:
        >>> number(0.12345), number(12.0), number("word")
        ('0.123', '12', 'word')
    """
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value.is_integer() else f"{value:.3f}"


def _languages(trial: FilterTrial) -> list[tuple[str, str, str, str]]:
    return [
        (language_name(name), count(n), count(trial.kept[name]), percent(trial.kept[name] / n))
        for name in in_language_order(trial.documents)
        for n in (trial.documents[name],)
    ]


def _rules(trial: FilterTrial) -> list[tuple[str, str, str, str, str, str]]:
    total = max(1, trial.documents.total())
    return [
        (
            rule.option,
            _by_language({name: number(float(value)) for name, value in rule.thresholds.items()}),
            count(rule.dropped.total()),
            percent(rule.dropped.total() / total),
            count(rule.alone.total()),
            _counted(rule.dropped),
        )
        for rule in trial.rules
    ]


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
