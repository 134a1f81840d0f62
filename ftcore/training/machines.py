"""Linear support vector machines over fastText's own features, as rows that features add to a text's scores.

One label against the rest, squared hinge loss with an L2 penalty, by dual coordinate descent (Hsieh et al., ICML
2008; in the native core, all labels side by side), over rows of length 1 (Joachims, "Text categorization with support
vector machines", ECML 1998). How a feature is weighed makes machines of two kinds:

* ``idf``: counts times idf. Where rows come from pretraining, the sum of a document's vectors, rare words weighing more
  (Arora et al., "A simple but tough-to-beat baseline for sentence embeddings", ICLR 2017), stands beside them.
* ``ratio``: presence times the logarithm of how much oftener a label's documents have it than the others (Wang and
  Manning, "Baselines and bigrams", ACL 2012).

Both are linear in the counts of a text once the weights are known: a repeated word adds its row again.

Shapes: B documents, F features (the dictionary's rows), D numbers a vector, C labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ftcore.base.ragged import Ragged
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TOLERANCE, ROUGHLY = 0.01, 0.1  # of the solver; a smaller one changes no label; of trials
PASSES = 1000  # of the solver over the documents, at most; it takes 10 to 30
CHUNK = 500_000_000  # features times labels that are looked at between two looks at the clock, about
MOST_RATIOS = 200_000_000  # numbers [F, C] that a machine of kind ratio may need


class TooLate(Exception):
    """A training was ended: there was no time for it."""


@dataclass(frozen=True)
class Weighing:
    """What a machine's features count.

    Attributes:
        kind: see above.
        characters: how long character n-grams are beside words and their n-grams, on average. There are more of them
            in a text, and unscaled they drown the words.
        vectors: how long the sum of pretrained vectors is beside all features; 0: there is none.
    """

    kind: Literal["idf", "ratio", "softmax"]
    characters: float = 1.0
    vectors: float = 0.0

    def __str__(self) -> str:
        parts = [self.kind, f"characters {self.characters:g}", f"vectors {self.vectors:g}"]
        return " ".join(parts if self.vectors else parts[:2])


@dataclass(frozen=True)
class CountedBags:
    """Documents as they are counted.

    Attributes:
        counts: float32[B, F], how often each feature with a row occurs. The end of line, which each document has, is
            the intercept.
        sizes: int64[B], features of each, those without a row too.
        gold: bool[B, C].
        weights: float32[B], what a mistake costs; None: all the same.
    """

    counts: csr_matrix
    sizes: np.ndarray
    gold: np.ndarray
    weights: np.ndarray | None = None

    @classmethod
    def of(cls, bags: BagCorpus, dictionary: Dictionary) -> CountedBags:
        """Those that have a feature and a label (`usable`)."""
        return cls._of(bags, dictionary, usable(bags))

    @classmethod
    def unlabelled(cls, bags: BagCorpus, dictionary: Dictionary) -> CountedBags:
        """All of them, with or without a label."""
        return cls._of(bags, dictionary, np.arange(len(bags)))

    @classmethod
    def _of(cls, bags: BagCorpus, dictionary: Dictionary, kept: np.ndarray) -> CountedBags:
        from scipy.sparse import csr_matrix

        ids = np.asarray(bags.ids)
        left = Ragged(ids, bags.offsets).where(ids >= 0)
        shape = (len(bags), dictionary.rows)
        counts = csr_matrix((np.ones(len(left.values), np.float32), left.values, left.offsets), shape)
        counts.sum_duplicates()
        gold = np.zeros((len(bags), dictionary.nlabels), np.bool_)
        gold[np.repeat(np.arange(len(bags)), np.diff(bags.target_offsets)), bags.targets] = True
        return cls(counts[kept], np.diff(bags.offsets)[kept], gold[kept])

    def __len__(self) -> int:
        return len(self.gold)

    def take(self, rows: np.ndarray) -> CountedBags:
        """Some of them."""
        weights = None if self.weights is None else self.weights[rows]
        return CountedBags(self.counts[rows], self.sizes[rows], self.gold[rows], weights)

    def __add__(self, other: CountedBags) -> CountedBags:
        """Both; mistakes of those without weights cost 1."""
        from scipy.sparse import vstack

        weights = None
        if self.weights is not None or other.weights is not None:
            both = (self, other)
            weights = np.concatenate(
                [np.ones(len(one), np.float32) if one.weights is None else one.weights for one in both]
            )
        return CountedBags(
            vstack([self.counts, other.counts], format="csr"),
            np.concatenate([self.sizes, other.sizes]),
            np.concatenate([self.gold, other.gold]),
            weights,
        )

    def means(self, rows: np.ndarray) -> np.ndarray:
        """float32[B, C]: scores as fastText adds them up, the mean over a document's features."""
        return np.asarray(self.counts @ rows) / np.maximum(self.sizes, 1).astype(np.float32)[:, None]


