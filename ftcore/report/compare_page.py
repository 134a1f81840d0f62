"""Two or more models side by side on one frozen test set: an HTML page and a table for the terminal.

Example:
    >>> page = ComparePage("old and new", [ModelEntry("old", {"macro_f1": .8}), ModelEntry("new", {"macro_f1": .9})])
    >>> "0.900" in render_comparison(page)
    True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftcore.evaluation.comparison import Difference
from ftcore.evaluation.labels import LabelChange
from ftcore.evaluation.significance import FEW, McNemar, significantly_worse
from ftcore.report import charts
from ftcore.report.pages import (
    count,
    in_language_order,
    is_number,
    language_name,
    render,
    score,
    signed,
    size,
    surest_first,
)

if TYPE_CHECKING:
    from rich.table import Table

SCORES = (("macro_f1", "Macro-F1"), ("accuracy", "Accuracy"), ("ece", "Calibration error"))
TITLES = {"macro_f1": "macro-F1", "accuracy": "accuracy", "f1": "F1"}
BASELINES = {"majority": "majority", "linear": "linear TF-IDF"}  # prefix of a metric: what it is called
SHOWN_FLIPS = 10  # the others are folded
SHOWN_CHANGES = 6  # of what the models were made with, in a sentence

# What a verdict speaks of beside the scores: a change for the worse that is more than noise.
ECE_WORSE = 0.01
SIZE_WORSE = 1.1
SPEED_WORSE = 0.8  # CPU time of the best of several passes, in turns, in one call


@dataclass(frozen=True)
class ModelEntry:
    """One model: its scores on the test set (`ClassificationReport.metrics`), cost and where it came from."""

    name: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    size_bytes: float | None = None
    documents_per_second: float | None = None  # of CPU time
    ids: Mapping[str, str] = field(default_factory=dict)  # {"version": "7", "run": "8f2c…"}
    note: str = ""
    labels: Sequence[str] = ()  # that it knows
    changes: Sequence[str] = ()  # what it was made with differently from the first: options, data, code


@dataclass(frozen=True)
class FlipExample:
    """A document with the first model's answer and another's. ``change``: broken (right to wrong) or fixed."""

    model: str
    change: str
    text: str
    gold: Sequence[str] | str
    before: str
    after: str
    language: str = ""
    source: str = ""
    probability: float | None = None  # that the other model gives its answer


@dataclass
class ComparePage:
    """What the page shows; ``models[0]`` is the reference, differences are ``other - reference``."""

    title: str
    models: Sequence[ModelEntry]
    differences: Sequence[Difference] = ()  # Comparison.rows
    flips: Sequence[FlipExample] = ()
    flip_counts: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  # {model: {"fixed": n, "broken": n}}
    tests: Mapping[str, McNemar] = field(default_factory=dict)  # Comparison.tests
    test_set: str = ""
    test_digest: str = ""
    documents: Mapping[str, int] = field(default_factory=dict)  # {language: n}
    verdicts: Mapping[str, str] = field(default_factory=dict)  # {model: sentence}; default: `verdict`
    ids: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def verdict(page: ComparePage, model: str) -> tuple[str, str]:
    """(good | bad | even, sentences) on a model against the first, from the overall intervals.

    Worse by the rule of `significance` (any overall interval wholly below 0); better when one lies wholly
    above 0 and none below; else even, and even on too few documents or between models that share no label.
    Labels that differ are named first; calibration, size and speed are where they got worse.
    """
    first, other = page.models[0], next(entry for entry in page.models if entry.name == model)
    tone, sentence = _scored(page, first, other)
    changes = list(other.changes[:SHOWN_CHANGES])
    if len(other.changes) > SHOWN_CHANGES:
        changes.append(f"{len(other.changes) - SHOWN_CHANGES} more on the page")
    said = [
        LabelChange.of(first.labels, other.labels).sentence(first.name, model),
        sentence,
        f"Worse: {', '.join(costs)}." if (costs := costs_of(first, other)) else "",
        f"Made with: {'; '.join(changes)}." if changes else "",
    ]
    return tone, " ".join(filter(None, said))


def _scored(page: ComparePage, first: ModelEntry, other: ModelEntry) -> tuple[str, str]:
    """Tone and sentence on the scores alone."""
    a, b = first.name, other.name
    rows = {row.metric: row for row in page.differences if row.model == b and row.scope == "overall"}
    if not rows:
        return "even", f"{b} was not tested against {a}."
    if LabelChange.of(first.labels, other.labels).disjoint:
        return "even", "Their scores are of different tasks and say nothing of each other."
    few = next((row.documents for row in rows.values() if row.few), None)
    figures = ", ".join(
        f"{TITLES[metric]} {signed(rows[metric].interval.difference)}"
        + ("" if rows[metric].few else f" (95 % interval {_reach(rows[metric])})")
        for metric in ("macro_f1", "accuracy")
        if metric in rows
    )
    if few is not None:
        return "even", f"{few} documents: too few to tell {b} and {a} apart ({FEW} at least): {figures}."
    intervals = [row.interval for row in rows.values()]
    if significantly_worse(*intervals):
        return "bad", f"{b} is significantly worse than {a}: {figures}."
    if any(interval.side == "better" for interval in intervals):
        return "good", f"{b} is significantly better than {a}: {figures}."
    return "even", f"These documents do not tell {b} and {a} apart: {figures}."


def costs_of(first: ModelEntry, other: ModelEntry) -> list[str]:
    """Calibration, size and speed of the other model where they are worse by more than noise.

    Example:
        >>> costs_of(ModelEntry("a", {"ece": .02}, 1e6, 900.), ModelEntry("b", {"ece": .09}, 1e6, 300.))
        ['calibration error 0.020 → 0.090', 'speed 900 → 300 documents/s (× 0.33)']
    """
    found = []
    ece, now = first.metrics.get("ece"), other.metrics.get("ece")
    if is_number(ece) and is_number(now) and float(now) - float(ece) > ECE_WORSE:
        found.append(f"calibration error {score(ece)} → {score(now)}")
    times = _times(other.size_bytes, first.size_bytes)
    if times is not None and times > SIZE_WORSE:
        found.append(f"size {size(first.size_bytes)} → {size(other.size_bytes)} (× {score(times, 2)})")
    times = _times(other.documents_per_second, first.documents_per_second)
    if times is not None and times < SPEED_WORSE:
        speeds = f"{count(first.documents_per_second)} → {count(other.documents_per_second)}"
        found.append(f"speed {speeds} documents/s (× {score(times, 2)})")
    return found


def _reach(row: Difference) -> str:
    return f"{signed(row.interval.low)} to {signed(row.interval.high)}"


def render_comparison(page: ComparePage) -> str:
    """The page as HTML text, to be written as UTF-8.

    Raises:
        ValueError: fewer than two models.
    """
    if len(page.models) < 2:
        raise ValueError(f"at least two models are needed, not {len(page.models)}")
    others = [model.name for model in page.models[1:]]
    rows = [_row(row) for row in page.differences]
    # accuracy and macro-F1 of one scope belong together; labels go by the size of the change
    order = ["overall", *(f"language {code}" for code in in_language_order(_keys(page, "language")))]
    overall = [row for row in rows if row["scope"] != "label"]
    overall.sort(
        key=lambda row: (order.index(f"{row['scope']} {row['key']}".strip()), row["metric"] != "macro-F1")
    )
    labels = [row for row in rows if row["scope"] == "label"]
    labels.sort(key=lambda row: -abs(row["interval"].difference))
    flips = {
        change: surest_first(
            [flip for flip in page.flips if flip.change == change], lambda flip: flip.probability, SHOWN_FLIPS
        )
        for change in ("broken", "fixed")
    }
    changes = [(model.name, model.changes) for model in page.models[1:] if model.changes]
    shown = {
        "models": True,
        "changes": changes,
        "overall": overall,
        "labels": labels,
        "flips": page.flips or page.flip_counts,
    }
    titles = {
        "models": "Models",
        "changes": "What differs",
        "overall": "Overall and per language",
        "labels": "Per label",
        "flips": "Flips",
    }
    return render(
        "compare_page.html",
        page=page,
        lede=_lede(page),
        verdicts=_verdicts(page),
        warnings=[w for w in page.warnings if not any(w in sentence for _, sentence in _verdicts(page))],
        sections=[(name, title) for name, title in titles.items() if shown[name]],
        models=[_model(model, page.models[0]) for model in page.models],
        first=page.models[0].name,
        others=others,
        many=len(others) > 1,
        overall=overall,
        overall_reach=_axis(page, lambda row: row.scope != "label"),
        labels=labels,
        label_reach=_axis(page, lambda row: row.scope == "label"),
        interval_note="Differences are the other model minus the reference, with a paired bootstrap interval over the "
        "documents. Green lies wholly above 0, red wholly below; grey holds 0, so these documents cannot tell. "
        f"Fewer than {FEW} documents have no interval.",
        changes=changes,
        shown_flips=SHOWN_FLIPS,
        flips=flips,
        flip_counts=[
            {
                "model": name,
                "fixed": counts.get("fixed", 0),
                "broken": counts.get("broken", 0),
                "p": page.tests[name].p if name in page.tests else None,
            }
            for name, counts in page.flip_counts.items()
        ],
    )


def compare_table(page: ComparePage, *, labels: bool = False) -> Table:
    """The same for the terminal (rich): a row a figure, a column a model, differences with intervals."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(page.title), title_justify="left", caption_justify="left")
    table.caption = escape("\n".join(sentence for _, sentence in _verdicts(page)))
    table.add_column("")
    for model in page.models:
        table.add_column(escape(model.name), justify="right")
    scopes = [("overall", "", "macro_f1"), ("overall", "", "accuracy")]
    for code in in_language_order(_keys(page, "language")):
        scopes += [("language", code, "macro_f1"), ("language", code, "accuracy")]
    if labels:
        scopes += [("label", label, "f1") for label in sorted(_keys(page, "label"))]
    found = {(row.model, row.scope, row.key, row.metric): row for row in page.differences}
    for scope, key, metric in scopes:
        rows = [found.get((model.name, scope, key, metric)) for model in page.models[1:]]
        if not any(rows):
            continue
        first = next(row.first for row in rows if row)
        name = TITLES[metric] if not key else f"{key} {TITLES[metric]}"
        table.add_row(escape(name), score(first), *(_cell(row) for row in rows))
    baselines = [
        (f"{title} {TITLES[metric]}", lambda model, name=f"{prefix}_{metric}": score(model.metrics.get(name)))
        for prefix, title in BASELINES.items()
        for metric in ("macro_f1", "accuracy")
        if any(f"{prefix}_{metric}" in model.metrics for model in page.models)
    ]
    for title, value in (
        ("calibration error", lambda model: score(model.metrics.get("ece"))),
        *baselines,
        ("size", lambda model: size(model.size_bytes)),
        ("documents/s", lambda model: count(model.documents_per_second)),
    ):
        table.add_row(title, *(value(model) for model in page.models))
    return table


