"""Are word vectors any good? Word similarity, analogies, nearest neighbours.

Shapes: V words, D dimensions, Q questions. Memory beyond the vectors is bounded by `BLOCK_CELLS`.

Example:
    >>> words, vectors = ["king", "queen", "rock"], np.array([[1, .1], [1, .2], [0, 1]], np.float32)
    >>> neighbors(words, vectors, ["king"], 1)["neighbor"].tolist()
    ['queen']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ftcore.errors import UnreadableFile

if TYPE_CHECKING:
    from pandas import DataFrame

BLOCK_CELLS = 1 << 23  # similarities held at a time: 32 MB of float32
QUESTION_BLOCK = 512


class WordSimilarity(NamedTuple):
    """How well cosines order pairs of words."""

    spearman: float  # rank correlation with the human scores; NaN with fewer than two pairs
    used: int  # pairs with a vector for both words
    pairs: int  # pairs in the file


@dataclass(frozen=True)
class Analogies:
    """`accuracy` is correct / answered (all four words have vectors); `coverage` answered / questions."""

    accuracy: float
    correct: int
    answered: int
    questions: int
    sections: DataFrame = field(repr=False)  # section, correct, answered, questions, oov, accuracy

    @property
    def coverage(self) -> float:
        """Share of the questions whose four words have vectors; NaN without a question."""
        return self.answered / self.questions if self.questions else math.nan


def word_similarity(
    vector_of: Callable[[str], np.ndarray | None],
    path: str | Path,
    *,
    normalize: Callable[[str], str] | None = None,
) -> WordSimilarity:
    """Spearman correlation of cosine similarity with the scores of a file of `w1 w2 score` lines.

    Fields are separated by tabs if the line has one, else by spaces; fields after the third are ignored.
    Blank lines and lines that start with # are skipped, and so are header lines: those before the first
    pair whose third field is not a number. After the first pair such a line is a UserError.
    `vector_of` gives float[D], or None for a word without vector; a vector of zeros counts as none.
    `normalize` maps the file's words to the model's, e.g. ``str.lower``.
    """
    cosines, scores, pairs = [], [], 0
    for first, second, score in read_pairs(path):
        pairs += 1
        if normalize:
            first, second = normalize(first), normalize(second)
        a, b = vector_of(first), vector_of(second)
        if a is None or b is None:
            continue
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        norm = float(np.linalg.norm(a) * np.linalg.norm(b))
        if norm > 0:
            cosines.append(float(a @ b) / norm)
            scores.append(score)
    return WordSimilarity(spearman(np.array(cosines), np.array(scores)), len(scores), pairs)


def read_pairs(path: str | Path) -> list[tuple[str, str, float]]:
    """The pairs of a similarity file; see `word_similarity` for what is accepted."""
    pairs: list[tuple[str, str, float]] = []
    for number, line in _lines(path):
        fields = [part.strip() for part in line.split("\t")] if "\t" in line else line.split()
        try:
            pairs.append((fields[0], fields[1], float(fields[2])))
        except (IndexError, ValueError):
            if pairs:
                raise UnreadableFile(
                    f"{path}:{number}: expected `word word score`, found {line[:80]!r}"
                ) from None
    if not pairs:
        raise UnreadableFile(f"{path}: no line of the form `word word score`")
    return pairs


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path}: not UTF-8 (byte {error.start})") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of ranks, equal values sharing their mean rank; NaN where it is not defined.

    Example:
        >>> spearman(np.array([1, 2, 3]), np.array([10, 20, 15]))
        0.5
    """
    if len(a) < 2:
        return math.nan
    x, y = _ranks(a), _ranks(b)
    x, y = x - x.mean(), y - y.mean()
    norm = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / norm if norm else math.nan


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def read_questions(path: str | Path) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """[(section, [(a, b, c, d)])]; `: name` opens a section, questions before the first are in ""."""
    sections: list[tuple[str, list[tuple[str, str, str, str]]]] = []
    for number, line in _lines(path):
        if line.startswith(":"):
            sections.append((line[1:].strip(), []))
            continue
        words = line.split()
        if len(words) != 4:
            raise UnreadableFile(f"{path}:{number}: expected four words `a b c d`, found {line[:80]!r}")
        if not sections:
            sections.append(("", []))
        sections[-1][1].append((words[0], words[1], words[2], words[3]))
    if not any(questions for _, questions in sections):
        raise UnreadableFile(f"{path}: no question of the form `a b c d`")
    return sections