@dataclass(frozen=True)
class Fold:
    """Documents that teach (numbers of them; all where None) and others that judge."""

    teaches: np.ndarray | None
    judges: CountedBags


def usable(bags: BagCorpus) -> np.ndarray:
    """int64[N], the documents that have a feature and a label."""
    return np.flatnonzero((np.diff(bags.offsets) > 0) & (np.diff(bags.target_offsets) > 0))


def character_rows(dictionary: Dictionary) -> np.ndarray:
    """bool[F], the features that are character n-grams."""
    made = np.zeros(dictionary.rows, np.bool_)
    if dictionary.options.maxn > 0:
        grams = dictionary.subword_rows()[0]
        made[grams[grams >= dictionary.nwords]] = True
    return made


class FeatureScales:
    """What is known of the features, whatever machine weighs them.

    Args:
        documents: all that are trained on.
        vectors: float32[F, D] of each feature, from pretraining.
    """

    def __init__(self, documents: CountedBags, dictionary: Dictionary, vectors: np.ndarray | None) -> None:
        counts = documents.counts
        rows = counts.shape[1]
        found = np.bincount(counts.indices, minlength=rows)
        self.idf = (np.log((1 + len(documents)) / (1 + found)) + 1).astype(np.float32)
        self.end = dictionary.eos
        self.characters = character_rows(dictionary)
        lengths = [
            np.sqrt(counts.multiply(counts).dot(np.where(mask, self.idf**2, 0))).mean()
            for mask in (~self.characters, self.characters)
        ]
        self.level = float(lengths[0] / lengths[1]) if lengths[1] else 1.0  # makes n-grams as long as words
        self.vectors, self.unit = vectors, 0.0  # what makes the sums of vectors as long as words are
        if vectors is not None:
            sums = np.linalg.norm(counts @ vectors, axis=1)
            whole = np.sqrt(counts.multiply(counts).dot(self.idf**2))
            self.unit = float(whole.mean() / sums.mean()) if sums.any() else 0.0

    @property
    def has_characters(self) -> bool:
        """Whether some features are character n-grams."""
        return bool(self.characters.any())

    def of(self, weighing: Weighing) -> np.ndarray:
        """float32[F], what a count is multiplied by."""
        scale = np.ones_like(self.idf) if weighing.kind == "ratio" else self.idf
        return np.where(self.characters, scale * np.float32(self.level * weighing.characters), scale)

    def rows_of(self, weight: np.ndarray, weighing: Weighing) -> np.ndarray:
        """float32[F, C] of the weights [F or F + D, C] of what `scaled` makes: what each feature adds to the scores."""
        scale = self.of(weighing)
        rows = weight[: len(scale)] * scale[:, None]
        if len(weight) > len(rows):
            assert self.vectors is not None
            rows += self.vectors @ (weight[len(rows) :] * np.float32(weighing.vectors * self.unit))
        return rows

    def ratios(self, documents: CountedBags) -> np.ndarray:
        """float32[F, C], the logarithm of how much likelier a feature is in a label's documents than in the others.

        That of the end of line is 1: it is in all, and its weight is the intercept.
        """
        present = documents.counts.copy()
        present.data[:] = 1
        weights = np.ones(len(documents), np.float32) if documents.weights is None else documents.weights
        own = np.asarray(present.T @ (documents.gold * weights[:, None]).astype(np.float32)) + 1
        rest = np.asarray(present.T @ weights)[:, None] + 2 - own
        made = np.log(own / own.sum(axis=0)) - np.log(rest / rest.sum(axis=0))
        if self.end >= 0:
            made[self.end] = 1
        return made.astype(np.float32)


