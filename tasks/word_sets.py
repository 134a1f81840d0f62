"""Word sets that the pretrained vectors are judged by: similarity and analogy files, words with neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ftcore.config import Config
from ftcore.errors import UserError
from ftcore.evaluation.similarity import analogies, neighbors, word_similarity
from ftcore.fasttext import FastText


def word_files(config: Config) -> list[str]:
    """Word-pair and analogy files, relative ones below `data`."""
    options = config.evaluate
    return [str(Path(config.data) / p) for p in [*options.similarity, *options.analogies]]


def check_word_files(config: Config) -> None:
    """Refuse word sets that are not there, before any training."""
    for path in word_files(config):
        if not Path(path).is_file():
            raise UserError(
                f"{path}: no such file; check evaluate.similarity and evaluate.analogies, and data"
            )


def word_scores(config: Config, model: FastText, tables: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Spearman and analogy accuracy per file; neighbours of the chosen words as a table."""
    options, data = config.evaluate, Path(config.data)
    metrics: dict[str, float] = {}
    for name in options.similarity:
        found = word_similarity(known_vector(model), data / name, normalize=str.lower)
        metrics[f"similarity/{Path(name).stem}"] = found.spearman
        metrics[f"similarity/{Path(name).stem}_used"] = found.used
        metrics[f"similarity/{Path(name).stem}_total"] = found.pairs
    if not (options.analogies or options.neighbors):
        return metrics
    words = model.words
    vectors = model.word_vectors()
    for name in options.analogies:
        answers = analogies(words, vectors, data / name, normalize=str.lower)
        metrics[f"analogies/{Path(name).stem}"] = answers.accuracy
        metrics[f"analogies/{Path(name).stem}_used"] = answers.answered
        metrics[f"analogies/{Path(name).stem}_total"] = answers.questions
        tables[f"analogies_{Path(name).stem}"] = answers.sections
    if options.neighbors:
        tables["neighbors"] = neighbors(words, vectors, options.neighbors, 10, vector_of=known_vector(model))
    return metrics


def known_vector(model: FastText):
    """A word's vector, None where the model knows neither it nor any of its n-grams."""

    def vector(word: str) -> np.ndarray | None:
        found = model.word_vector(word)
        return found if np.any(found) else None

    return vector
