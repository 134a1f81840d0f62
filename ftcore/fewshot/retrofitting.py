"""Vectors drawn to those of related words: what a graph of synonyms or entities knows, put into them.

Source: Faruqui et al., "Retrofitting word vectors to semantic lexicons" (NAACL 2015): the vectors that lie near their own
old ones and near their neighbours', found by updating each word in turn a few times.

Shapes: N words, D numbers a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ftcore.errors import InvalidOptions, UnreadableFile, UserError

ROUNDS = 10  # after which the paper's vectors hardly move


def retrofit(
    words: Sequence[bytes],
    vectors: np.ndarray,
    graph: Sequence[tuple[str, ...]],
    rounds: int = ROUNDS,
    own: float = 1.0,
) -> tuple[np.ndarray, int]:
    """Draw each word's vector to its neighbours'.

    In each round, word after word: the new vector is the mean of the neighbours' vectors, which weigh 1 together, and of
    the word's old vector, which weighs `own`. Words without a known neighbour keep theirs.

    Args:
        words: N of them, of which each stands once.
        vectors: float32[N, D]; they stay as they are.
        graph: lines of related words; the first of a line is related to each of the others, both ways.
        rounds: how often all words are updated.
        own: weight of the old vector.

    Returns:
        float32[N, D], and how many words have a neighbour.

    Raises:
        UserError: no word of the graph has a vector, rounds or a weight out of range.

    Example:
        >>> vectors = np.array([[0.0], [4.0]], np.float32)
        >>> retrofit([b"a", b"b"], vectors, [("a", "b")], rounds=1)[0].tolist()
        [[2.0], [3.0]]
    """
    if rounds < 0:
        raise InvalidOptions(f"rounds = {rounds}: 0 or more")
    if not 0 < own < float("inf"):
        raise InvalidOptions(f"own = {own}: the weight of the old vectors is above 0")
    place = {word: i for i, word in enumerate(words)}
    near: dict[int, set[int]] = {}
    for line in graph:
        first, *others = (place.get(word.encode()) for word in line)
        for other in others:
            if first is not None and other is not None and first != other:
                near.setdefault(first, set()).add(other)
                near.setdefault(other, set()).add(first)
    if not near:
        raise UserError(
            f"of {len(graph)} lines of the graph none relates two words that have vectors; write words as the "
            "vectors' text has them"
        )
    made = vectors.astype(np.float64)
    neighbours = [(word, np.fromiter(sorted(near[word]), np.int64)) for word in sorted(near)]
    for _ in range(rounds):
        for word, rows in neighbours:
            made[word] = (made[rows].mean(axis=0) + own * vectors[word]) / (1 + own)
    return made.astype(np.float32), len(near)


def read_graph(path: str | PathLike) -> list[tuple[str, ...]]:
    """The lines of a graph: a word and those related to it, with white space between them.

    Raises:
        UserError: it is no text, or a line has one word only; names it.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be read as UTF-8 text ({error}); correct the path") from error
    made = []
    for number, line in enumerate(lines, 1):
        words = tuple(line.split())
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2:
            raise UnreadableFile(
                f"{path}:{number}: has one word; write those that are related to it behind it"
            )
        made.append(words)
    return made
