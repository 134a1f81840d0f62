"""`train_supervised(..., autotuneValidationFile=…)`: search, train with the best, shrink to the size asked for.

Source: fastText 0.9.3 ``src/autotune.cc`` (``train``, ``quantize``, ``printInfo``). The search itself is
`ftcore.training.autotune`, the fitting to a size `ftcore.training.fitting`.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TextIO

from ftcore.compat.arguments import FIELDS, Arguments, Autotune
from ftcore.compat.reading import Reading
from ftcore.compat.training import Trained, conditions, ready, starting_point, train, train_on
from ftcore.config import Finetune
from ftcore.errors import RunError, UserError
from ftcore.model.model import Args, Model
from ftcore.option_table import API
from ftcore.training.autotune import Trial, autotune
from ftcore.training.fitting import TooSmall, fit, parse_size
from ftcore.training.search import FOUND, SEARCHED


def tune(arguments: Arguments) -> Trained:
    """The model of the best arguments found in ``autotuneDuration`` seconds.

    Arguments that were given stay; those found are the model's attributes. With ``autotuneModelSize`` the
    model is quantised so that its file fits.

    Raises:
        UserError: no such file, an unknown metric, not enough time to train once, a size out of reach.
    """
    arguments = ready(arguments)
    args, wanted, given = arguments.args, arguments.autotune, arguments.extras.sample_weights
    if given is not None and not isinstance(given, str):  # read by the search and by the last training
        arguments = replace(arguments, extras=replace(arguments.extras, sample_weights=list(given)))
    watch = _Watch(arguments.verbose, wanted.duration)
    fixed = {FIELDS.get(name, name) for name in arguments.manual} & set(SEARCHED)
    if arguments.pretrained or arguments.extras.init_model is not None:
        fixed |= {"dim"}  # the rows' size
    watch.skipped(fixed)
    held_out = _validation(wanted, args)
    options = arguments.judged()
    assert isinstance(options, Finetune)  # a search is for classifiers
    if options.head == "auto" and "dim" not in arguments.manual:  # who does not choose need not know the size
        options = options.model_copy(update={"dim": None})
    paired = args.minn > 0 and "minn" in fixed and "maxn" not in fixed  # the search pairs them,
    if paired and args.bucket > 0:  # where there are rows for n-grams
        options = options.model_copy(
            update={"minn": args.minn, "maxn": max(args.minn, min(args.minn + 3, 30))}
        )
    how = conditions(args)
    found = autotune(
        Reading(arguments.input, args, arguments.extras.sample_weights),
        held_out,
        options,
        fixed,
        metric=wanted.metric,
        predictions=wanted.predictions,
        duration=wanted.duration,
        model_size=wanted.model_size,
        seed=args.seed,
        engine=how.engine,
        deterministic=how.deterministic,
        threads=how.threads,
        start=starting_point(arguments),
        on_trial=watch.trial,
        on_progress=watch.progress,
    )
    best = {name: getattr(found.options, name) for name in FOUND if name != "dsub"}
    made = replace(args, **{name: value for name, value in best.items() if name not in ("head", "refit")})
    extras = replace(arguments.extras, head=best["head"], refit=best["refit"])
    if extras.head == "linear" and extras.valid is None:
        extras = replace(
            extras, valid=wanted.validation
        )  # which chooses its strength, as it did in the search
    if made.word_ngrams <= 1 and made.maxn == 0:
        made = replace(made, bucket=0)
    watch.best(best)
    trained = train(replace(arguments, args=made, autotune=Autotune(), extras=extras))
    size = parse_size(wanted.model_size)
    if size is None:
        return trained
    return trained._replace(model=shrink(trained.model, arguments, size, found.best.dsub))


def shrink(model: Model, arguments: Arguments, size: int, dsub: int) -> Model:
    """Cut off, retrain and quantise a model, so that its file has at most `size` bytes."""

    def retrain(cut: Model) -> Model:
        return train_on(cut, arguments.input, arguments.verbose)

    linear = arguments.extras.head == "linear"  # which has nothing to go on with
    try:
        return fit(
            model, size, dsub=dsub, retrain=None if linear else retrain, threads=arguments.args.thread
        ).classic
    except TooSmall as error:
        raise RunError(
            f"Couldn't fulfil model size constraint: please increase `autotune-modelsize` (now {size} bytes: {error})."
        ) from None


def _validation(wanted: Autotune, args: Args) -> Reading:
    try:
        return Reading(wanted.validation, args)
    except UserError as error:
        raise error.reworded(f"Validation file cannot be opened! ({error})") from None


class _Watch:
    """What the search says on standard error: trials and the best score, as the original's line has them."""

    def __init__(self, verbose: int, duration: float, stream: TextIO | None = None) -> None:
        self.verbose, self.duration, self.stream = verbose, duration, stream or sys.stderr
        self.trials, self.score, self._said = 0, float("nan"), 0.0
        self._live = hasattr(self.stream, "isatty") and self.stream.isatty()

    def skipped(self, fixed: set[str]) -> None:
        """Arguments that stay as they were given."""
        if self.verbose > 0:
            for name in sorted(API.get(name, name) for name in fixed):
                self._say(
                    f"Warning : {name} is manually set to a specific value. It will not be automatically optimized."
                )

    def trial(self, trial: Trial) -> None:
        """One more."""
        self.trials = trial.number
        if trial.best:
            self.score = trial.score
        if self.verbose > 1 and not self._live and trial.best:
            self._say(self._line(trial.begun + trial.seconds))

    def progress(self, elapsed: float) -> None:
        """Seconds gone by."""
        now = time.monotonic()
        if self.verbose > 1 and self._live and now - self._said >= 0.2:
            self._said = now
            print("\r" + self._line(elapsed), end="", file=self.stream, flush=True)

    def best(self, options: dict) -> None:
        """The search is over."""
        if self.verbose > 0:
            shown = ", ".join(f"{API[name]} {value}" for name, value in options.items())
            self._say(("\n" if self._live else "") + f"Training again with best arguments: {shown}")

    def _line(self, elapsed: float) -> str:
        left = int(max(self.duration - elapsed, 0))
        score = "unknown" if self.score != self.score else f"{self.score:.6f}"
        eta = f"{left // 3600:3}h{left % 3600 // 60:2}m{left % 60:2}s"
        share = min(100 * elapsed / self.duration, 100.0)
        return f"Progress: {share:5.1f}% Trials: {self.trials:4} Best score: {score:>9} ETA: {eta}"

    def _say(self, text: str) -> None:
        print(text, file=self.stream, flush=True)
