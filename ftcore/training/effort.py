"""How often to see each document, at what rate, and how much of it: what ``auto`` stands for in fine-tuning.

A classifier learns by updates, one a document: 1,000 documents need many passes for what 1,000,000 learn in
one. A document seen often is learnt by heart, so the more passes, the larger the share of its features that
is left out each time (dropout). The figures were chosen on validation splits (`benchmarks.defaults`).

Example:
    >>> settle(config.AutoFinetune(), documents=1_000, features=10_000, labels=10).epoch
    100
    >>> settle(config.AutoFinetune(), documents=10_000_000, features=10**9, labels=10).epoch
    5
"""

from __future__ import annotations

import numpy as np

from ftcore import config
from ftcore.dictionary.encode import BagCorpus

LEAST, MOST = 5, 100  # passes: fastText's own number, and where more changed nothing
UPDATES = 300_000  # documents seen, all passes together
FEATURES = 12_000_000  # words and n-grams seen; long documents learn more an update, and cost more
DROPOUT = 0.5
ONCE = {"epoch": 1, "lr": 0.1, "dropout": 0.0, "keep_best": False}  # of a head that is not trained by steps
GENTLY = 10  # passes up to which less than `DROPOUT` is left out


def settle(options: config.AutoFinetune, *, documents: int, features: int, labels: int) -> config.Finetune:
    """The options with a number for every ``auto``; a function of the three counts of the train split.

    Args:
        documents: with a feature and a label, B.
        features: of all documents together, one that occurs twice counts twice.
        labels: C.
    """
    values = options.model_dump()
    if options.head == "default":  # which head the texts ask for is said before (`tasks.head`)
        values["head"] = "sgd"
    if options.head == "linear":  # has one optimum, and neither passes nor a rate
        values |= {name: value for name, value in ONCE.items() if values[name] == "auto"}
        return config.Finetune(**values)
    if options.epoch == "auto":
        values["epoch"] = passes(documents, features)
    if options.lr == "auto":
        values["lr"] = rate(labels)
    if options.dropout == "auto":
        values["dropout"] = left_out(values["epoch"])
    if options.keep_best == "auto":
        # a small validation split chooses by luck; with dropout nothing is learnt by heart that it could stop
        values["keep_best"] = values["dropout"] == 0 or options.patience > 0
    return config.Finetune(**values)


def passes(documents: int, features: int) -> int:
    """Enough for `UPDATES` documents or `FEATURES` features, whichever is reached first.

    Example:
        >>> passes(10_000, 100_000), passes(25_000, 6_000_000)
        (30, 5)
    """
    wanted = min(UPDATES / max(documents, 1), FEATURES / max(features, 1))
    return min(max(round(wanted), LEAST), MOST)


def rate(labels: int) -> float:
    """A quarter for few labels; many labels share the updates, so each needs longer steps: a half."""
    return 0.5 if labels > 20 else 0.25


def left_out(epoch: int) -> float:
    """Nothing up to `LEAST` passes, from there on rising to `DROPOUT`.

    Example:
        >>> left_out(5), left_out(8), left_out(100)
        (0.0, 0.3, 0.5)
    """
    return round(DROPOUT * min(max(epoch - LEAST, 0) / (GENTLY - LEAST), 1.0), 2)


def usable(bags: BagCorpus) -> dict[str, int]:
    """What `settle` goes by: documents that can be trained on, their features, and the labels that occur."""
    sizes, marks = np.diff(bags.offsets), np.diff(bags.target_offsets)
    part = (sizes > 0) & (marks > 0)
    return {
        "documents": int(part.sum()),
        "features": int(sizes[part].sum()),
        "labels": len(np.unique(bags.targets)),
    }


def describe(settled: config.Finetune, *, documents: int, features: int, labels: int) -> str:
    """One line for the log.

    Example:
        >>> describe(config.Finetune(epoch=30, lr=0.5, dropout=0.5), documents=10_000, features=90_000, labels=77)
        'epoch 30, lr 0.5, dropout 0.5 for 10,000 documents, 90,000 features, 77 labels'
    """
    if settled.head == "linear":
        return f"head linear for {documents:,} documents, {features:,} features, {labels:,} labels"
    return (
        f"epoch {settled.epoch}, lr {settled.lr:g}, dropout {settled.dropout:g} "
        f"for {documents:,} documents, {features:,} features, {labels:,} labels"
    )


def chance_loss(counts: np.ndarray, documents: int, options: config.Finetune) -> float | None:
    """Nats a document that the best answer without looking at the text costs; None where it says nothing.

    Args:
        counts: int64[C], training documents with each label.
        documents: B, of the training.

    Example:
        >>> round(chance_loss(np.array([50, 50]), 100, config.Finetune()), 4)
        0.6931
    """
    counts = counts[counts > 0].astype(np.float64)
    if options.class_weights != "none" or options.loss == "ns" or not len(counts):
        return None  # weighted losses and sampled negatives are on scales of their own
    if options.loss == "ova":
        shares = np.minimum(counts / max(documents, 1), 1 - 1e-12)
        return float(-(shares * np.log(shares) + (1 - shares) * np.log1p(-shares)).sum())
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())
