"""What to do about a classifier that learnt less than the text holds: warnings, each with its remedy.

Two signs, both seen before anybody looks at the errors: the loss of the last pass is hardly below that of
answering with the frequencies of the labels, whatever the text; the scores are below a baseline's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HARDLY = 0.9  # a loss above this share of the chance loss has hardly fallen
POINT = 0.01  # of accuracy or macro-F1 below a baseline that are worth a word
DOCUMENTS = 3  # and so many test documents: one of 40 is more than a point
TUNE = "`python -m flows.tune` searches for better ones"


def advice(metrics: Mapping[str, float], trained: Mapping[str, Any]) -> list[str]:
    """Warnings about a finished run, none where all is well.

    Args:
        metrics: of the evaluation, ``majority_`` and ``linear_`` baselines included where there are any.
        trained: the training's ``settled`` (epoch, lr, dropout), ``loss``, ``chance_loss``.

    Example:
        >>> trained = {"settled": {"epoch": 5, "lr": 0.1, "dropout": 0}, "loss": 2.30, "chance_loss": 2.302}
        >>> advice({"accuracy": 0.1, "macro_f1": 0.1, "documents": 100}, trained)[0][:42]
        'the training loss hardly fell: 2.300 nats,'
    """
    found = []
    loss, chance = trained.get("loss"), trained.get("chance_loss")
    stuck = bool(loss is not None and chance and not loss < HARDLY * chance)
    if stuck:
        found.append(
            f"the training loss hardly fell: {loss:.3f} nats, where answering with the labels' frequencies "
            f"costs {chance:.3f}; {_remedy(metrics, trained)}"
        )
    for prefix, name in (("linear_", "linear TF-IDF baseline"), ("majority_", "majority class")):
        short = _shortfall(metrics, prefix)
        if short and not (prefix == "majority_" and found):
            found.append(f"{short} the {name}; {_remedy(metrics, trained)}")
    return found


def _shortfall(metrics: Mapping[str, float], prefix: str) -> str:
    """``accuracy .36 is 43.0 points below (.79)`` or ""."""
    for name, title in (("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
        ours, theirs = metrics.get(name), metrics.get(prefix + name)
        if ours is None or theirs is None:
            continue
        gap = theirs - ours
        if gap > POINT and gap * metrics.get("documents", 0) >= DOCUMENTS:
            return f"{title} {ours:.4f} is {100 * gap:.1f} points below {theirs:.4f} of"
    return ""


def _remedy(metrics: Mapping[str, float], trained: Mapping[str, Any]) -> str:
    """The options to set: what ``auto`` would choose where less was given, else the search."""
    linear, majority = metrics.get("linear_accuracy"), metrics.get("majority_accuracy")
    if linear is not None and majority is not None and linear <= majority + POINT:
        return "the linear baseline learns nothing either: check that the labels follow from the text"
    settled, auto = trained["settled"], trained.get("auto", {})
    if trained.get("head") == "linear":
        return f"set finetune.head=auto, which tries other n-grams, or finetune.head=sgd, for which {TUNE}"
    less = [n for n in ("epoch", "lr") if n in auto and settled[n] < auto[n]]
    if less:
        return f"set {' '.join(f'finetune.{n}={auto[n]:g}' for n in less)} (or leave them out), or {TUNE}"
    return f"set finetune.epoch={2 * max(settled['epoch'], 5)} finetune.word_ngrams=2, or {TUNE}"
