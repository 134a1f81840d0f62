"""Two languages' vectors in one space, so that what was learnt of one language answers the other.

Orthogonal Procrustes (Schönemann, 1966; Xing et al., NAACL 2015) turns the first language's vectors onto the second's
by word pairs. Pairs that are each other's nearest under it, nearness corrected for hubs (CSLS: Conneau et al., "Word
translation without parallel data", ICLR 2018), then join the dictionary, a few times.

Shapes: N and M words, D numbers a vector.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ftcore.errors import UnreadableFile, UserError

log = logging.getLogger(__name__)
FREQUENT = 5000  # words of each language, from the first on, among which more pairs are sought
HUB = 10  # neighbours by which nearness is corrected
LEAST = 10  # pairs
_BLOCK = 1024


def align(
    source: tuple[Sequence[bytes], np.ndarray],
    target: tuple[Sequence[bytes], np.ndarray],
    pairs: Sequence[tuple[str, str]],
    rounds: int = 3,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Bring two languages into one space.

    Args:
        source: words and vectors float32[N, D], frequent ones first, as `read_vec` gives them.
        target: of the other language, float32[M, D].
        pairs: (word of the source, word of the target).
        rounds: in which pairs that are found join the given ones.

    Returns:
        both languages' vectors, of length 1 and centred, the source's turned onto the target's: float32[N, D],
        float32[M, D]; and how many of the given pairs were known.

    Raises:
        UserError: vectors of different sizes, fewer than `LEAST` pairs of which both words are known.
    """
    if source[1].shape[1] != target[1].shape[1]:
        raise UserError(
            f"vectors of {source[1].shape[1]} and of {target[1].shape[1]} numbers cannot be turned onto one another; "
            "train both with the same dim"
        )
    ours, theirs = ({word: i for i, word in enumerate(words)} for words, _ in (source, target))
    known = [(ours.get(a.encode()), theirs.get(b.encode())) for a, b in pairs]
    given = np.array([pair for pair in known if None not in pair], np.int64).reshape(-1, 2)
    if len(given) < LEAST:
        raise UserError(
            f"of {len(pairs)} word pairs {len(given)} are known to both languages' vectors; {LEAST} at least are needed: "
            "give more, as the text has them after it is cut into words"
        )
    a, b = _centred(source[1]), _centred(target[1])
    used = given
    for number in range(rounds + 1):
        turn = procrustes(a[used[:, 0]], b[used[:, 1]])
        if number < rounds:
            found = mutual(a[:FREQUENT] @ turn, b[:FREQUENT])
            used = np.concatenate([given, found])
            log.info("alignment, round %d: %d word pairs", number + 1, len(used))
    return (a @ turn).astype(np.float32), b.astype(np.float32), len(given)


def procrustes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The orthogonal float64[D, D] that brings a[n, D] nearest to b[n, D].

    Example:
        >>> procrustes(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [-1.0, 0.0]])).round(3).tolist()
        [[0.0, 1.0], [-1.0, 0.0]]
    """
    left, _, right = np.linalg.svd(a.T @ b)
    return left @ right


def mutual(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pairs int64[n, 2] of rows that are each other's nearest by CSLS; both of length 1."""
    hub_a, hub_b = _hubs(a, b), _hubs(b, a)
    best_a, best_b = np.empty(len(a), np.int64), np.full(len(b), -1)
    top_b = np.full(len(b), -np.inf)
    for begin in range(0, len(a), _BLOCK):
        near = 2 * (a[begin : begin + _BLOCK] @ b.T) - hub_b[None, :] - hub_a[begin : begin + _BLOCK, None]
        best_a[begin : begin + _BLOCK] = near.argmax(axis=1)
        rows, value = near.argmax(axis=0), near.max(axis=0)
        better = value > top_b
        best_b[better], top_b[better] = rows[better] + begin, value[better]
    rows = np.arange(len(a))
    kept = best_b[best_a] == rows
    return np.stack([rows[kept], best_a[kept]], axis=1)


def read_pairs(path: str | PathLike) -> list[tuple[str, str]]:
    """Word pairs of a file, two words a line with white space between them.

    Raises:
        UserError: a line with more or fewer; names it.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be read as UTF-8 text ({error}); correct the path") from error
    made = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise UnreadableFile(f"{path}:{number}: has {len(words)} words; write two, one of each language")
        made.append((words[0], words[1]))
    return made


def _centred(vectors: np.ndarray) -> np.ndarray:
    """Of length 1, with a mean of zero, of length 1 again."""
    made = vectors.astype(np.float64)
    for _ in range(2):
        made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
        made -= made.mean(axis=0)
    return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)


def _hubs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float64[N], the mean nearness of each row to its nearest `HUB` of the other side."""
    most = min(HUB, len(b))
    return np.concatenate(
        [
            np.partition(a[i : i + _BLOCK] @ b.T, -most, axis=1)[:, -most:].mean(axis=1)
            for i in range(0, len(a), _BLOCK)
        ]
    )
