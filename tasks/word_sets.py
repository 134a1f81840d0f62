"""Word sets that the pretrained vectors are judged by: similarity and analogy files, words with neighbours.

Their words are spelled as the corpus is: case, width, simplified or traditional characters.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore.config import Config, Text
from ftcore.errors import UnreadableFile, UserError
from ftcore.evaluation.similarity import analogies, neighbors, read_pairs, read_questions, word_similarity
from ftcore.text.normalize import normalize

if TYPE_CHECKING:
    import pandas as pd

    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.inference.vectors import Vectors
    from ftcore.model.model import Model

log = logging.getLogger("ftcore.word_sets")
FEW = 0.5  # of the words known: fewer are worth a word


def word_files(config: Config) -> list[str]:
    """Word-pair and analogy files, relative ones below `data`."""
    options = config.evaluate
    return [str(Path(config.data) / p) for p in [*options.similarity, *options.analogies]]


def check_word_files(config: Config) -> None:
    """Refuse word sets that are not there or cannot be read as what they are, before any training.

    Raises:
        UserError: a missing file; file and line of one that is no pair with a number, or no four words; a
            word for `evaluate.neighbors` that no token can be.
    """
    for path in word_files(config):
        if not Path(path).is_file():
            raise UnreadableFile(
                f"{path}: no such file; check evaluate.similarity and evaluate.analogies, and data"
            )
    words_by_set(config)
    for word in config.evaluate.neighbors:
        if len(spelling(config.text)([word])[0].split()) != 1:
            raise UserError(
                f"evaluate.neighbors: {word!r} is not one word, so it has no vector; name single tokens"
            )


def words_by_set(config: Config) -> dict[str, list[str]]:
    """The distinct words of each word set, by its file or ``evaluate.neighbors``, spelled as the corpus is."""
    options, data = config.evaluate, Path(config.data)
    found: dict[str, Iterable[str]] = {}
    for name in options.similarity:
        found[str(data / name)] = [w for a, b, _ in read_pairs(data / name) for w in (a, b)]
    for name in options.analogies:
        sections = read_questions(data / name)
        found[str(data / name)] = [w for _, questions in sections for question in questions for w in question]
    if options.neighbors:
        found["evaluate.neighbors"] = options.neighbors
    return {name: list(dict.fromkeys(spelling(config.text)(list(words)))) for name, words in found.items()}


def spelling(text: Text) -> Callable[[Sequence[str]], list[str]]:
    """Words as the corpus has them after normalisation (they are not cut any further).

    Example:
        >>> spelling(Text())(["Paris", "Ｔ恤"])
        ['paris', 't恤']
    """
    options = text.normalize.model_copy(update={"html": False, "urls": "keep", "emails": "keep"})
    return lambda words: normalize(list(words), options).to_pylist()


def check_words(config: Config, dictionary: Dictionary) -> None:
    """Say before the training how little of a word set the corpus knows.

    Raises:
        UserError: none of a set's words occurs, and there are no n-grams to make them from.
    """
    for name, words in words_by_set(config).items():
        known = known_words(words, dictionary)
        if not known and not dictionary.options.maxn:
            raise UserError(
                f"{name}: none of its {len(words)} words ({', '.join(words[:3])}, …) is in the vocabulary of "
                f"{dictionary.nwords:,} words; check its language and spelling, or leave it out"
            )
        if known < FEW * len(words):
            log.warning("%s: %d of its %d words are in the vocabulary", name, known, len(words))


def known_words(words: Sequence[str], dictionary: Dictionary) -> int:
    """How many of the words have a row of their own."""
    known = set(dictionary.words)
    return sum(word.encode() in known for word in words)


def word_scores(config: Config, model: Model, tables: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Spearman and analogy accuracy per file; neighbours of the chosen words as a table.

    Beside each score stand ``_used`` of ``_total`` pairs or questions, and ``_known`` of ``_words`` words
    that are in the vocabulary (others have a vector from their n-grams, if any).
    """
    from ftcore.inference.vectors import Vectors

    options, data = config.evaluate, Path(config.data)
    spell, own = spelling(config.text), Vectors(model)
    metrics: dict[str, float] = {}

    @cache
    def spelled(word: str) -> str:
        return spell([word])[0]

    def coverage(kind: str, name: str, words: Sequence[str]) -> None:
        metrics[f"{kind}/{name}_known"] = known_words(words, model.dictionary)
        metrics[f"{kind}/{name}_words"] = len(words)

    sets = words_by_set(config)
    for name in options.similarity:
        stem = Path(name).stem
        found = word_similarity(known_vector(own), data / name, normalize=spelled)
        metrics[f"similarity/{stem}"] = found.spearman
        metrics[f"similarity/{stem}_used"] = found.used
        metrics[f"similarity/{stem}_total"] = found.pairs
        coverage("similarity", stem, sets[str(data / name)])
    if not (options.analogies or options.neighbors):
        return metrics
    words, vectors = own.names, own.all()
    for name in options.analogies:
        stem = Path(name).stem
        answers = analogies(words, vectors, data / name, normalize=spelled)
        metrics[f"analogies/{stem}"] = answers.accuracy
        metrics[f"analogies/{stem}_used"] = answers.answered
        metrics[f"analogies/{stem}_total"] = answers.questions
        coverage("analogies", stem, sets[str(data / name)])
        tables[f"analogies_{stem}"] = answers.sections
    if options.neighbors:
        queries = sets["evaluate.neighbors"]
        tables["neighbors"] = neighbors(words, vectors, queries, 10, vector_of=known_vector(own))
        metrics["neighbors/known"] = known_words(queries, model.dictionary)
        metrics["neighbors/words"] = len(queries)
    return metrics


def known_vector(vectors: Vectors) -> Callable[[str], np.ndarray | None]:
    """A word's vector, None where the model knows neither it nor any of its n-grams."""

    def vector(word: str) -> np.ndarray | None:
        found = vectors.word(word)
        return found if np.any(found) else None

    return vector
