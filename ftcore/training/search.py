"""Where a search of hyperparameters looks next: fastText's Gaussian moves around the best so far.

Source: fastText 0.9.3 ``src/autotune.cc`` (``getArgGauss``, ``AutotuneStrategy::ask`` and ``updateBest``):
ranges and deviations are the original's. Some things differ on purpose (`benchmarks.autotune` compares):

* The first trials after the given arguments are `STEPS` that pay on most sets, each taken from the best so
  far: more passes at a higher rate, then pairs of words, then character n-grams.
* Later trials move about half of the values at a time; the original moves all, and so loses what it has
  found in most of them.
* Sizes of n-grams grow by one step over the best so far, so that longer ones are tried only where shorter
  ones have gained; the original draws any length from the start.
* A bucket count is rounded to `BUCKETS`, so that text encoded for one trial serves others.
* The generator is numpy's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from ftcore import config
from ftcore.errors import InvalidOptions

MINN = (0, 2, 3)  # maxn is 0 for the first, else minn + 3
BUCKETS = tuple(10_000 * 2**i for i in range(10)) + (10_000_000,)
STEPS: tuple[dict[str, Any], ...] = (
    {"epoch": 25, "lr": 0.5},
    {"word_ngrams": 2},
    {"minn": MINN[1]},
)
# what a linear head is searched over: n-grams of words, those of characters as English (2 to 5) and Chinese (1 to 3)
# words have them
FEATURES: tuple[dict[str, Any], ...] = tuple(
    {"word_ngrams": words, "minn": minn, "maxn": maxn}
    for minn, maxn in ((0, 0), (2, 5), (1, 3))
    for words in (2, 1, 3)
)
_TOGETHER = (("epoch",), ("lr",), ("dim",), ("word_ngrams",), ("minn", "maxn"), ("bucket",))
_SHORT = 0.05  # of the time: a search whose first trial took more begins with what costs least
_QUICK = 4  # kinds of features that a search over heads tries before it trains longer by steps
SEARCHED = ("epoch", "lr", "dim", "word_ngrams", "minn", "maxn", "bucket", "loss", "dsub")
FOUND = ("head", "refit", *SEARCHED)  # what a search may have changed
COMMON = 2000  # words that are looked at to see which language's n-grams come first


class Move(NamedTuple):
    """How far one number moves: the standard deviation falls from `early` to `late` in the middle half."""

    low: float
    high: float
    early: float
    late: float
    doublings: bool = True  # the deviation is in powers of two; else in steps

    def draw(self, value: float, t: float, rng: np.random.Generator) -> float:
        """A new value near `value` at the share `t` (0..1) of the time."""
        deviation = self.early - (self.early - self.late) / 0.5 * min(0.5, max(t - 0.25, 0.0))
        step = rng.normal(0.0, deviation)
        return min(max(value * 2**step if self.doublings else value + step, self.low), self.high)


MOVES = {
    "epoch": Move(1, 100, 2.8, 2.5),
    "lr": Move(0.01, 5.0, 1.9, 1.0),
    "dim": Move(1, 1000, 1.4, 0.3),
    "word_ngrams": Move(1, 5, 4.3, 2.4, doublings=False),
    "dsub": Move(1, 4, 2.0, 1.0, doublings=False),  # of its logarithm to base 2
    "minn": Move(0, len(MINN) - 1, 4.0, 1.4, doublings=False),  # of its place in `MINN`
    "bucket": Move(BUCKETS[0], BUCKETS[-1], 2.0, 1.5),
}


@dataclass(frozen=True)
class Settings:
    """What a trial is made with: options of the training, and the size of a quantiser's sub-vectors."""

    options: config.Finetune
    dsub: int = 2

    def changed(self, other: Settings) -> dict[str, Any]:
        """Searched values that differ from another's, by name."""
        return {name: value for name, value in self.values().items() if other.values()[name] != value}

    def values(self) -> dict[str, Any]:
        """Searched values by name."""
        return {n: self.dsub if n == "dsub" else getattr(self.options, n) for n in SEARCHED}


