"""A classifier on held-out documents: loss, accuracy, macro-F1 while it trains, then from which probability on a label is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus, documents
from ftcore.model.losses import HuffmanTree, log_probabilities
from ftcore.model.module import TwoTables, make_bags
from ftcore.model.thresholds import Thresholds, fitted_thresholds
from ftcore.training.documents import Tokenized

_DOCUMENTS = 1024  # scored at a time


@torch.no_grad()
def validate(
    tables: TwoTables, corpus: BagCorpus, loss: str, *, seed: int = 0, tree: HuffmanTree | None = None
) -> dict[str, float]:
    """Loss (nats a document), accuracy and macro-F1 of the top label.

    A document whose gold labels are all unknown counts as an error and has no part in the loss. With
    several gold labels the prediction is right if it is one of them, and every gold label that was not
    predicted is a miss (for ova, labels above one half are predicted too). Macro-F1 is over the labels
    that are gold or predicted somewhere.

    The loss is minus the log probability of the gold labels' mean for softmax and hs, the sum of the
    yes/no losses over all labels for ova and ns; it draws nothing at random.

    Args:
        seed: of the model; makes the rows of buckets that have none.
        tree: needed for hs.
    """
    device = tables.input.device
    size, classes = len(corpus), len(tables.output)
    hit, total, counted = 0, 0.0, 0
    true_C, gold_C, said_C = (np.zeros(classes, dtype=np.int64) for _ in range(3))
    features = Ragged(corpus.ids, corpus.offsets)
    labels = Ragged(corpus.targets, corpus.target_offsets)
    for start in range(0, size, _DOCUMENTS):
        some = np.arange(start, min(start + _DOCUMENTS, size))
        part = features.take(some)
        bags = make_bags(part.values, part.offsets, seed, tables.dim).to(device)
        logits_BC = tables(bags.ids, bags.offsets, bags.absent)
        gold_BC = _multi_hot(labels.take(some), classes)
        log_p_BC = log_probabilities(logits_BC, loss, tree)
        top_B = log_p_BC.argmax(1).cpu().numpy()
        said_BC = np.zeros_like(gold_BC)
        if loss == "ova":
            said_BC |= logits_BC.cpu().numpy() > 0
        said_BC[np.arange(len(some)), top_B] = True
        labelled_B = gold_BC.any(1)
        total += _loss(log_p_BC, logits_BC, torch.from_numpy(gold_BC).to(device), loss)
        counted += int(labelled_B.sum())
        hit += int(gold_BC[np.arange(len(some)), top_B].sum())
        true_C += (gold_BC & said_BC).sum(0)
        gold_C += gold_BC.sum(0)
        said_C += said_BC.sum(0)
    seen = (gold_C + said_C) > 0
    f1_C = 2 * true_C / np.maximum(gold_C + said_C, 1)
    return {
        "loss": total / max(counted, 1),
        "accuracy": hit / max(size, 1),
        "macro_f1": float(f1_C[seen].mean()) if seen.any() else 0.0,
    }


def choose_thresholds_on(
    held_out: Tokenized | None,
    probabilities: Callable[[Iterable[str | bytes]], np.ndarray],
    labels: Sequence[Any],
    option: str | float,
    several: bool,
) -> Thresholds | None:
    """What `config.Finetune.threshold` asks for, "auto" chosen on held-out documents.

    Args:
        probabilities: lines of tokens -> float32[N, C], the model's answer (`Classifier.probabilities`).
        labels: C, the model's.
        option: "auto", "off" or a number.
        several: whether a text may have several labels.
    """
    if option != "auto" or not several or held_out is None:
        return fitted_thresholds(option, several, None, labels)
    gold, lines = [], []
    for names, line in documents(held_out.batches()):
        gold.append(names)
        lines.append(line)
    return fitted_thresholds(option, several, (gold, probabilities(lines)), labels)


def _loss(log_p_BC: Tensor, logits_BC: Tensor, gold_BC: Tensor, loss: str) -> float:
    labelled_B = gold_BC.any(1)
    truth_BC = gold_BC[labelled_B].to(log_p_BC.dtype)
    if loss in ("softmax", "hs"):
        share_BC = truth_BC / truth_BC.sum(1, keepdim=True)
        return float(-torch.where(share_BC > 0, log_p_BC[labelled_B], 0.0).mul(share_BC).sum())
    score_BC = logits_BC[labelled_B]
    return float(torch.nn.functional.binary_cross_entropy_with_logits(score_BC, truth_BC, reduction="sum"))


def _multi_hot(labels: Ragged, classes: int) -> np.ndarray:
    """Which labels each document has: bool[B, C]."""
    gold_BC = np.zeros((len(labels), classes), dtype=bool)
    gold_BC[np.repeat(np.arange(len(labels)), labels.sizes), labels.values] = True
    return gold_BC
