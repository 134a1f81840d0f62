"""Scores of a classifier on labelled documents: overall, per language, per label, beside a baseline.

Shapes: N documents, C labels of the model, G gold pairs (document, label), K the largest `top_k`.

Rules that the figures follow:

* A prediction is the label of highest probability; equal ones go to the lower column. A document is
  right when that label is among its gold labels (one or several).
* Documents without a gold label take no part, as in fastText's `test`; `unlabelled_documents` counts them.
* Gold labels that training never saw (the model has no such label) stay in: nothing the model says about
  them can be right, and `tables["unseen_labels"]` lists them. A label that an earlier training taught and
  the last one did not hold is not unseen.
* Macro averages run over the labels of gold and training for which a figure exists, that is, which occur
  in gold or are predicted in the slice at hand (scikit-learn's rule). A training label that a slice neither
  holds nor gets as a prediction has F1 = 0/0 and is left out: a language that uses half of the labels is
  not punished for the other half. Elsewhere 0/0 counts as 0 (precision of a label never predicted).
* precision@k and recall@k are fastText's: hits over predictions made, hits over gold labels.
* The baseline is the classifier that answers every document with the frequencies of the training labels
  (of the gold labels when they are not given): its top label is the majority class. It goes through the
  same code, and its figures stand beside the model's with the prefix `majority_`.

Example:
    >>> report = evaluate_classification([["a"], ["b"]], np.array([[.9, .1], [.8, .2]]), ["a", "b"], ["en", "zh"])
    >>> report.metrics["accuracy"], report.metrics["zh/accuracy"]
    (0.5, 0.0)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ftcore.errors import MissingLabels, UserError

if TYPE_CHECKING:
    from pandas import DataFrame

BLOCK_CELLS = 1 << 22  # probabilities touched at a time: 16 MB of float32
CURVE_DOCUMENTS = 200_000  # precision-recall curves sort every label's column; more change no picture
CURVE_POINTS = 200
LANGUAGE_SCORES = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "micro_f1", "weighted_f1")
LANGUAGE_BASELINE = ("accuracy", "macro_f1", "weighted_f1")


@dataclass(frozen=True)
class ClassificationReport:
    """What `evaluate_classification` finds.

    ``metrics`` maps names legal in MLflow to figures: ``accuracy``, ``{macro,micro,weighted}_{precision,
    recall,f1}``, ``accuracy_at_k``, ``precision_at_k``, ``recall_at_k``, ``ece``, ``log_loss`` (nats a
    document), ``macro_average_precision``, ``documents``, ``unlabelled_documents``, ``unseen_labels``,
    ``unseen_documents``; each score again with ``majority_`` before it; per language ``zh/accuracy``, …,
    ``zh/documents``.

    ``tables`` maps names to frames:

    * per_label: label, precision, recall, f1, average_precision, support, predicted, train_documents
    * per_language: language, documents, scores, majority_ scores
    * confusion: gold, predicted, documents, share (of gold), only cells that occur
    * calibration: low, high, documents, confidence, accuracy
    * precision_recall: label ("" is the micro average), recall, precision, threshold
    * unseen_labels: label, documents, most_predicted
    """

    metrics: dict[str, float]
    tables: dict[str, DataFrame] = field(repr=False)


@dataclass(frozen=True)
class Gold:
    """Gold labels as pairs sorted by document, then label, without repeats."""

    document: np.ndarray  # int64[G]
    label: np.ndarray  # int64[G], columns of `names`
    names: list[str]  # the model's labels, then the unseen ones in alphabetical order
    known: int  # how many of `names` are the model's
    documents: int  # N

    @property
    def keys(self) -> np.ndarray:
        """(document, label) pairs as one number each: int64[G]."""
        return self.document * len(self.names) + self.label

    def hits(self, columns: np.ndarray) -> np.ndarray:
        """bool[N, k]: is the label in columns[n, k] gold for document n?"""
        keys, wanted = self.keys, np.arange(self.documents)[:, None] * len(self.names) + columns
        if not len(keys):
            return np.zeros(columns.shape, bool)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return keys[place] == wanted

    def rows(self, chosen: np.ndarray) -> Gold:
        """The same for the documents where bool[N] `chosen`, renumbered."""
        number = np.cumsum(chosen) - 1
        keep = chosen[self.document]
        return Gold(number[self.document[keep]], self.label[keep], self.names, self.known, int(chosen.sum()))


@dataclass(frozen=True)
class RankedLabels:
    """What is needed of the probabilities: [N, C] shrinks to [N, K] and [G]."""

    top: np.ndarray  # int64[N, K], columns by falling probability
    confidence: np.ndarray  # float64[N], probability of top[:, 0]
    gold_probability: np.ndarray  # float64[G], 0 for labels the model does not have

    def rows(self, chosen: np.ndarray, gold: Gold) -> RankedLabels:
        """Those of the chosen documents, bool[N]."""
        return RankedLabels(
            self.top[chosen], self.confidence[chosen], self.gold_probability[chosen[gold.document]]
        )


def encode_gold(gold: Sequence[Sequence[str]], labels: Sequence[str]) -> Gold:
    """Pairs (document, label number); labels the model lacks are numbered after its own."""
    lengths = np.fromiter(map(len, gold), np.int64, len(gold))
    flat = [str(label) for label in chain.from_iterable(gold)]
    known = set(labels)
    names = [*labels, *sorted(set(flat) - known)]
    number = {name: column for column, name in enumerate(names)}
    columns = np.fromiter((number[label] for label in flat), np.int64, len(flat))
    keys = np.unique(np.repeat(np.arange(len(gold)), lengths) * len(names) + columns)
    width = max(len(names), 1)
    return Gold(keys // width, keys % width, names, len(labels), len(gold))


def top_columns(probabilities: np.ndarray, k: int) -> np.ndarray:
    """int64[N, k]: columns by falling probability; equal ones in column order."""
    top = np.empty((len(probabilities), k), np.int64)
    for rows in _blocks(*probabilities.shape):
        if k > 8:
            top[rows] = np.argsort(-probabilities[rows], axis=1, kind="stable")[:, :k]
            continue
        block = probabilities[rows].copy() if k > 1 else probabilities[rows]
        for rank in range(k):  # a few passes of argmax are faster than a sort, and break ties the same way
            best = block.argmax(1)
            top[rows, rank] = best
            if rank + 1 < k:
                block[np.arange(len(block)), best] = -np.inf
    return top


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, BLOCK_CELLS // max(columns, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def evaluate_classification(
    gold: Sequence[Sequence[str]],
    probabilities: np.ndarray,
    labels: Sequence[str],
    languages: Sequence[str],
    *,
    top_k: Sequence[int] = (1, 3),
    bins: int = 15,
    train_counts: Mapping[str, int] | None = None,
) -> ClassificationReport:
    """Score probabilities [N, C] against gold labels, one or several a document.

    Args:
        gold: the labels of each document; one without any takes no part.
        probabilities: float[N, C].
        labels: the names of the C columns.
        languages: of each document; "" is reported as ``unknown``.
        top_k: ranks for precision, recall and accuracy at k.
        bins: of the calibration.
        train_counts: documents per label in training, for the baseline.

    Raises:
        UserError: lengths disagree, a label repeats, a probability is not finite, ``top_k`` holds a number
            below 1, or no document has a gold label.
    """
    labels = [str(label) for label in labels]
    probabilities = np.asarray(probabilities)
    _check(gold, probabilities, labels, languages, top_k, bins)

    pairs = encode_gold(gold, labels)
    labelled = np.zeros(len(gold), bool)
    labelled[pairs.document] = True
    if not labelled.any():
        raise MissingLabels(f"none of the {len(gold)} documents has a gold label: nothing to evaluate")
    if not labelled.all():
        probabilities, pairs = probabilities[labelled], pairs.rows(labelled)
    language = np.array([str(name) or "unknown" for name in languages])[labelled]

    top_k = sorted({min(k, len(labels)) for k in top_k} | {1})
    unseen = np.arange(len(pairs.names)) >= len(labels)
    model = _predictions(probabilities, pairs, top_k[-1])
    baseline = _baseline(pairs, top_k[-1], train_counts)

    metrics, label_rows, calibration = _scores(pairs, model, top_k, bins)
    base, _, _ = _scores(pairs, baseline, top_k, bins)
    curves, average_precision = _precision_recall(probabilities, pairs)
    in_gold = label_rows["support"] > 0
    metrics["macro_average_precision"] = float(average_precision[in_gold].mean())
    metrics.update({f"majority_{name}": value for name, value in base.items()})
    unseen_gold = unseen & in_gold
    metrics |= {
        "documents": float(pairs.documents),
        "unlabelled_documents": float(len(gold) - pairs.documents),
        "unseen_labels": float(unseen_gold.sum()),
        "unseen_documents": float(len(np.unique(pairs.document[unseen[pairs.label]]))),
    }

    language_rows = []
    for name in sorted(set(language.tolist())):
        chosen = language == name
        part = pairs.rows(chosen)
        ours, _, _ = _scores(part, model.rows(chosen, pairs), top_k, bins)
        theirs, _, _ = _scores(part, baseline.rows(chosen, pairs), top_k, bins)
        extra = [f"{kind}_at_{k}" for k in top_k if k > 1 for kind in ("precision", "recall")]
        row = {"documents": float(part.documents)}
        row |= {score: ours[score] for score in (*LANGUAGE_SCORES, *extra, "ece", "log_loss")}
        row |= {f"majority_{score}": theirs[score] for score in LANGUAGE_BASELINE}
        prefix = re.sub(r"[^\w.-]", "_", name)
        metrics |= {f"{prefix}/{score}": value for score, value in row.items()}
        language_rows.append({"language": name} | row | {"documents": part.documents})

    import pandas as pd

    label_rows["average_precision"] = average_precision
    if train_counts is not None:
        label_rows["train_documents"] = np.array([train_counts.get(name, 0) for name in pairs.names])
    tables = {
        "per_label": pd.DataFrame({"label": pairs.names} | label_rows),
        "per_language": pd.DataFrame(language_rows),
        "confusion": _confusion(pairs, model.top[:, 0]),
        "calibration": pd.DataFrame(calibration),
        "precision_recall": curves,
        "unseen_labels": _unseen_table(pairs, model.top[:, 0], unseen_gold),
    }
    return ClassificationReport(metrics, tables)


def _check(
    gold: Sequence[Sequence[str]],
    probabilities: np.ndarray,
    labels: list[str],
    languages: Sequence[str],
    top_k: Sequence[int],
    bins: int,
) -> None:
    if probabilities.ndim != 2:
        raise UserError(f"probabilities must be [documents, labels], not of shape {probabilities.shape}")
    if not len(gold) == len(probabilities) == len(languages):
        raise UserError(
            f"{len(gold)} gold entries, {len(probabilities)} rows of probabilities and "
            f"{len(languages)} languages: they must be as many"
        )
    if probabilities.shape[1] != len(labels):
        raise UserError(f"{probabilities.shape[1]} columns of probabilities for {len(labels)} labels")
    if len(set(labels)) != len(labels):
        raise UserError(f"a label occurs twice: {sorted(x for x in set(labels) if labels.count(x) > 1)[:5]}")
    if not top_k or min(top_k) < 1 or bins < 1:
        raise UserError(f"top_k must be numbers from 1 and bins at least 1, not {top_k!r} and {bins}")
    if any(isinstance(names, str) for names in gold[:100]):
        raise UserError("gold must hold a list of labels for each document, e.g. [['a'], ['a', 'b']]")
    for rows in _blocks(*probabilities.shape):
        if not np.isfinite(probabilities[rows]).all():
            bad = rows.start + int(np.argmin(np.isfinite(probabilities[rows]).all(1)))
            raise UserError(f"probabilities of document {bad} are not finite: {probabilities[bad][:8]}")


def _predictions(probabilities: np.ndarray, gold: Gold, k: int) -> RankedLabels:
    top = top_columns(probabilities, k)
    confidence = probabilities[np.arange(len(top)), top[:, 0]].astype(np.float64)
    of_gold = np.zeros(len(gold.label))
    known = gold.label < gold.known
    of_gold[known] = probabilities[gold.document[known], gold.label[known]]
    return RankedLabels(top, confidence, of_gold)


def _baseline(gold: Gold, k: int, train_counts: Mapping[str, int] | None) -> RankedLabels:
    if train_counts is None:
        counts = np.bincount(gold.label, minlength=len(gold.names))[: gold.known].astype(np.float64)
    else:
        counts = np.array([train_counts.get(name, 0) for name in gold.names[: gold.known]], np.float64)
    shares = counts / max(counts.sum(), 1.0)
    order = np.argsort(-shares, kind="stable")[:k]
    known = gold.label < gold.known
    of_gold = np.where(known, shares[np.where(known, gold.label, 0)], 0.0)
    n = gold.documents
    return RankedLabels(np.broadcast_to(order, (n, k)), np.full(n, shares[order[0]]), of_gold)


def _scores(
    gold: Gold, predictions: RankedLabels, top_k: Sequence[int], bins: int
) -> tuple[dict[str, float], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(metrics, columns per label [L], columns per calibration bin), L = len(gold.names)."""
    size, n = len(gold.names), gold.documents
    hits = gold.hits(predictions.top)
    first = predictions.top[:, 0]
    right = hits[:, 0]
    support = np.bincount(gold.label, minlength=size)
    predicted = np.bincount(first, minlength=size)
    true = np.bincount(first[right], minlength=size)
    precision, recall = ratio(true, predicted), ratio(true, support)
    f1 = ratio(2 * true, predicted + support)
    present = (support > 0) | (predicted > 0)
    weight = support / max(support.sum(), 1)
    metrics = {"accuracy": float(right.mean())}
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        metrics[f"macro_{name}"] = float(values[present].mean())
        metrics[f"weighted_{name}"] = float(values @ weight)
    total = int(true.sum())
    metrics["micro_precision"], metrics["micro_recall"] = total / n, total / max(len(gold.label), 1)
    metrics["micro_f1"] = 2 * total / (n + len(gold.label))
    for k in top_k:
        found = int(hits[:, :k].sum())
        metrics[f"precision_at_{k}"] = found / (n * k)
        metrics[f"recall_at_{k}"] = found / max(len(gold.label), 1)
        metrics[f"accuracy_at_{k}"] = float(hits[:, :k].any(1).mean())
    metrics["ece"], calibration = calibration_bins(predictions.confidence, right, bins)
    metrics["log_loss"] = _log_loss(gold, predictions.gold_probability)
    rows = {"precision": precision, "recall": recall, "f1": f1, "support": support, "predicted": predicted}
    return metrics, rows, calibration


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """float64[n]: 0 where the denominator is."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def calibration_bins(
    confidence: np.ndarray, right: np.ndarray, bins: int
) -> tuple[float, dict[str, np.ndarray]]:
    """Expected calibration error and its bins, for confidences float[N] and correctness bool[N].

    ECE = sum over bins of (documents in bin / N) * |mean accuracy - mean confidence|, equal-width bins
    (low, high] over [0, 1] (Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks",
    ICML 2017, eq. 3; Naeini, Cooper, Hauskrecht, AAAI 2015). Means of empty bins are NaN.

    Example:
        >>> round(calibration_bins(np.array([.9, .9, .6]), np.array([True, False, True]), 10)[0], 4)
        0.4
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, confidence, bins) / count
        accuracy = np.bincount(place, right, bins) / count
    ece = float(np.nansum(count * np.abs(accuracy - mean)) / max(len(confidence), 1))
    columns = {"low": edges[:-1], "high": edges[1:], "documents": count}
    return ece, columns | {"confidence": mean, "accuracy": accuracy}


