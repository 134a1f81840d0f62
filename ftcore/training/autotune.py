"""A search for the hyperparameters of a classifier that score best on a validation set, in a given time.

Source: fastText 0.9.3 ``src/autotune.cc`` (``Autotune::train``). The rules are the original's: the first
trial is the given arguments, what the user set stays, the others move around the best so far (`search`).
Beyond it:

* Text is counted once and encoded once per kind of n-grams; the encodings are kept for later trials.
* The time is kept to: a trial that cannot end in time gets fewer epochs or is not begun, and one that
  still trains at the deadline is stopped. (The original stops its threads too, but not what comes before
  and after them.) No trial is planned to take more than a sixth of the time, or twice the best one's.
* Ctrl-C ends the search and keeps the best so far.
* The moves follow from the seed; the time, which narrows them, and threads do not.

Trials end with their last epoch; nothing is scored in between (``keep_best`` and ``patience`` are off).
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import psutil
import torch

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.engines.choice import EngineChoice, load_engine
from ftcore.engines.interface import Engine
from ftcore.errors import Diverged, InvalidOptions, MissingLabels, RunError
from ftcore.model.losses import huffman_tree
from ftcore.model.matrices import Matrices
from ftcore.model.model import Model
from ftcore.model.module import TwoTables
from ftcore.training.documents import Documents
from ftcore.training.fitting import Fitted, TooSmall, dense, parse_size, renumber
from ftcore.training.fitting import fit as shrunk
from ftcore.training.objective import Metric, answer, right_of
from ftcore.training.progress import Progress
from ftcore.training.recipe import Conditions, Prepared, as_model, fit, started, with_dim
from ftcore.training.search import COMMON, SEARCHES, Settings, Strategy, shorter
from ftcore.training.start import Fresh, Start

log = logging.getLogger(__name__)
CHANCE = "ahead of the best, but within the standard error of their difference"
_SHARE = 1 / 6  # of the time, for one trial
_KEPT = 1 << 30  # bytes of encodings kept, or a tenth of the free memory
_LOOK = 0.5  # seconds between looks at the clock, about
_UNIT = 1e-6  # seconds a unit of work takes with an engine of speed 1, until it has been measured


@dataclass(frozen=True)
class Trial:
    """One set of arguments and what came of it."""

    number: int  # from 1
    settings: Settings
    outcome: str  # scored, diverged, no time, no memory, too small (the size asked for), stopped
    score: float  # of the metric; nan unless scored
    best: bool  # whether it is the best up to here
    begun: float  # seconds since the search began
    seconds: float
    figures: dict[str, float] = field(default_factory=dict)  # precision, recall, documents; cutoff, bytes
    note: str = ""  # what went wrong, or why a higher score is not the best


@dataclass(frozen=True)
class AutotuneResult:
    """The best arguments and how they were found."""

    best: Settings
    score: float
    trials: list[Trial]
    seconds: float
    interrupted: bool = False  # by Ctrl-C

    @property
    def options(self) -> config.Finetune:
        """Options of the best trial, to train with."""
        return self.best.options


class OutOfTime(Exception):
    """The deadline came; not an error."""


def autotune(
    train: Documents,
    valid: Documents,
    base: config.Finetune,
    fixed: Collection[str] = (),
    *,
    metric: str = "f1",
    predictions: int = 1,
    duration: float = 300.0,
    model_size: str = "",
    dsub: int = 2,
    seed: int = 0,
    engine: EngineChoice | Engine,
    deterministic: bool = False,
    threads: int | None = None,
    start: Start | None = None,
    on_trial: Callable[[Trial], None] = lambda trial: None,
    on_progress: Callable[[float], None] = lambda elapsed: None,
) -> AutotuneResult:
    """Search for `duration` seconds; the caller then trains with ``result.options``.

    Args:
        base: the first trial. ``dim`` defaults to the start's, or 100.
        fixed: names of `SEARCHED` that the user has set; they stay as in `base`.
        metric: see `Metric.parse`.
        predictions: labels predicted for each document (k).
        model_size: bytes (with k, M or G) that the model's `.ftz` may have; trials are then cut off,
            retrained, quantised (`fitting.fit`) and judged as such; one of too few rows for that is taken as it
            is if its `.bin` fits. "": not quantised.
        seed: of the moves and of every training.
        deterministic: of the cpu engine, see `load_engine`.
        threads: of the cpu engine, see `load_engine`.
        start: where tables start; default `Fresh`.
        on_trial: told of every trial.
        on_progress: told the seconds gone by, some times a second.

    Raises:
        UserError: an unreadable metric or size, an unknown label, nothing to score, or no trial that ended
            in time and fitted the size.

    Example:
        result = autotune(lines, held_out, config.Finetune(dim=100), {"dim"}, duration=60,
                          engine=choose_engine("cpu", "cpu"))
        result.score, result.options.lr
    """
    goal, size = Metric.parse(metric), parse_size(model_size)
    _refuse(base, predictions, duration, size)
    start = start or Fresh()
    base, fixed = with_dim(base, start), {*fixed, *(() if start.dim is None else ("dim",))}
    run = _Search(train, valid, goal, predictions, duration, seed, start, on_progress)
    run.size = size
    run.how = Conditions(
        load_engine(engine, deterministic, threads), seed, threads, deterministic, listeners=[run.check]
    )
    strategy = SEARCHES[base.head](Settings(base, dsub), fixed, seed)
    trials: list[Trial] = []
    interrupted = False
    while run.elapsed < duration and not interrupted:
        asked, begun = strategy.ask(run.elapsed / duration), run.elapsed
        if asked is None:
            break
        settings = asked
        score, outcome, note = float("nan"), "scored", ""
        figures: dict[str, float] = {}
        try:
            settings, score, figures = run.trial(settings, "epoch" in strategy.fixed)
        except OutOfTime as error:
            outcome, note = "no time", str(error)
        except (MemoryError, _TooLarge) as error:
            outcome, note = "no memory", str(error)
        except Diverged as error:
            outcome, note = "diverged", str(error)
        except TooSmall as error:
            outcome, note = "too small", str(error)
        except KeyboardInterrupt:
            outcome, interrupted = "stopped", True
        if not trials:
            strategy.told_words(run.words)
        better, by_chance = _judged(strategy, settings, score, run.right)
        note = note or by_chance
        run.longest = max(run.longest, run.elapsed - begun)
        if better:
            run.best_seconds = run.elapsed - begun
        made = Trial(
            len(trials) + 1, settings, outcome, score, better, begun, run.elapsed - begun, figures, note
        )
        trials.append(made)
        try:
            on_trial(made)
        except KeyboardInterrupt:
            interrupted = True
    if strategy.score == float("-inf"):
        if interrupted:
            raise KeyboardInterrupt
        raise _nothing_scored(trials, duration)
    return AutotuneResult(strategy.best, strategy.score, trials, run.elapsed, interrupted)


def _judged(
    strategy: Strategy, settings: Settings, score: float, right: np.ndarray | None
) -> tuple[bool, str]:
    """Whether a trial is the best so far, and why not where its score is the highest; one without a score (nan) is not."""
    ahead = score > strategy.score
    better = strategy.tell(settings, score, right)
    return better, CHANCE if ahead and not better else ""


def _nothing_scored(trials: list[Trial], duration: float) -> RunError:
    kinds = {trial.outcome for trial in trials}
    if kinds <= {"no time"}:
        return RunError(
            f"Didn't have enough time to train once in {duration:g} s: please increase `autotune-duration`, "
            "or give fewer epochs"
        )
    if "too small" in kinds:
        last = next(trial for trial in reversed(trials) if trial.outcome == "too small")
        return RunError(
            f"Couldn't fulfil model size constraint: please increase `autotune-modelsize` ({last.note})."
        )
    last = next(trial for trial in reversed(trials) if trial.outcome != "no time")
    return RunError(f"none of {len(trials)} trials gave a model; the last: {last.outcome} ({last.note})")


class _TooLarge(Exception):
    """A trial's tables would not fit."""