class Strategy:
    """Asks for trials, remembers the best.

    Args:
        base: the first trial; what is not searched stays as it is here.
        fixed: names in `SEARCHED` that stay as they are.
        seed: of the moves.

    Raises:
        UserError: an unknown name in `fixed`, or a base that no model can be trained with.

    Example:
        strategy = Strategy(Settings(options), {"dim"}, seed=0)
        settings = strategy.ask(0.0)         # the given ones, the first time
        strategy.tell(settings, score)
    """

    def __init__(self, base: Settings, fixed: Collection[str] = (), seed: int = 0) -> None:
        unknown = sorted(set(fixed) - set(SEARCHED))
        if unknown:
            raise InvalidOptions(
                f"{', '.join(unknown)}: not searched, so not fixed; choose of {', '.join(SEARCHED)}"
            )
        try:
            config.Finetune.model_validate(base.options.model_dump())
        except ValidationError as error:
            raise InvalidOptions(f"nothing to search from: {error.errors()[0]['msg']}") from None
        self.fixed = frozenset(fixed)
        if "bucket" in self.fixed and base.options.bucket == 0:  # no rows for n-grams: none are tried
            self.fixed |= {"word_ngrams", "minn", "maxn"}
        self.best, self.score = base, float("-inf")
        self.rng = np.random.default_rng([seed, 0x7472])
        self.asked = 0
        self._steps = list(STEPS)
        self._bucket = base.options.bucket or 2_000_000

    def told_words(self, words: list[str]) -> None:
        """Hear of the text's words, the commonest first, before the second trial."""

    def ask(self, t: float) -> Settings | None:
        """The next trial at the share `t` (0..1) of the time; the first is the base. None where all were tried."""
        self.asked += 1
        if self.asked == 1:
            return self.best
        while self._steps:
            step = self._steps.pop(0)
            new = {name: value for name, value in step.items() if self._free_below(name, value)}
            if new:
                return self._settings(new, self.best.dsub)
        return self._settings(self._moved(t), self._near_dsub(t))

    def _free_below(self, name: str, value: object) -> bool:
        """Whether a step changes this: it is free, and not there yet (a rate or passes given are left, too)."""
        return name not in self.fixed and getattr(self.best.options, name) < value

    def _moved(self, t: float) -> dict[str, Any]:
        options, near = self.best.options, self._near
        new: dict[str, Any] = {}
        new["epoch"] = int(near("epoch", options.epoch, t))
        new["lr"] = float(f"{near('lr', options.lr, t):.3g}")  # to be written down and given again
        assert options.dim is not None  # of `with_dim`
        new["dim"] = int(near("dim", options.dim, t))
        new["word_ngrams"] = min(int(near("word_ngrams", options.word_ngrams, t)), options.word_ngrams + 1)
        place = MINN.index(options.minn) if options.minn in MINN else 0
        new["minn"] = MINN[min(int(near("minn", place, t)), place + 1)]
        near_bucket = near("bucket", self._bucket, t)
        new["bucket"] = min(BUCKETS, key=lambda size: abs(np.log(size / near_bucket)))
        free = [names for names in _TOGETHER if not self.fixed.issuperset(names)]
        chosen = self.rng.random(len(free)) < 0.5
        if free and not chosen.any():
            chosen[self.rng.integers(len(free))] = True
        moving = {name for names, yes in zip(free, chosen, strict=True) if yes for name in names}
        return {name: value for name, value in new.items() if name in moving}

    def _near_dsub(self, t: float) -> int:
        return 1 << int(self._near("dsub", np.log2(self.best.dsub), t))

    def _settings(self, new: dict[str, Any], dsub: int) -> Settings:
        """The best with new values, those that are fixed apart, and maxn that goes with minn."""
        options = self.best.options
        new = {"loss": "softmax", **new}
        new = {name: value for name, value in new.items() if name not in self.fixed}
        minn = new.get("minn", options.minn)
        if "maxn" in self.fixed:
            if "minn" in new:  # a fixed maxn bounds minn
                new["minn"] = min(minn, options.maxn)
        elif "minn" in new:
            new["maxn"] = minn + 3 if minn else 0
        grams = new.get("word_ngrams", options.word_ngrams) > 1 or new.get("maxn", options.maxn) > 0
        if grams and new.get("bucket", options.bucket) == 0:
            new["bucket"] = self._bucket  # not fixed, see `__init__`
        return Settings(options.model_copy(update=new), self.best.dsub if "dsub" in self.fixed else dsub)

    def tell(self, settings: Settings, score: float, right: np.ndarray | None = None) -> bool:
        """Note a trial's score; whether it is the best so far (of equal ones the first stays).

        Args:
            right: int[documents of the validation set], labels that were found of each; None: the score says all.
        """
        if not score > self.score:
            return False
        self.best, self.score = settings, score
        self._bucket = settings.options.bucket or self._bucket
        return True

    def _near(self, name: str, value: float, t: float) -> float:
        return MOVES[name].draw(value, t, self.rng)


class FeatureSearch(Strategy):
    """Asks for each of `FEATURES` once: a linear head has neither passes nor a rate to move.

    The best of many trials on the same documents is in part the luckiest. Where a linear head leads, a later trial is taken only if it is
    ahead by more than the standard error of the difference between the two on these documents.

    Example:
        search = FeatureSearch(Settings(Finetune(head="linear")))
        search.ask(0.0), search.ask(0.1)     # the given ones, then pairs of words
    """

    def __init__(self, base: Settings, fixed: Collection[str] = (), seed: int = 0) -> None:
        super().__init__(base, fixed, seed)
        given = base.options
        free = set(FEATURES[0]) - self.fixed
        if not {"minn", "maxn"} <= free:  # one without the other has no sense
            free -= {"minn", "maxn"}
        wanted = [given.model_copy(update={n: kind[n] for n in free}) for kind in FEATURES]
        rows = {"bucket": self._bucket}
        whole = [
            options.model_copy(update=rows if options.word_ngrams > 1 or options.maxn > 0 else {})
            for options in wanted
        ]
        self._left = [options for n, options in enumerate(whole) if options not in (given, *whole[:n])]
        self._right: np.ndarray | None = None  # of the best, where it is a linear head

    def told_words(self, words: list[str]) -> None:
        """What pays on most texts comes first: pairs of words, and character n-grams as the language has them."""
        self._left.sort(key=_promise(words))

    def ask(self, t: float) -> Settings | None:
        """The next kind of features; the first is the given one, None where all were tried."""
        self.asked += 1
        if self.asked == 1:
            return self.best
        return Settings(self._left.pop(0), self.best.dsub) if self._left else None

    def tell(self, settings: Settings, score: float, right: np.ndarray | None = None) -> bool:
        """Note a trial's score; whether it is the best so far, and not by chance."""
        if self._right is not None and right is not None and not _ahead(right, self._right):
            return False
        if not super().tell(settings, score, right):
            return False
        self._right = right if settings.options.head == "linear" else None
        return True


