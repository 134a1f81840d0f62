"""Scores and probabilities of all classes, as scikit-learn wants them: exact, one column a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ftcore.inference.classifier import Classifier, probabilities
from ftcore.model.model import Model

_NEVER = np.float32(-100)  # the score of a class that no training text had: e^-100 is 0 in float32


class Scorer:
    """A supervised model's scores.

    Args:
        model: it must not change.
        names: the model's labels in the order of the columns wanted; one the model lacks is never likely.
    """

    def __init__(self, model: Model, names: Sequence[str]) -> None:
        self.loss = model.args.loss
        self.classifier = Classifier(model, threads=1)
        index = model.dictionary.label_index
        self.columns = np.array([index.get(name, -1) for name in names], np.int64)

    def scores(self, texts: Sequence[str], threads: int = 1) -> np.ndarray:
        """float32[N, C]: hidden · outputᵀ, or log-probabilities under hs. A text's bits depend on it alone."""
        found = [scores for _, scores in self.classifier.scores(self.classifier.tokens(texts), threads)]
        none = np.zeros((0, len(self.classifier.labels)), np.float32)
        out = np.concatenate([none, *found])[:, self.columns]
        out[:, self.columns < 0] = _NEVER
        return out

    def probabilities(self, scores: np.ndarray, normalize: bool) -> np.ndarray:
        """float64[N, C] from `scores`: in float32 a sure one would be exactly 1, and all sure ones tie.

        Args:
            normalize: divide the yes/no probabilities of ova and ns by their sum.
        """
        found = probabilities(scores.astype(np.float64), "softmax" if self.loss == "hs" else self.loss)
        return found / found.sum(axis=1, keepdims=True) if normalize else found
