"""A classifier over a pretrained table, as an adapter: what of it is not the table's, within so many bytes.

Whatever was trained, a fastText classifier is one number a feature and label: input · outputᵀ. The head that explains most of
them by the shared rows is found by least squares; of what is left the numbers that weigh most stay.

Shapes: F features, D columns of the shared table, C labels.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.dictionary.bucket_rows import OccurringBuckets
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.dictionary.numbering import Numbering
from ftcore.errors import IncompatibleModel, InvalidOptions
from ftcore.formats.adapter import Adapter
from ftcore.model.adapted import Changes, SharedTable, as_bytes
from ftcore.model.matrices import Matrices
from ftcore.training import recipe
from ftcore.training.fitting import parse_size
from ftcore.training.start import Fresh, Started

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.model.model import Model
    from ftcore.training.conditions import Conditions, Prepared
    from ftcore.training.documents import Documents
    from ftcore.training.loop import TrainingResult

log = logging.getLogger(__name__)
_FITTED = 1 << 15  # rows that the head is fitted to
_NAMES = 512  # bytes of the names of arrays and of how many features have which upper bits
_RIDGE = 1e-6  # beside the mean square of a column


class OnSharedTable(Fresh):
    """The start of a task on a shared table: its words are the vocabulary; n-grams of the text get rows of their own.

    Args:
        shared: the table.

    Raises:
        UserError: in `extend`, where the table has n-grams of characters and the options number them in another way.
    """

    def __init__(self, shared: SharedTable) -> None:
        self.shared = shared
        self.dim: int = shared.dim

    def extend(self, dictionary: Dictionary, options: Any) -> Dictionary:
        """The table's words, the text's labels."""
        own = self.shared.dictionary
        numbering, here = Numbering.of(options), own.options
        if here.maxn > 0 and (numbering.minn, numbering.maxn, numbering.bucket) != (
            here.minn,
            here.maxn,
            here.bucket,
        ):
            raise IncompatibleModel(
                f"an adapter's n-grams are those of its base: set minn={here.minn} maxn={here.maxn} bucket={here.bucket} "
                f"as {self.shared.path or 'the base'} has them, not minn={numbering.minn} maxn={numbering.maxn} "
                f"bucket={numbering.bucket}"
            )
        return own.changed(
            labels=dictionary.packed_labels,
            label_counts=dictionary.label_counts,
            options=numbering,
            bucket_rows=OccurringBuckets(),
        )

    def tables(self, dictionary: Dictionary, options: Any, seed: int, threads: int | None = 1) -> Started:
        """The table's rows, a head of zeros."""
        input, known = self.rows(dictionary, weighed=False)
        return Matrices(input, np.zeros((dictionary.nlabels, self.dim), np.float32)), known

    def pretrained_rows(self, dictionary: Dictionary, options: Any, seed: int) -> np.ndarray | None:
        """The table's rows, the smaller the more frequent a word is."""
        return self.rows(dictionary, weighed=True)[0]

    def rows(self, dictionary: Dictionary, weighed: bool) -> tuple[np.ndarray, np.ndarray]:
        """The table's rows for a task's dictionary, float32[F, D], zeros where it has none; and bool[F], where it has."""
        source = sources(self.shared, dictionary)
        known = source >= 0
        made = np.zeros((len(source), self.dim), np.float32)
        made[known] = self.shared.rows(source[known], weighed)
        return made, known


def sources(shared: SharedTable, dictionary: Dictionary) -> np.ndarray:
    """The row of the shared table for each row of a task's: int64[F], -1 where it has none."""
    words = np.arange(dictionary.nwords)
    own = shared.dictionary
    if not own.bucket:
        return np.concatenate([words, np.full(dictionary.rows - len(words), -1)])
    places = own.bucket_rows.places(dictionary.buckets.astype(np.int64))
    return np.concatenate([words, np.where(places < 0, -1, places + own.nwords)])