class HeadSearch(FeatureSearch):
    """Asks for fastText's own training first, then for linear heads, then for longer trainings, and ends.

    The first is what no trial may fall below: it is the one that is taken where nothing does better.

    Example:
        search = HeadSearch(Settings(Finetune(head="auto")))
        [search.ask(0.0).options.head for _ in range(3)]     # sgd, linear, linear
    """

    def __init__(self, base: Settings, fixed: Collection[str] = (), seed: int = 0) -> None:
        plain = base.options.model_copy(update={"head": "sgd"})
        super().__init__(replace(base, options=plain), fixed, seed)
        same = [plain, *self._left]
        order = sorted(
            same, key=lambda options: options.word_ngrams != 2
        )  # pairs first: they pay on most sets
        # what the documents of validation have chosen may learn from them, too
        linear = {"head": "linear", "refit": True}
        self._linear = [options.model_copy(update=linear) for options in order]
        if plain.loss not in ("softmax", "ova"):
            self._linear = []
        self._stepwise = Settings(plain, base.dsub)
        self._stepwise_score = float("-inf")

    def told_words(self, words: list[str]) -> None:
        """As of `FeatureSearch`."""
        self._linear.sort(key=_promise(words))

    def ask(self, t: float) -> Settings | None:
        """The next trial; None where all were tried."""
        self.asked += 1
        if self.asked == 1:
            return self.best
        if self.asked == 2 and t > _SHORT:  # character n-grams take three times as long, and may not end
            cheap = next((options for options in self._linear if options.maxn == 0), None)
            self._linear.sort(key=lambda options: options is not cheap)
        if self._linear and (self.asked <= 1 + _QUICK or not self._steps):
            return Settings(self._linear.pop(0), self.best.dsub)
        while self._steps:
            step = self._steps.pop(0)
            new = {name: value for name, value in step.items() if self._is_free(name, value)}
            if new:
                return self._changed(new)
        return Settings(self._linear.pop(0), self.best.dsub) if self._linear else None

    def tell(self, settings: Settings, score: float, right: np.ndarray | None = None) -> bool:
        """As of `FeatureSearch`; the best training by steps is what longer ones go on from."""
        if settings.options.head == "sgd" and score > self._stepwise_score:
            self._stepwise, self._stepwise_score = settings, score
        return super().tell(settings, score, right)

    def _is_free(self, name: str, value: object) -> bool:
        return name not in self.fixed and getattr(self._stepwise.options, name) < value

    def _changed(self, new: dict[str, Any]) -> Settings:
        """The best training by steps, with something else."""
        kept = self.best
        self.best = self._stepwise
        made = self._settings({"loss": self._stepwise.options.loss, **new}, self._stepwise.dsub)
        self.best = kept
        return made


def _ahead(right: np.ndarray, other: np.ndarray) -> bool:
    """Whether more was found than by another trial, beyond the standard error of the sum of the documents' differences.

    Example:
        >>> _ahead(np.array([1, 1, 1, 0]), np.array([0, 0, 1, 1])), _ahead(np.array([1, 1, 1, 1]), np.array([0, 0, 1, 1]))
        (False, True)
    """
    apart = right - other
    return float(apart.sum()) > float((apart**2).sum()) ** 0.5


def _promise(words: list[str]) -> Callable[[config.Finetune], tuple[bool, bool, bool]]:
    """A key that puts first what pays on most texts of these words; of equals the first stays."""
    chinese = 2 * sum(any("一" <= c <= "鿿" for c in word) for word in words) > len(words)
    maxn = 3 if chinese else 5  # of `FEATURES`

    def key(options: config.Finetune) -> tuple[bool, bool, bool]:
        return options.maxn not in (0, maxn), options.word_ngrams != 2, options.maxn != maxn

    return key


SEARCHES: dict[str, type[Strategy]] = {"sgd": Strategy, "linear": FeatureSearch, "auto": HeadSearch}


def shorter(settings: Settings, epoch: int) -> Settings:
    """The same with fewer epochs."""
    return replace(settings, options=settings.options.model_copy(update={"epoch": epoch}))
