"""Is one model better than another on the same documents, or was it luck?

Differences are always ``b - a``: a is the model in place (the champion, the first column), b the newcomer.

**The rule.** b is *significantly worse* than a when the whole 95 % interval of its macro-F1 difference, or
of its accuracy difference, lies below 0 (`significantly_worse`). An interval that touches 0 says that these
documents cannot tell the two apart, which is no reason to refuse b. Fewer than `FEW` documents tell nothing:
percentiles of resamples of a handful are no intervals (they come out far too narrow, Efron and Tibshirani,
ch. 14), and no verdict rests on them.

The bootstrap draws documents with replacement, the same ones for both models (Efron and Tibshirani, *An
Introduction to the Bootstrap*, 1993, ch. 13 and 16; Koehn, EMNLP 2004). Documents with the same outcome are
exchangeable, so a resample is one multinomial draw over the distinct outcomes: exact, and as fast for a
million documents as for a thousand.

Example:
    >>> interval = paired_bootstrap([1, 0, 1, 0] * 50, [1, 1, 1, 0] * 50, seed=1)
    >>> interval.difference, interval.low > 0, significantly_worse(interval)
    (0.25, True, False)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.errors import MissingLabels, UserError

FEW = 30  # documents below which a bootstrap interval is not called one
CELLS = 1 << 22  # counts drawn at a time: 32 MB of int64


@dataclass(frozen=True)
class Interval:
    """A difference b - a with its percentile interval and two-sided bootstrap p.

    p = 2 min(P(d* <= 0), P(d* >= 0)), with one added to counts and samples so that it is never 0.
    """

    difference: float
    low: float
    high: float
    p: float
    level: float = 0.95

    @property
    def side(self) -> str:
        """Where the interval lies: "better" wholly above 0, "worse" wholly below, else "even"."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "even"


@dataclass(frozen=True)
class McNemar:
    """Documents only one of the models got right, and the p of such an imbalance by chance."""

    only_a: int
    only_b: int
    p: float


def significantly_worse(*intervals: Interval) -> bool:
    """True when any of the intervals of ``b - a`` lies wholly below 0."""
    return any(interval.side == "worse" for interval in intervals)


