"""Scores of all the labels that a model says of a document, those that reach their thresholds.

N documents, C labels of the model. Gold labels that the model does not have count: they are missed. Documents
without a gold label take no part. Elsewhere 0/0 counts as 0; macro averages run over the labels that are gold or
said (scikit-learn's rule).

Example:
    >>> found = score_at_thresholds([["a", "b"], ["b"]], np.array([[.9, .6], [.2, .4]]), ["a", "b"], ["en", "en"], np.array([.5, .5]))
    >>> found.metrics["subset_accuracy"], round(found.metrics["threshold_micro_f1"], 3)
    (0.5, 0.8)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.evaluation.metrics import Gold, encode_gold, ratio


@dataclass(frozen=True)
class MultilabelReport:
    """What `score_at_thresholds` finds.

    metrics: ``threshold_{micro,macro}_{precision,recall,f1}``, ``subset_accuracy`` (all labels right and none
        missing), ``labels_said`` and ``labels_gold`` a document; per language ``zh/threshold_micro_f1`` and
        ``zh/subset_accuracy``.
    per_label: label -> threshold, threshold_precision, threshold_recall, threshold_f1, threshold_said.
    """

    metrics: dict[str, float]
    per_label: dict[str, dict[str, float]]


def score_at_thresholds(
    gold: Sequence[Sequence[str]],
    probabilities: np.ndarray,
    labels: Sequence[str],
    languages: Sequence[str],
    thresholds: np.ndarray,
) -> MultilabelReport:
    """Score probabilities [N, C] at thresholds [C] against gold labels, one or several a document."""
    pairs = encode_gold(gold, labels)
    labelled = np.bincount(pairs.document, minlength=len(gold)) > 0
    pairs, rows = pairs.rows(labelled), np.flatnonzero(labelled)
    document, label = _said(probabilities, rows, thresholds)
    right = np.isin(document * len(pairs.names) + label, pairs.keys)
    size = len(pairs.names)
    true, said = np.bincount(label[right], minlength=size), np.bincount(label, minlength=size)
    support = np.bincount(pairs.label, minlength=size)
    precision, recall, f1 = ratio(true, said), ratio(true, support), ratio(2 * true, said + support)
    present = (support > 0) | (said > 0)
    metrics = {
        "threshold_macro_precision": float(precision[present].mean()),
        "threshold_macro_recall": float(recall[present].mean()),
        "threshold_macro_f1": float(f1[present].mean()),
        "labels_said": len(label) / max(len(rows), 1),
        "labels_gold": len(pairs.label) / max(len(rows), 1),
    } | _overall(pairs, document, right, np.ones(len(rows), bool))
    spoken = np.array([str(name) or "unknown" for name in languages])[labelled]
    for name in sorted(set(spoken.tolist())):
        own = _overall(pairs, document, right, spoken == name)
        prefix = re.sub(r"[^\w.-]", "_", name)
        metrics |= {f"{prefix}/{k}": own[k] for k in ("threshold_micro_f1", "subset_accuracy")}
    per_label = {
        name: {
            "threshold": float(thresholds[i]) if i < len(thresholds) else float("nan"),
            "threshold_precision": float(precision[i]),
            "threshold_recall": float(recall[i]),
            "threshold_f1": float(f1[i]),
            "threshold_said": int(said[i]),
        }
        for i, name in enumerate(pairs.names)
    }
    return MultilabelReport(metrics, per_label)


def _said(
    probabilities: np.ndarray, rows: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (document, column) that reach their threshold."""
    found = [
        np.argwhere(probabilities[rows[at : at + 4096]] >= thresholds) + (at, 0)
        for at in range(0, len(rows), 4096)
    ]
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *found])
    return pairs[:, 0], pairs[:, 1]


def _overall(pairs: Gold, document: np.ndarray, right: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
    """Micro averages and subset accuracy of the documents where bool[N] `chosen`."""
    n = len(chosen)
    said, gold = np.bincount(document, minlength=n), np.bincount(pairs.document, minlength=n)
    true = np.bincount(document[right], minlength=n)
    whole = (true == said) & (true == gold)
    hits, said_all, gold_all = (float(counts[chosen].sum()) for counts in (true, said, gold))
    return {
        "threshold_micro_precision": hits / said_all if said_all else 0.0,
        "threshold_micro_recall": hits / gold_all if gold_all else 0.0,
        "threshold_micro_f1": 2 * hits / (said_all + gold_all) if gold_all else 0.0,
        "subset_accuracy": float(whole[chosen].mean()) if chosen.any() else 0.0,
    }
