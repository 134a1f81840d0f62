"""Which documents to label next: those that a model is least sure of, none nearly a copy of another.

Margin sampling (Scheffer et al., "Active hidden Markov models for information extraction", 2001): the document comes first whose two
best labels are nearest to one another. Seeking unlike documents among the unsure ones (core-sets, k-means++ over gradients)
finds odd texts rather than telling ones (``docs/log.md``). Features that the model does not know make a text's mean, and with it the
difference, small whatever the others say; the order is by the mean over those that it knows.

Shapes: B documents, C labels, F features.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore.errors import UnreadableFile, UserError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ftcore.model.model import Model

ALIKE = 0.8  # cosine of the counts of two documents' features, from which one is as good as the other
MOST = 4  # times as many documents as are wanted: the least sure of all, among which copies are passed over


@dataclass(frozen=True)
class ToLabel:
    """A document worth a label.

    Attributes:
        row: its place among the documents.
        label: what the model says of it.
        probability: of that label.
        margin: how far it is ahead of the next label's.
    """

    row: int
    label: str
    probability: float
    margin: float


def label_next(model: Model, lines: Sequence[str], count: int) -> list[ToLabel]:
    """The documents whose labels would teach the model most, the best first.

    Args:
        model: a classifier of one label a document.
        lines: documents without labels, as the model's tokenizer cuts them: tokens joined by spaces.
        count: how many are wanted.

    Raises:
        UserError: a model without two labels, no document, a count below 1.

    Example:
        ``[lines[one.row] for one in label_next(model, lines, 100)]``
    """
    from ftcore.inference.classifier import Classifier

    if len(model.labels) < 2:
        raise UserError("the model has no two labels between which it could be unsure")
    if count < 1:
        raise UserError(f"count = {count}: ask for one document at least")
    if not lines:
        raise UserError("there is no document to choose from")
    probabilities = Classifier(model, fold=False).probabilities(lines)  # as the model says them
    two = np.sort(probabilities, axis=1)[:, -2:]
    margins = two[:, 1] - two[:, 0]
    some = np.argsort(_margins(model, lines), kind="stable")[: MOST * count]
    chosen = some[unlike(feature_counts(model, [lines[i] for i in some]), count)]
    top = probabilities.argmax(axis=1)
    labels = [str(label) for label in model.labels]
    return [ToLabel(int(i), labels[top[i]], float(two[i, 1]), float(margins[i])) for i in chosen.tolist()]


def label_next_of(
    model: Model, source: str | Path, output: str | Path, count: int, field: str = "text"
) -> tuple[int, int]:
    """Write those records of a file that are worth a label, the best first, with what the model says of each.

    Args:
        model: as `label_next` takes it; one without a tokenizer of its own reads tokens.
        source: JSON lines without labels.
        output: JSON lines: the records with ``said``, ``probability`` and ``margin``.
        count: how many are wanted.
        field: with the text.

    Returns:
        how many were written, and how many there are.

    Raises:
        UserError: a file or line that cannot be read (it names both), and those of `label_next`.
    """
    from ftcore.base.files import atomic_file
    from ftcore.text.tokenizer import Whitespace

    records = _records(source, field)
    tokenizer = model.tokenizer or Whitespace()
    chosen = label_next(model, tokenizer.tokenize([record[field] for record in records]), count)
    with atomic_file(output) as file:
        for one in chosen:
            said = {
                "said": one.label,
                "probability": round(one.probability, 4),
                "margin": round(one.margin, 4),
            }
            file.write(json.dumps(records[one.row] | said, ensure_ascii=False).encode() + b"\n")
    return len(chosen), len(records)


def _records(path: str | Path, field: str) -> list[dict]:
    made = []
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be read as UTF-8 text ({error}); correct the path") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UnreadableFile(f"{path}:{number}: no JSON ({error}); write one object a line") from error
        if not isinstance(record, dict) or not isinstance(record.get(field), str):
            raise UnreadableFile(
                f"{path}:{number}: has no text in the field {field!r}; name another with --text"
            )
        made.append(record)
    return made


def _margins(model: Model, lines: Sequence[str]) -> np.ndarray:
    """float64[B], how far the best label is ahead of the next where a score is the mean over the features with a row."""
    from ftcore.inference.classifier import Classifier, probabilities

    found = np.concatenate([scores for _, scores in Classifier(model, fold=False).scores(lines)]).astype(
        np.float64
    )
    if model.args.loss != "hs":  # whose scores are no means
        ids, offsets = model.dictionary.features_of(lines, label=model.args.label or None)
        before = np.append(0, np.cumsum(model.dictionary.to_rows(ids) >= 0))
        known = before[offsets[1:]] - before[offsets[:-1]]
        found *= (np.diff(offsets) / np.maximum(known, 1))[:, None]
    two = np.sort(probabilities(found, model.args.loss), axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]


def unlike(counts: csr_matrix, count: int) -> np.ndarray:
    """The first rows int64[n] of which none is nearly a copy of one before; where these are too few, the copies follow.

    Args:
        counts: float32[B, F].
        count: n, where there are as many.
    """
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    units = counts.multiply(1 / np.where(lengths > 0, lengths, 1)[:, None]).tocsr()
    near = (units @ units.T).tocsr()
    copies = np.zeros(len(lengths), np.bool_)
    taken: list[int] = []
    for row in range(len(lengths)):
        if len(taken) == count:
            break
        if copies[row]:
            continue
        taken.append(row)
        here = slice(near.indptr[row], near.indptr[row + 1])
        copies[near.indices[here][near.data[here] >= ALIKE]] = True
    rest = [row for row in range(len(lengths)) if row not in set(taken)]
    return np.array([*taken, *rest][:count], np.int64)


def feature_counts(model: Model, lines: Sequence[str]) -> csr_matrix:
    """float32[B, F]: how often each feature of the model's occurs in each line; the end of line, which all have, is left out."""
    from scipy.sparse import csr_matrix

    dictionary = model.dictionary
    ids, offsets = dictionary.features_of(lines, eos=False, label=model.args.label or None)
    shape = (len(lines), dictionary.nwords + dictionary.bucket)
    made = csr_matrix((np.ones(len(ids), np.float32), ids, offsets), shape)
    made.sum_duplicates()
    return made