def paired_bootstrap(
    score_a: Sequence[float] | np.ndarray,
    score_b: Sequence[float] | np.ndarray,
    *,
    samples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Interval of mean(score_b) - mean(score_a), scores [N] of the same documents (e.g. 0/1 for right).

    Raises:
        UserError: the lengths differ, are 0, or a score is not finite.
    """
    a, b = np.asarray(score_a, np.float64), np.asarray(score_b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise UserError(f"scores must be of the same documents, at least one: {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UserError("a score is not finite")
    values, counts = np.unique(b - a, return_counts=True)
    drawn = [weights @ values / len(a) for weights in _resamples(counts, samples, seed)]
    return _interval(float((b - a).mean()), np.concatenate(drawn), level)


def bootstrap_macro_f1(
    outcomes: Outcomes, *, samples: int = 2000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Interval of macro-F1(b) - macro-F1(a), by the rule of `metrics` applied to every resample."""
    drawn = []
    for weights in _resamples(outcomes.counts, samples, seed):
        a, b = outcomes.f1(weights, 0), outcomes.f1(weights, 1)
        drawn.append(np.nanmean(b, 1) - np.nanmean(a, 1))
    difference = np.nanmean(outcomes.whole(1)) - np.nanmean(outcomes.whole(0))
    return _interval(float(difference), np.concatenate(drawn), level)


def bootstrap_label_f1(
    outcomes: Outcomes, *, samples: int = 2000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """The interval of F1(b) - F1(a) for every label in gold or predicted; no F1 (0/0) counts as 0."""
    drawn = np.concatenate(
        [
            np.nan_to_num(outcomes.f1(weights, 1)) - np.nan_to_num(outcomes.f1(weights, 0))
            for weights in _resamples(outcomes.counts, samples, seed)
        ]
    )
    difference = np.nan_to_num(outcomes.whole(1)) - np.nan_to_num(outcomes.whole(0))
    return {
        name: _interval(float(difference[column]), drawn[:, column], level)
        for column, name in enumerate(outcomes.names)
    }


def mcnemar(correct_a: Sequence[bool] | np.ndarray, correct_b: Sequence[bool] | np.ndarray) -> McNemar:
    """McNemar's test (Psychometrika 1947) on bool[N]: exact binomial to 1,000 disagreements, then chi².

    The chi² form has Edwards' continuity correction: (|n_a - n_b| - 1)² / (n_a + n_b), 1 degree.

    Example:
        >>> mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0])
        McNemar(only_a=5, only_b=0, p=0.0625)
    """
    a, b = np.asarray(correct_a, bool), np.asarray(correct_b, bool)
    if a.shape != b.shape:
        raise UserError(f"correctness must be of the same documents: {a.shape} and {b.shape}")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    n, few = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return McNemar(0, 0, 1.0)
    if n <= 1000:
        p = 2 * sum(math.comb(n, i) for i in range(few + 1)) / 2**n  # integers of any size divide exactly
    else:
        p = math.erfc(math.sqrt((max(abs(only_a - only_b) - 1, 0)) ** 2 / n / 2))
    return McNemar(only_a, only_b, min(1.0, p))


@dataclass(frozen=True)
class Outcomes:
    """The distinct (gold labels, answer of a, answer of b) with how often each occurs."""

    names: list[str]  # L labels of gold and answers
    counts: np.ndarray  # int64[U]
    gold: tuple[np.ndarray, np.ndarray]  # pairs (outcome, label): int64[P], sorted by label
    answers: np.ndarray  # int64[2, U]
    right: np.ndarray  # bool[2, U]

    @classmethod
    def of(cls, gold: Sequence[Sequence[str]], a: Sequence[str], b: Sequence[str]) -> Outcomes:
        """Count them.

        Raises:
            UserError: unequal lengths, or no document.
        """
        if not len(gold) == len(a) == len(b) or not len(gold):
            raise UserError(
                f"as many gold entries as answers are needed, at least one: {len(gold)}, {len(a)}, {len(b)}"
            )
        tally: dict[tuple[tuple[str, ...], str, str], int] = {}
        for labels, first, second in zip(gold, a, b, strict=True):
            if len(labels):  # documents without gold take no part, as in `metrics`
                key = (tuple(labels) if len(labels) < 2 else tuple(sorted(set(labels))), first, second)
                tally[key] = tally.get(key, 0) + 1
        if not tally:
            raise MissingLabels("no document has a gold label")
        names = sorted({name for labels, first, second in tally for name in (*labels, first, second)})
        number = {name: column for column, name in enumerate(names)}
        pairs = sorted(
            (number[name], outcome) for outcome, (labels, _, _) in enumerate(tally) for name in labels
        )
        answers = np.array([[number[x], number[y]] for _, x, y in tally], np.int64).T
        right = np.array([[x in labels, y in labels] for labels, x, y in tally]).T
        places = np.array(pairs, np.int64)
        counts = np.fromiter(tally.values(), np.int64, len(tally))
        return cls(names, counts, (places[:, 1], places[:, 0]), answers, right)

    def f1(self, weights: np.ndarray, model: int) -> np.ndarray:
        """float64[S, L] for resamples int64[S, U]; NaN where a label is neither gold nor predicted."""
        size, answer = len(self.names), self.answers[model]
        support = _sum_by(weights, *self.gold, size)
        predicted = _sum_by(weights, np.arange(len(answer)), answer, size)
        hit = np.flatnonzero(self.right[model])
        true = _sum_by(weights, hit, answer[hit], size)
        with np.errstate(invalid="ignore"):
            return 2 * true / (support + predicted)

    def whole(self, model: int) -> np.ndarray:
        """float64[L] for the documents themselves; NaN as in `f1`."""
        return self.f1(self.counts[None], model)[0]


def _sum_by(weights: np.ndarray, outcome: np.ndarray, label: np.ndarray, size: int) -> np.ndarray:
    """int64[S, size]: the weights of the outcomes of each label, added."""
    total = np.zeros((len(weights), size), np.int64)
    if len(outcome):
        order = np.argsort(label, kind="stable")
        label = label[order]
        first = np.flatnonzero(np.diff(label, prepend=-1))
        total[:, label[first]] = np.add.reduceat(weights[:, outcome[order]], first, axis=1)
    return total


def _resamples(counts: np.ndarray, samples: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks int64[S, U] of how often each outcome occurs in a resample; they depend on `seed` alone."""
    rng = np.random.default_rng(seed)
    n = int(counts.sum())
    share = counts / n
    step = max(1, CELLS // len(counts))
    for start in range(0, samples, step):
        yield rng.multinomial(n, share, size=min(step, samples - start))


def _interval(difference: float, drawn: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    # differences that are equal on paper differ in the last bits; they must count as 0
    tail = min((drawn <= 1e-12).sum(), (drawn >= -1e-12).sum())
    p = min(1.0, 2 * (int(tail) + 1) / (len(drawn) + 1))
    return Interval(difference, float(low), float(high), p, level)
