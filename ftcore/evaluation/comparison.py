"""Two or more models on the same documents: what differs, by how much, and which answers flipped.

Example:
    >>> found = compare_predictions([["a"], ["b"]], {"old": ["a", "a"], "new": ["a", "b"]}, ["en", "en"])
    >>> found.rows[0].metric, found.rows[0].first, found.rows[0].other
    ('accuracy', 0.5, 1.0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.errors import MissingLabels, UserError
from ftcore.evaluation.significance import (
    FEW,
    Interval,
    McNemar,
    Outcomes,
    bootstrap_label_f1,
    bootstrap_macro_f1,
    mcnemar,
    paired_bootstrap,
    significantly_worse,
)


@dataclass(frozen=True)
class Difference:
    """One figure of one model beside the first model's. ``scope`` is overall, language or label."""

    model: str
    scope: str
    key: str  # "" for overall, else the language or label
    metric: str  # accuracy, macro_f1, f1
    documents: int
    first: float
    other: float
    interval: Interval  # of other - first

    @property
    def few(self) -> bool:
        """Too few documents for the interval to mean anything."""
        return self.documents < FEW


@dataclass(frozen=True)
class Flip:
    """A document the first model and another one judge differently. ``change`` is fixed or broken."""

    model: str
    document: int
    change: str


@dataclass(frozen=True)
class Comparison:
    """Models against the first, on the same documents."""

    rows: list[Difference]  # overall first, then languages, then labels; models in order
    flips: list[Flip]
    tests: dict[str, McNemar]  # by model, against the first

    def worse(self, model: str) -> bool:
        """Is `model` significantly worse than the first, overall (the rule of `significance`)?

        False on fewer than `FEW` documents, which tell nothing.
        """
        rows = [row for row in self.rows if row.model == model and row.scope == "overall" and not row.few]
        return significantly_worse(*(row.interval for row in rows))


def compare_predictions(
    gold: Sequence[Sequence[str]],
    predicted: Mapping[str, Sequence[str]],
    languages: Sequence[str],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Every model against the first, overall, per language and per label, with bootstrap intervals.

    ``predicted`` maps a model's name to its answers [N]; models may know different labels. Documents
    without a gold label take no part.

    Raises:
        UserError: fewer than two models, or unequal lengths.
    """
    names = list(predicted)
    if len(names) < 2:
        raise UserError(f"at least two models are needed, not {len(names)}")
    for name in names:
        if not len(predicted[name]) == len(gold) == len(languages):
            raise UserError(f"{name}: {len(predicted[name])} answers for {len(gold)} documents")
    chosen = [row for row, labels in enumerate(gold) if len(labels)]
    if not chosen:
        raise MissingLabels(f"none of the {len(gold)} documents has a gold label: nothing to compare")
    right = {
        name: np.fromiter((predicted[name][row] in gold[row] for row in chosen), bool, len(chosen))
        for name in names
    }
    language = np.array([languages[row] or "unknown" for row in chosen])
    slices = [("overall", "", np.ones(len(chosen), bool))]
    slices += [("language", key, language == key) for key in sorted(set(language.tolist()))]

    rows: list[Difference] = []
    for scope, key, inside in slices:
        documents = [chosen[place] for place in np.flatnonzero(inside)]
        truth = [gold[row] for row in documents]
        answers = {name: [predicted[name][row] for row in documents] for name in names}
        for other in names[1:]:
            a, b = right[names[0]][inside], right[other][inside]
            interval = paired_bootstrap(a, b, samples=samples, seed=seed)
            rows.append(
                Difference(other, scope, key, "accuracy", len(a), float(a.mean()), float(b.mean()), interval)
            )
            outcomes = Outcomes.of(truth, answers[names[0]], answers[other])
            interval = bootstrap_macro_f1(outcomes, samples=samples, seed=seed)
            before, now = (float(np.nanmean(outcomes.whole(model))) for model in (0, 1))
            rows.append(Difference(other, scope, key, "macro_f1", len(a), before, now, interval))

    truth = [gold[row] for row in chosen]
    support: dict[str, int] = {}
    for labels in truth:
        for label in set(labels):
            support[label] = support.get(label, 0) + 1
    flips: list[Flip] = []
    tests: dict[str, McNemar] = {}
    first_answers = [predicted[names[0]][row] for row in chosen]
    for other in names[1:]:
        told = [predicted[other][row] for row in chosen]
        outcomes = Outcomes.of(truth, first_answers, told)
        intervals = bootstrap_label_f1(outcomes, samples=samples, seed=seed)
        first, second = outcomes.whole(0), outcomes.whole(1)
        for place, (label, interval) in enumerate(intervals.items()):  # both are in the order of the names
            before, now = np.nan_to_num([first[place], second[place]]).tolist()
            rows.append(Difference(other, "label", label, "f1", support.get(label, 0), before, now, interval))
        tests[other] = mcnemar(right[names[0]], right[other])
        for change, mask in (
            ("broken", right[names[0]] & ~right[other]),
            ("fixed", right[other] & ~right[names[0]]),
        ):
            flips += [Flip(other, chosen[place], change) for place in np.flatnonzero(mask)]
    return Comparison(rows, flips, tests)