def _log_loss(gold: Gold, probability: np.ndarray) -> float:
    """Mean over documents of -ln p, where p is averaged in logs over a document's gold labels.

    Clipped at float32's epsilon as scikit-learn does, so that an unseen label costs 15.9, not infinity.
    """
    loss = -np.log(np.clip(probability, np.finfo(np.float32).eps, 1.0))
    count = np.bincount(gold.document, minlength=gold.documents)
    return float((np.bincount(gold.document, loss, gold.documents) / count).mean())


def _confusion(gold: Gold, predicted: np.ndarray) -> DataFrame:
    """Cells that occur. A right document counts once, at (label, label); a wrong one at each gold label."""
    import pandas as pd

    size = len(gold.names)
    right = gold.hits(predicted[:, None])[:, 0]
    wrong = ~right[gold.document]
    cells = np.concatenate(
        [predicted[right] * (size + 1), gold.label[wrong] * size + predicted[gold.document[wrong]]]
    )
    cell, count = np.unique(cells, return_counts=True)
    rows = np.bincount(cell // size, count, size)
    names = np.array(gold.names, dtype=object)
    return pd.DataFrame(
        {
            "gold": names[cell // size],
            "predicted": names[cell % size],
            "documents": count,
            "share": count / rows[cell // size],
        }
    )


def confusion_matrix(confusion: DataFrame, labels: Sequence[str]) -> np.ndarray:
    """int64[L, L] for `labels` (rows gold, columns predicted) from the long table; other labels left out."""
    number = {name: place for place, name in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    for row in confusion.itertuples(index=False):
        if row.gold in number and row.predicted in number:
            matrix[number[row.gold], number[row.predicted]] += row.documents
    return matrix


def _unseen_table(gold: Gold, predicted: np.ndarray, unseen: np.ndarray) -> DataFrame:
    import pandas as pd

    rows = []
    for label in np.flatnonzero(unseen):
        answers = predicted[gold.document[gold.label == label]]
        common = int(np.bincount(answers).argmax())
        rows.append((gold.names[label], len(answers), gold.names[common]))
    return pd.DataFrame(rows, columns=["label", "documents", "most_predicted"])


def _precision_recall(probabilities: np.ndarray, gold: Gold) -> tuple[DataFrame, np.ndarray]:
    """Curves per label and micro, and average precision per label float64[L] (0 where there is none).

    Average precision is the step sum of (R_n - R_{n-1}) P_n, without interpolation. Above
    `CURVE_DOCUMENTS` documents an evenly spaced selection stands for all.
    """
    import pandas as pd

    n, columns = probabilities.shape
    if n > CURVE_DOCUMENTS:
        chosen = np.zeros(n, bool)
        chosen[np.linspace(0, n - 1, CURVE_DOCUMENTS).astype(np.int64)] = True
        probabilities, gold = probabilities[chosen], gold.rows(chosen)
    truth = np.zeros((gold.documents, columns), bool)
    known = gold.label < gold.known
    truth[gold.document[known], gold.label[known]] = True
    average = np.zeros(len(gold.names))
    frames = []
    positives = truth.sum(0)
    for column in [None, *np.flatnonzero(positives)]:
        score = probabilities.ravel() if column is None else probabilities[:, column]
        right = truth.ravel() if column is None else truth[:, column]
        precision, recall, threshold = _curve(score, right, len(gold.label) if column is None else None)
        if column is not None:
            average[column] = float(np.diff(recall, prepend=0.0) @ precision)
        few = np.unique(np.searchsorted(recall, np.linspace(0, recall[-1], CURVE_POINTS)))
        few = np.minimum(few, len(recall) - 1)
        name = "" if column is None else gold.names[column]
        frames.append(
            pd.DataFrame(
                {
                    "label": name,
                    "recall": recall[few],
                    "precision": precision[few],
                    "threshold": threshold[few],
                }
            )
        )
    return pd.concat(frames, ignore_index=True), average


def _curve(
    score: np.ndarray, right: np.ndarray, positives: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(precision, recall, threshold) at every distinct score, from the highest down."""
    order = np.argsort(-score, kind="stable")
    score, found = score[order], np.cumsum(right[order])
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # equal scores enter together
    positives = max(positives or int(found[-1]), 1)
    return found[last] / (last + 1), found[last] / positives, score[last]


def confident_errors(
    gold: Sequence[Sequence[str]],
    probabilities: np.ndarray,
    labels: Sequence[str],
    languages: Sequence[str],
    limit: int = 50,
) -> np.ndarray:
    """int64[≤ limit]: documents answered wrongly, the surest first, taking turns between languages.

    The surest errors are the ones worth reading: they show wrong gold labels and misleading words.

    Example:
        >>> confident_errors([["a"], ["b"]], np.array([[.9, .1], [.8, .2]]), ["a", "b"], ["en", "en"]).tolist()
        [1]
    """
    pairs = encode_gold(gold, [str(label) for label in labels])
    best = top_columns(probabilities, 1)
    labelled = np.bincount(pairs.document, minlength=len(gold)) > 0
    wrong = np.flatnonzero(~pairs.hits(best)[:, 0] & labelled)
    wrong = wrong[np.argsort(-probabilities[wrong, best[wrong, 0]], kind="stable")]
    return take_turns(wrong, languages)[:limit]


def take_turns(documents: np.ndarray, languages: Sequence[str]) -> np.ndarray:
    """The documents int64[n] in an order where the languages take turns, each language's own order kept.

    Example:
        >>> take_turns(np.array([4, 3, 0, 1]), ["zh", "en", "zh", "zh", "zh"]).tolist()
        [4, 1, 3, 0]
    """
    turn: dict[str, int] = {}
    turns = np.empty(len(documents), np.int64)
    for place, document in enumerate(documents):
        turns[place] = turn[languages[document]] = turn.get(languages[document], -1) + 1
    return documents[np.argsort(turns, kind="stable")]