def analogies(
    words: Sequence[str],
    vectors: np.ndarray,
    path: str | Path,
    *,
    normalize: Callable[[str], str] | None = None,
    limit: int | None = None,
) -> Analogies:
    """Questions "a is to b as c is to ?" by 3CosAdd: argmax over d of cos(d, b) - cos(d, a) + cos(d, c).

    (Mikolov, Yih, Zweig, NAACL 2013; Levy and Goldberg, CoNLL 2014.) The three question words are no
    answers. `words` are in dictionary order, `vectors` float[V, D]; `limit` searches the first so many
    only, as word2vec's `compute-accuracy` does (questions with other words count as out of vocabulary).
    A repeated word keeps its first vector. `normalize` maps the file's words, e.g. ``str.lower``.
    """
    import pandas as pd

    limit = len(words) if limit is None else min(limit, len(words))
    number = {word: row for row, word in reversed(list(enumerate(words[:limit])))}
    vectors = vectors[:limit]
    rows: list[list[int]] = []
    section_of: list[int] = []
    sections = read_questions(path)
    for index, (_, questions) in enumerate(sections):
        for question in questions:
            found = [number.get(normalize(word) if normalize else word, -1) for word in question]
            if min(found) >= 0:
                rows.append(found)
                section_of.append(index)
    question_rows = np.array(rows, np.int64).reshape(-1, 4)
    right = _best_answers(vectors, question_rows[:, :3]) == question_rows[:, 3]
    answered = np.bincount(np.array(section_of, np.int64), minlength=len(sections))
    correct = np.bincount(np.array(section_of, np.int64)[right], minlength=len(sections))
    asked = np.array([len(questions) for _, questions in sections])
    table = pd.DataFrame(
        {
            "section": [name for name, _ in sections],
            "correct": correct,
            "answered": answered,
            "questions": asked,
            "oov": asked - answered,
            "accuracy": np.where(answered > 0, correct / np.maximum(answered, 1), np.nan),
        }
    )
    n = int(answered.sum())
    accuracy = int(correct.sum()) / n if n else math.nan
    return Analogies(accuracy, int(correct.sum()), n, int(asked.sum()), table)


def _best_answers(vectors: np.ndarray, questions: np.ndarray) -> np.ndarray:
    """int64[Q]: the row that answers each (a, b, c); -1 when every word is excluded."""
    norms = _norms(vectors)
    best = np.full(len(questions), -1, np.int64)
    for start in range(0, len(questions), QUESTION_BLOCK):
        block = questions[start : start + QUESTION_BLOCK]
        a, b, c = (vectors[block[:, i]] / norms[block[:, i], None] for i in range(3))
        target = (b - a + c).astype(np.float32)
        top = np.full(len(block), -np.inf, np.float32)
        answer = np.full(len(block), -1, np.int64)
        for first, scores in _similarities(target, vectors, norms):
            for column in range(3):  # question words are not answers
                place = block[:, column] - first
                inside = np.flatnonzero((place >= 0) & (place < scores.shape[1]))
                scores[inside, place[inside]] = -np.inf
            column = scores.argmax(1)
            value = scores[np.arange(len(block)), column]
            better = value > top
            top[better], answer[better] = value[better], column[better] + first
        best[start : start + QUESTION_BLOCK] = answer
    return best


def _norms(vectors: np.ndarray) -> np.ndarray:
    """float32[V], 1 for vectors of zeros (they are then similar to nothing); row blocks, no copy of all."""
    norms = np.empty(len(vectors), np.float32)
    step = max(1, BLOCK_CELLS // max(vectors.shape[1], 1))
    for start in range(0, len(vectors), step):
        norms[start : start + step] = np.linalg.norm(vectors[start : start + step], axis=1)
    norms[norms == 0] = 1
    return norms


def _similarities(
    target: np.ndarray, vectors: np.ndarray, norms: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, float32[Q, rows]) over blocks of `vectors`: target · unit vector."""
    step = max(1, BLOCK_CELLS // max(len(target), 1))
    for first in range(0, len(vectors), step):
        rows = slice(first, first + step)
        yield first, target @ vectors[rows].T.astype(np.float32, copy=False) / norms[rows]


def neighbors(
    words: Sequence[str],
    vectors: np.ndarray,
    queries: Sequence[str],
    k: int = 10,
    *,
    vector_of: Callable[[str], np.ndarray | None] | None = None,
) -> DataFrame:
    """The k words most similar to each query by cosine: query, rank (from 1), neighbor, similarity.

    A query outside `words` is looked up with `vector_of` (subword vectors, say); without a vector it
    has one row with rank 0, an empty neighbor and NaN. The query itself and zero vectors are left out.
    """
    import pandas as pd

    number = {word: row for row, word in reversed(list(enumerate(words)))}
    norms = _norms(vectors) if len(words) else np.ones(0, np.float32)
    rows: list[tuple[str, int, str, float]] = []
    for query in queries:
        vector = vectors[number[query]] if query in number else vector_of(query) if vector_of else None
        norm = 0.0 if vector is None else float(np.linalg.norm(vector))
        if norm == 0:
            rows.append((query, 0, "", math.nan))
            continue
        target = np.asarray(vector, np.float32)[None] / norm
        best: list[tuple[float, int]] = []
        for first, scores in _similarities(target, vectors, norms):
            count = min(k + 1, scores.shape[1])
            near = np.argpartition(-scores[0], count - 1)[:count]
            best += [(float(scores[0, place]), int(place) + first) for place in near]
            best = sorted(best, key=lambda pair: (-pair[0], pair[1]))[: k + 1]
        kept = [(value, row) for value, row in best if words[row] != query and vectors[row].any()][:k]
        rows += [(query, rank, words[row], value) for rank, (value, row) in enumerate(kept, 1)]
    return pd.DataFrame(rows, columns=["query", "rank", "neighbor", "similarity"])
