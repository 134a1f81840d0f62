"""Which documents to label next: those that a model is least sure of, and unlike one another.

Greedy: each document taken is the one of the largest product of how unsure the model is of it and how far it lies from
those taken before (uncertainty with diversity, after Sener & Savarese, "Active learning for CNNs: a core-set approach",
ICLR 2018, and margin sampling, Scheffer et al., 2001).

Shapes: B documents, C labels, D numbers of a document's vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ftcore.errors import UserError

if TYPE_CHECKING:
    from ftcore.model.model import Model

MOST = 20  # times as many documents as are wanted: the least sure of all, among which unlike ones are sought


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
    probabilities = Classifier(model, fold=False).probabilities(lines)
    two = np.sort(probabilities, axis=1)[:, -2:]
    margins = two[:, 1] - two[:, 0]
    some = np.argsort(margins, kind="stable")[: MOST * count]
    chosen = some[spread(document_vectors(model, [lines[i] for i in some]), 1 - margins[some], count)]
    top = probabilities.argmax(axis=1)
    labels = [str(label) for label in model.labels]
    return [ToLabel(int(i), labels[top[i]], float(two[i, 1]), float(margins[i])) for i in chosen.tolist()]


def spread(vectors: np.ndarray, worth: np.ndarray, count: int) -> np.ndarray:
    """Rows int64[n] of large worth that lie apart, in the order in which they are taken.

    Args:
        vectors: float[B, D]; only their directions count.
        worth: float[B], from 0 up.
        count: n, where there are as many.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1)
    near = np.full(len(units), -1.0)  # the largest cosine with a document that was taken
    left = np.ones(len(units), bool)
    taken = []
    for _ in range(min(count, len(units))):
        value = np.where(left, worth * (1 - near) + 1e-12, -1.0)
        best = int(value.argmax())
        taken.append(best)
        left[best] = False
        near = np.maximum(near, units @ units[best])
    return np.array(taken, np.int64)


def document_vectors(model: Model, lines: Sequence[str]) -> np.ndarray:
    """float32[B, D]: the mean of a document's rows, less the mean of all of them."""
    from ftcore.inference.vectors import Vectors

    made = Vectors(model).sentences(lines)
    return made - made.mean(axis=0)