def scaled(scales: FeatureScales, documents: CountedBags, weighing: Weighing) -> csr_matrix:
    """float32[B, F] or, where vectors count, [B, F + D]: what a machine is given of documents, rows of length 1."""
    from scipy.sparse import csr_matrix, hstack

    matrix, scale = documents.counts.copy(), scales.of(weighing)
    if weighing.kind == "ratio":
        matrix.data[:] = 1
    matrix.data *= scale[matrix.indices]
    if weighing.vectors and scales.vectors is not None:
        sums = (documents.counts @ scales.vectors) * np.float32(weighing.vectors * scales.unit)
        matrix = hstack([matrix, csr_matrix(sums)], format="csr")
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    lengths[lengths == 0] = 1
    matrix.data /= np.repeat(lengths.astype(np.float32), np.diff(matrix.indptr))
    return matrix


class MachineSolver:
    """A machine of each label over some documents; each strength starts where the last one ended.

    Example:
        solver = MachineSolver(scales, documents, Weighing("idf"), threads=2)
        held_out.means(solver.at(1.0)).argmax(axis=1)
    """

    def __init__(
        self, scales: FeatureScales, documents: CountedBags, weighing: Weighing, threads: int
    ) -> None:
        self._scales, self._weighing, self._threads = scales, weighing, threads
        self._matrix = scaled(scales, documents, weighing)
        gold, count = documents.gold, len(documents)
        self._cost = np.ones(count, np.float32) if documents.weights is None else documents.weights
        # of two labels of which each document has one, the second's machine is the first's turned round
        self._mirrored = gold.shape[1] == 2 and bool((gold.sum(axis=1) == 1).all())
        self._gold = np.ascontiguousarray(gold[:, :1] if self._mirrored else gold)
        self._dual = np.zeros(self._gold.shape, np.float32)
        self._squares = np.zeros((0, 0), np.float32)
        if weighing.kind == "ratio":
            ratios = scales.ratios(documents)[:, : self._gold.shape[1]]
            self._squares = np.ascontiguousarray(ratios**2)
        self._strength = 0.0

    def at(
        self, strength: float, tolerance: float = TOLERANCE, in_time: Callable[[], bool] = lambda: True
    ) -> np.ndarray:
        """Of this strength, float32[F, C]: what each feature adds to the scores.

        Raises:
            TooLate: `in_time`, which is asked now and then where there is much to look at, said no.
        """
        from ftcore.native import solve_machines

        if self._strength:
            self._dual *= np.float32(strength / self._strength)
        self._strength = strength
        matrix, cost = self._matrix, self._cost * np.float32(strength)
        weight = np.zeros((matrix.shape[1], self._gold.shape[1]), np.float32)
        passes = max(2, min(PASSES, CHUNK // max(matrix.nnz * self._gold.shape[1], 1)))
        for _ in range(-(-PASSES // passes)):
            took = solve_machines(
                matrix.indices.astype(np.int32), matrix.indptr.astype(np.int64), matrix.data, self._gold, cost,
                self._squares, self._dual, weight, tolerance, passes, 0, self._threads,
            )  # fmt: skip
            if took < passes:
                break
            if not in_time():
                raise TooLate
        weight[:, self._gold.all(axis=0) | ~self._gold.any(axis=0)] = 0  # nothing speaks for or against it
        rows = self._scales.rows_of(weight, self._weighing)
        return np.hstack([rows, -rows]) if self._mirrored else rows