def learn_adapter(
    documents: Documents,
    options: config.Finetune,
    conditions: Conditions,
    shared: SharedTable,
    valid: Documents | None = None,
) -> tuple[Adapter, TrainingResult]:
    """Train a classifier over a shared table and keep what is not the table's.

    Args:
        options: ``adapter`` says the most bytes; ``head`` linear is the better one for as little.
        shared: from `ftcore.formats.shared.open_shared`.
        valid: other documents, by which strength and temperature are chosen.

    Raises:
        UserError: as `ftcore.training.recipe.learn` and `adapter_of`.

    Example:
        adapter, _ = learn_adapter(texts, Finetune(head="linear", adapter="200k"), conditions, open_shared("zh.bin"))
        adapter.save("topics.adapter")
    """
    start = OnSharedTable(shared)
    options = recipe.with_dim(options, start)
    prepared = recipe.prepare(documents, options, start, valid)
    model, result = recipe.train(prepared, options, conditions, start)
    return adapter_of(model, start, prepared, options), result


def adapter_of(model: Model, start: OnSharedTable, prepared: Prepared, options: Any) -> Adapter:
    """A classifier as an adapter of at most so many bytes.

    Args:
        model: that was trained from `start`.
        prepared: what it was trained on: what occurs often weighs more.
        options: of the training; ``adapter`` says the most bytes.

    Raises:
        UserError: too small a size for the head alone.
    """
    size, bags, weighed = parse_size(options.adapter), prepared.train, options.head == "linear"
    assert size is not None and isinstance(bags, BagCorpus)
    shared, dictionary = start.shared, model.dictionary
    input, output = model.dense
    scores = np.asarray(input, np.float32) @ np.asarray(output, np.float32).T
    found = np.bincount(bags.ids[bags.ids >= 0], minlength=len(scores))
    if model.args.loss == "softmax":
        scores = _settled(scores)
    vectors, known = start.rows(dictionary, weighed)
    head = _head(scores, vectors, np.flatnonzero(known), found)
    scores[known] -= vectors[known] @ head.T
    made = Adapter.of(model, shared, weighed, head)
    taken = len(made.to_bytes()) + _NAMES
    room = size - taken
    if room < 0:
        raise InvalidOptions(
            f"finetune.adapter = {options.adapter}: its head and labels take {taken:,}; allow more, or train with fewer labels"
        )
    return made.with_changes(_largest(scores, found, room, made.cost), dictionary)


def _settled(scores: np.ndarray) -> np.ndarray:
    """Scores with as many zeros as there may be: a softmax is the same whatever is added to all labels of a feature."""
    if scores.shape[1] == 2:
        return np.stack([scores[:, 0] - scores[:, 1], np.zeros(len(scores), np.float32)], axis=1)
    return scores - np.median(scores, axis=1, keepdims=True)


def _head(scores: np.ndarray, vectors: np.ndarray, known: np.ndarray, found: np.ndarray) -> np.ndarray:
    """float32[C, D] by least squares: of rows that no document has, which are the head's alone, where there are enough."""
    absent = known[found[known] == 0]
    some = absent if len(absent) >= 4 * vectors.shape[1] else known
    if len(some) > _FITTED:
        some = some[:: -(-len(some) // _FITTED)]
    if not len(some):
        return np.zeros((scores.shape[1], vectors.shape[1]), np.float32)
    x, y = vectors[some].astype(np.float64), scores[some].astype(np.float64)
    square = x.T @ x
    square += np.eye(len(square)) * (_RIDGE * np.trace(square) / len(square) + 1e-30)
    return np.linalg.solve(square, x.T @ y).T.astype(np.float32)


def _largest(scores: np.ndarray, found: np.ndarray, room: int, cost: tuple[int, int]) -> Changes:
    """The numbers that weigh most in the documents, as many as there is room for."""
    a_row, a_number = cost
    weights = np.abs(scores) * np.sqrt(found)[:, None].astype(np.float32)
    order = np.argsort(-weights, axis=None, kind="stable")
    order = order[: min(int((weights > 0).sum()), room // a_number)]
    rows = order // scores.shape[1]
    first = np.zeros(len(rows), np.int64)
    first[np.unique(rows, return_index=True)[1]] = 1
    order = np.sort(order[: int(np.searchsorted(np.cumsum(first * a_row + a_number), room, "right"))])
    rows, labels = np.divmod(order, scores.shape[1])
    named, starts = np.unique(rows, return_index=True)
    sizes, largest = as_bytes(scores[rows, labels])
    return Changes(
        named, np.append(starts, len(rows)).astype(np.int64), labels.astype(np.uint16), sizes, largest
    )