def _refuse(base: config.Finetune, predictions: int, duration: float, size: int | None) -> None:
    """What no search can start from."""
    if predictions < 1:
        raise InvalidOptions(f"autotunePredictions = {predictions}; give a number of labels from 1 up")
    if base.head != "sgd" and size is not None:
        raise InvalidOptions(
            f"head = {base.head} is not searched for a model's size; leave the size out, or set head=sgd"
        )
    if not duration > 0:
        raise InvalidOptions(f"autotuneDuration = {duration:g}; give seconds above 0")


class _Search:
    """What is shared by the trials: the text, its encodings, the clock, the speed measured so far."""

    def __init__(
        self, train: Documents, valid: Documents, goal: Metric, k: int, duration: float, seed: int,
        start: Start, on_progress: Callable[[float], None],
    ) -> None:  # fmt: skip
        self.began = time.perf_counter()
        self.train, self.valid, self.goal, self.k = train, valid, goal, k
        self.duration, self.seed, self.start, self.on_progress = duration, seed, start, on_progress
        self.how: Conditions
        self.size: int | None = None
        self.best_seconds = self.longest = 0.0
        self.counted: dict[tuple, Dictionary] = {}
        self.encoded: OrderedDict[tuple, tuple[Prepared, BagCorpus]] = OrderedDict()
        self.pace: list[float] = []  # seconds a unit of work took, see `work`
        self.right: np.ndarray | None = (
            None  # labels found of each document by the last trial, where they are all that counts
        )
        self.shrinking = 0.0  # the longest that fitting a model to the size took

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.began

    @property
    def words(self) -> list[str]:
        """Those of the text that have been counted, the commonest first."""
        words = next((dictionary.words for dictionary in self.counted.values()), [])
        return [word.decode("utf-8", "replace") for word in words[:COMMON]]

    def check(self, _progress: Progress | None = None) -> None:
        """Report the time, and give up the trial if there is none left."""
        self.on_progress(self.elapsed)
        if self.elapsed >= self.duration:
            raise OutOfTime("the time was over before its end")

    # ------------------------------------------------------------------------------------- one trial
    def trial(self, settings: Settings, keep_epochs: bool) -> tuple[Settings, float, dict[str, float]]:
        """Train and score; the settings come back with the epochs there was time for."""
        begun = self.elapsed
        prepared, held_out = self.prepared(settings.options)
        dictionary = prepared.dictionary
        column = self.goal.column(dictionary.labels)
        figures: dict[str, float] = {}
        if settings.options.head == "linear":
            options, tables = settings.options, self.linear(settings.options, prepared, held_out)
        else:
            assert settings.options.dim is not None  # of `with_dim`
            _require_memory(dictionary, settings.options.dim)
            settings = self.in_time(settings, prepared, begun, keep_epochs)
            options = settings.options.model_copy(update={"keep_best": False, "patience": 0})
            tables = self.stepwise(options, prepared)
        if self.size is not None:
            before = self.elapsed
            fitted = self.shrink(tables, prepared, settings.dsub, options)
            self.shrinking = max(self.shrinking, self.elapsed - before)
            if fitted.classic.quantized:
                held_out = renumber(held_out, dictionary, fitted.classic.dictionary)
                input, output = map(torch.from_numpy, dense(fitted.classic))
                tables = TwoTables(input, output)
            figures = {"cutoff": fitted.cutoff, "bytes": fitted.bytes}
        tree = huffman_tree(dictionary.label_counts) if options.loss == "hs" else None
        found = answer(
            tables, held_out, options.loss, self.k, seed=self.seed, tree=tree, check=self.judging(options)
        )
        if len(found.labels) == 0:
            raise MissingLabels(
                "no document of the validation set has a label of the training set and a feature; "
                "check its labels and their prefix"
            )
        self.right = right_of(found, held_out) if self.goal == Metric() else None
        figures |= {"precision": found.precision, "recall": found.recall, "documents": len(found.labels)}
        return settings, self.goal.score(found, column), figures

    def judging(self, options: config.Finetune) -> Callable[[], None]:
        """What looks at the clock while a trial is judged: a linear head, which is ready, is judged to its end."""
        return self.check if options.head == "sgd" else lambda: self.on_progress(self.elapsed)

    def stepwise(self, options: config.Finetune, prepared: Prepared) -> TwoTables:
        """Tables trained by steps."""
        with _quiet("ftcore.training.transfer"):  # what it warns of would come again with every trial
            tables, frozen = started(prepared.dictionary, options, self.how, self.start)
        self.check()
        work, before = self.work(options, prepared), self.elapsed
        self.fit(tables, prepared, options, frozen)
        self.pace.append((self.elapsed - before) / work)
        return TwoTables.over(tables)

    def linear(self, options: config.Finetune, prepared: Prepared, held_out: BagCorpus) -> TwoTables:
        """Those of a linear head, which tries less where the time is short; it is not begun where none would be left."""
        from ftcore.training.linear import fit_linear
        from ftcore.training.machines import TooLate

        begun, longest = self.elapsed, self.longest
        if longest > 2 * (self.duration - begun):
            raise OutOfTime(f"it may take {longest:.0f} s")

        def in_time() -> bool:
            return self.elapsed < begun + (self.duration - begun) / 2

        _require_memory(prepared.dictionary, prepared.dictionary.nlabels)
        with _quiet("ftcore.training.transfer"):
            vectors = self.start.pretrained_rows(prepared.dictionary, options, self.seed)
        options = options.model_copy(
            update={"refit": False, "self_training": 0}
        )  # what judges the trial has not taught it
        judged = replace(prepared, valid=held_out)
        try:
            return TwoTables.over(fit_linear(judged, options, vectors, self.how.threads, in_time)[0])
        except TooLate:
            raise OutOfTime("the time was over before any machine was ready") from None

    def fit(
        self, tables: TwoTables | Matrices, prepared: Prepared, options: config.Finetune,
        frozen: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Train the tables in place."""
        seconds = self.work(options, prepared) / max(options.epoch, 1) * self.unit
        fit(tables, prepared, options, replace(self.how, parts=1 + int(seconds / _LOOK)), frozen)

    def shrink(self, tables: TwoTables, prepared: Prepared, dsub: int, options: config.Finetune) -> Fitted:
        """A quantised model of at most the size that was asked for."""

        def retrain(cut: Model) -> Model:
            rest = Matrices(np.array(cut.input), np.array(cut.output))
            assert isinstance(prepared.train, BagCorpus)
            bags = renumber(prepared.train, prepared.dictionary, cut.dictionary)
            self.fit(rest, replace(prepared, dictionary=cut.dictionary, train=bags), options)
            return replace(cut, input=rest.input, output=rest.output)

        self.check()
        whole = as_model(prepared.dictionary, tables, options, self.seed)
        assert self.size is not None
        return shrunk(whole, self.size, dsub=dsub, retrain=retrain, threads=self.how.threads)

    def prepared(self, options: config.Finetune) -> tuple[Prepared, BagCorpus]:
        """What is trained on and what is scored, by the options' numbers; the latest used are kept."""
        counting = (options.min_count, options.min_count_label)
        if counting not in self.counted:
            self.counted[counting] = self.train.count(options)
        self.check()
        whole = self.counted[counting]
        found = whole.changed(options=options, bucket_rows=None)
        key = (*counting, options.word_ngrams, options.minn, options.maxn, found.bucket)
        if key not in self.encoded:
            dictionary = self.start.extend(found, options)
            bags = self.train.bags(dictionary, grow=True)
            self.check()
            prepared = Prepared(dictionary, bags, weights=self.train.weights(len(bags)))
            self.encoded[key] = prepared, self.valid.bags(dictionary, grow=False)
            self.check()
            limit = min(_KEPT, psutil.virtual_memory().available // 10)
            while len(self.encoded) > 1 and sum(map(_bytes, self.encoded.values())) > limit:
                self.encoded.popitem(last=False)
        self.encoded.move_to_end(key)
        return self.encoded[key]

    def work(self, options: config.Finetune, prepared: Prepared) -> float:
        """What a training costs, in units of one row of 100 numbers read and written."""
        dictionary, bags, dim = prepared.dictionary, prepared.train, options.dim
        assert dim is not None  # of `with_dim`
        scored = {"softmax": dictionary.nlabels, "ova": dictionary.nlabels, "ns": options.neg + 1, "hs": 12}
        a_document = scored[options.loss] / 2
        rows = len(bags.ids) + a_document * len(bags)
        return options.epoch * rows * (dim + 20) / 100

    @property
    def unit(self) -> float:
        """Seconds that a unit of work takes."""
        return float(np.median(self.pace[-9:])) if self.pace else _UNIT / self.how.backend().speed

    def in_time(self, settings: Settings, prepared: Prepared, begun: float, keep_epochs: bool) -> Settings:
        """The settings, with fewer epochs where they would take more than their share of the time."""
        if not self.pace:
            return settings
        seconds = self.work(settings.options, prepared) * self.unit
        left = 0.9 * (self.duration - self.elapsed - self.shrinking)
        share = max(self.duration * _SHARE, 2 * self.best_seconds) - (self.elapsed - begun)
        allowed = left if keep_epochs else min(left, share)
        epoch = int(settings.options.epoch * max(allowed, 0.0) / max(seconds, 1e-9))
        if epoch >= settings.options.epoch:
            return settings
        if keep_epochs or epoch < 1:
            raise OutOfTime(f"it would take about {seconds:.0f} s")
        return shorter(settings, epoch)


def _require_memory(dictionary: Dictionary, dim: int) -> None:
    """Refuse tables of which the whole (as a `.bin` has them) would not fit the free memory."""
    needed = 4 * dim * (dictionary.nwords + dictionary.bucket + dictionary.nlabels)
    free = psutil.virtual_memory().available
    if needed > free / 2:
        raise _TooLarge(f"its tables take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free")


def _bytes(encoding: tuple[Prepared, BagCorpus]) -> int:
    train, held_out = encoding[0].train, encoding[1]
    assert isinstance(train, BagCorpus)
    return sum(
        corpus.ids.nbytes + corpus.offsets.nbytes + corpus.targets.nbytes for corpus in (train, held_out)
    )


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
