"""fastText's own training, by small steps, as a classifier to be blended with machines and folded into their rows.

It learns from words and their n-grams alone, half of which it does not see each time (dropout), so that it errs on other
documents than machines over character n-grams do. Its score of a document is the mean over the features of what their rows
say of each label: input times head, which is a row of C numbers a feature, as a machine's.

Where there are vectors from pretraining, rows begin with them, and learn more slowly and longer: what the labels teach bends a space that has
a meaning, which a machine over the same vectors leaves as it is. A word that no document has keeps its vector, and the head speaks of it.

Shapes: B documents, F features (the dictionary's rows), D numbers a vector, C labels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ftcore import config
from ftcore.base.ragged import Ragged
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.engines.choice import choose_engine
from ftcore.errors import Diverged
from ftcore.model.matrices import as_array
from ftcore.training.conditions import Conditions, Prepared
from ftcore.training.machines import CountedBags, TooLate
from ftcore.training.progress import Progress
from ftcore.training.start import fresh_tables

DIM = 16  # of its vectors
RATES, DROPOUT = (0.5, 0.1), 0.5  # the second where the first leads nowhere
HEAVIEST = 2.0  # a document; where some weigh more, all weigh less
PASSES = 30  # over the documents, and fewer of very many
FEATURES = 400_000_000  # seen at most, all passes together
# The same from vectors
VECTOR_RATES, VECTOR_PASSES, FEWEST_PASSES = (0.1, 0.03), 60, 5
NUMBERS = 2_000_000_000  # of features seen times numbers a vector, at most: some seconds
LENGTH = 2.0  # of the mean of a document's vectors, on average


def stepped_rows(
    documents: CountedBags,
    dictionary: Dictionary,
    characters: np.ndarray,
    loss: str,
    in_time: Callable[[], bool] = lambda: True,
    vectors: np.ndarray | None = None,
    passes: int = VECTOR_PASSES,
) -> np.ndarray:
    """Train, on one thread, and fold: the same for the same documents.

    Args:
        characters: bool[F], the features that take no part.
        loss: softmax or ova.
        in_time: asked some times a pass.
        vectors: float32[F, D] of each feature that pretraining knows, zero elsewhere; what rows begin with.
        passes: from vectors, over the documents, and fewer of very many (`affordable`).

    Returns:
        float32[F, C], 0 for what takes no part, and for what neither occurs nor has a vector.

    Raises:
        TooLate: `in_time` said no.
        Diverged: at every rate.

    Example:
        rows = stepped_rows(documents, dictionary, scales.characters, "softmax")
        held_out.means(rows).argmax(axis=1)
    """
    from ftcore.training.finetune import finetune

    def check(_progress: Progress) -> None:
        if not in_time():
            raise TooLate

    bags, weights = _bags(documents, characters), documents.weights
    if vectors is None:
        dim, rates = DIM, RATES
        passes = int(min(PASSES, max(FEATURES / max(len(bags.ids), 1), 1)))
    else:
        vectors = _of_length(vectors, bags)
        dim, rates = vectors.shape[1], VECTOR_RATES
        passes = affordable(documents, characters, dim, passes)
    if weights is not None:
        weights = weights * np.float32(min(1.0, HEAVIEST / weights.max()))
    prepared = Prepared(dictionary, bags, weights=weights)
    how = Conditions(choose_engine("cpu", "cpu"), threads=1, listeners=[check], parts=4)
    silent = np.ones(dictionary.rows, np.bool_)
    silent[bags.ids] = False
    for rate in rates:
        options = config.Finetune(
            dim=dim, lr=rate, dropout=DROPOUT, epoch=passes, loss=loss, keep_best=False, class_weights="none"
        )
        tables = fresh_tables(dictionary, dim, "supervised", 0, 1)
        if vectors is not None:
            known = vectors.any(axis=1)
            tables.input[known] = vectors[known]
            silent &= ~known
        try:
            finetune(tables, prepared, options, how)
            break
        except Diverged:
            if rate == rates[-1]:
                raise
    rows = as_array(tables.input) @ as_array(tables.output).T
    rows[silent | characters] = 0
    return rows


def affordable(documents: CountedBags, characters: np.ndarray, dim: int, passes: int = VECTOR_PASSES) -> int:
    """How many passes a training from vectors takes over documents, of which fewer than `FEWEST_PASSES` are not worth while."""
    features = float((documents.counts @ (~characters).astype(np.float32)).sum())
    return int(min(passes, NUMBERS / max(features * dim, 1)))


def _of_length(vectors: np.ndarray, bags: BagCorpus) -> np.ndarray:
    """Wherever vectors are from, a rate then means the same."""
    from scipy.sparse import csr_matrix

    counts = csr_matrix(
        (np.ones(len(bags.ids), np.float32), bags.ids, bags.offsets), (len(bags), len(vectors))
    )
    means = (counts @ vectors) / np.maximum(np.diff(bags.offsets), 1)[:, None]
    size = float(np.linalg.norm(means, axis=1).mean())
    return vectors * np.float32(LENGTH / size) if size else vectors


def _bags(documents: CountedBags, characters: np.ndarray) -> BagCorpus:
    """The documents as bags, without features that take no part."""
    counts = documents.counts
    times = counts.data.astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(times)])[counts.indptr]
    ids = np.repeat(counts.indices, times)
    left = Ragged(ids, ends).where(~characters[ids])
    _, targets = np.nonzero(documents.gold)
    marks = np.concatenate([[0], np.cumsum(documents.gold.sum(axis=1))])
    return BagCorpus(left.values.astype(np.int32), left.offsets, targets.astype(np.int32), marks)
