"""Do two groups of words lie nearer to one kind of word than to another? WEAT, with the chance that it is chance.

A word's association is its mean cosine with the attributes A less that with B; the test compares the targets X with Y
(Caliskan, Bryson, Narayanan, Science 2017). The p-value is the share of ways to deal the targets out anew that give as
large a difference: all of them where they are few, else drawn ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from ftcore.errors import UserError
from ftcore.inference.vectors import Vectors
from ftcore.model.model import Model
from ftcore.trust.word_sets import TESTS

EXACT, DRAWN = 20_000, 10_000  # ways to deal out: all, where there are no more; else so many
FEWEST = 2  # known words of a list
Test = tuple[Sequence[str], Sequence[str], Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class Association:
    """The outcome of one test.

    Attributes:
        name: of the test.
        effect: difference of the two groups' mean associations, in standard deviations: from -2 to 2, 0 is none.
        p: the chance that words dealt out at random differ as much in this direction.
        known: how many words of X, Y, A and B the model knows.
        words: each target word's association with A rather than B.
    """

    name: str
    effect: float
    p: float
    known: tuple[int, int, int, int]
    words: dict[str, float]


def audit_associations(
    model: Model, tests: Mapping[str, Test] = TESTS, seed: int = 0
) -> tuple[list[Association], list[str]]:
    """The outcome of each test that the model's vocabulary allows, and the names of the others.

    Args:
        model: its word vectors are asked; of a classifier they are what it knows of words.
        tests: name -> X, Y, A, B.
        seed: of what is drawn for the p-value.
    """
    vectors = Vectors(model.in_float32())
    index = model.dictionary.index

    def vector_of(word: str) -> np.ndarray | None:
        return vectors.word(word) if word.encode() in index else None

    made, left_out = [], []
    for name, test in tests.items():
        try:
            made.append(association(name, test, vector_of, seed))
        except UserError:
            left_out.append(name)
    return made, left_out


def association(
    name: str, test: Test, vector_of: Callable[[str], np.ndarray | None], seed: int = 0
) -> Association:
    """One test.

    Args:
        name: for messages.
        test: X, Y, A, B.
        vector_of: a word's vector, None for an unknown word.
        seed: of what is drawn.

    Raises:
        UserError: fewer than `FEWEST` known words in a list.
    """
    found = [_units(words, vector_of) for words in test]
    for part, (words, _) in zip("XYAB", found, strict=True):
        if len(words) < FEWEST:
            raise UserError(f"{name}: the model knows {len(words)} words of list {part}; {FEWEST} are needed")
    (x_words, x), (y_words, y), (_, a), (_, b) = found
    targets = np.concatenate([x, y])
    score = (targets @ a.T).mean(axis=1) - (targets @ b.T).mean(axis=1)
    n = len(x)
    spread = float(score.std(ddof=1))
    effect = float(score[:n].mean() - score[n:].mean()) / spread if spread else 0.0
    known = len(x_words), len(y_words), len(found[2][0]), len(found[3][0])
    by_word = dict(zip([*x_words, *y_words], score.tolist(), strict=True))
    return Association(name, effect, _chance(score, n, seed), known, by_word)


def _units(
    words: Sequence[str], vector_of: Callable[[str], np.ndarray | None]
) -> tuple[list[str], np.ndarray]:
    """The words that have a vector, and these at length 1."""
    pairs = [(word, vector_of(word)) for word in words]
    kept = [(word, v.astype(np.float64)) for word, v in pairs if v is not None and np.linalg.norm(v) > 0]
    if not kept:
        return [], np.zeros((0, 1))
    return [word for word, _ in kept], np.stack([v / np.linalg.norm(v) for _, v in kept])


def _chance(score: np.ndarray, n: int, seed: int) -> float:
    """The share of ways to choose n of the words whose sum is as large as that of the first n."""
    least = score[:n].sum() - 1e-12
    if comb(len(score), n) <= EXACT:
        sums = [score[list(some)].sum() for some in combinations(range(len(score)), n)]
        return float(np.mean(np.array(sums) >= least))
    rng = np.random.default_rng(seed)
    order = rng.random((DRAWN, len(score))).argsort(axis=1)[:, :n]
    return float((1 + (score[order].sum(axis=1) >= least).sum()) / (1 + DRAWN))