def _cell(row: Difference | None) -> str:
    if row is None:
        return "–"
    colour = {"better": "green", "worse": "red", "even": "dim"}[_tone(row)]
    reach = f"{row.documents} documents: too few" if row.few else _reach(row)
    return f"{score(row.other)}  [{colour}]{signed(row.interval.difference)} ({reach})[/]"


def _tone(row: Difference) -> str:
    return "even" if row.few else row.interval.side


def _axis(page: ComparePage, chosen: Callable[[Difference], bool]) -> float:
    return charts.interval_axis([row for row in page.differences if chosen(row) and not row.few])


def _keys(page: ComparePage, scope: str) -> set[str]:
    return {row.key for row in page.differences if row.scope == scope}


def _row(row: Difference) -> dict[str, Any]:
    name = {"overall": "all languages", "language": language_name(row.key), "label": row.key}[row.scope]
    return {
        "name": name,
        "scope": row.scope,
        "key": row.key,
        "model": row.model,
        "metric": TITLES.get(row.metric, row.metric),
        "documents": row.documents,
        "first": row.first,
        "other": row.other,
        "interval": row.interval,
        "few": row.few,
        "tone": _tone(row),
    }


def _model(model: ModelEntry, first: ModelEntry) -> dict[str, Any]:
    scores = []
    for name, title in SCORES:
        if is_number(model.metrics.get(name)):
            base = model.metrics.get(f"majority_{name}")
            scores.append((title, model.metrics[name], base if is_number(base) and name != "ece" else None))
    return {
        "name": model.name,
        "note": model.note,
        "scores": scores,
        "size": model.size_bytes,
        "size_ratio": _times(model.size_bytes, first.size_bytes) if model is not first else None,
        "speed": model.documents_per_second,
        "speed_ratio": _times(model.documents_per_second, first.documents_per_second)
        if model is not first
        else None,
        "ids": model.ids,
    }


def _times(value: float | None, first: float | None) -> float | None:
    return float(value) / float(first) if is_number(value) and is_number(first) and float(first) else None


def _verdicts(page: ComparePage) -> list[tuple[str, str]]:
    found = []
    for model in page.models[1:]:
        tone, sentence = verdict(page, model.name)
        found.append((tone, page.verdicts.get(model.name, sentence)))
    return found


def _lede(page: ComparePage) -> str:
    total = sum(page.documents.values())
    if not total:
        return f"{len(page.models)} models on one frozen test set."
    parts = ", ".join(
        f"{count(page.documents[code])} {language_name(code).replace('Mixed', 'mixed')}"
        for code in in_language_order(page.documents)
    )
    return f"{len(page.models)} models on one frozen test set of {count(total)} documents ({parts})."
