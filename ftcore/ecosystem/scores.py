"""Scores and probabilities of all classes, as scikit-learn wants them: exact, one column a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ftcore.base.threads import ahead
from ftcore.ecosystem.models import Source
from ftcore.inference.predict import Predictor

_TEXTS = 1024  # of a batch
_NEVER = np.float32(-100)  # the score of a class that no training text had: e^-100 is 0 in float32


class Scorer:
    """A supervised model's scores.

    Args:
        source: the model. It must not change.
        names: the model's labels in the order of the columns wanted; one the model lacks is never likely.
    """

    def __init__(self, source: Source, names: Sequence[str]) -> None:
        self.source, self.loss = source, source.classic.args.loss
        self.predictor = Predictor(source.classic, threads=1)
        index = source.classic.dictionary.label_index
        self.columns = np.array([index.get(name, -1) for name in names], np.int64)

    def scores(self, texts: Sequence[str], threads: int = 1) -> np.ndarray:
        """float32[N, C]: hidden · outputᵀ, or log-probabilities under hs. A text's bits depend on it alone."""
        parts = ahead(
            self._batch, ((texts[at : at + _TEXTS],) for at in range(0, len(texts), _TEXTS)), threads
        )
        found = np.concatenate(list(parts))
        out = found[:, self.columns]
        out[:, self.columns < 0] = _NEVER
        return out

    def _batch(self, texts: Sequence[str]) -> np.ndarray:
        ids, offsets = self.source.features(texts)
        scores = self.predictor.scores(*self.predictor.tables.known(ids, offsets))
        return self._tree(scores) if self.loss == "hs" else scores

    def _tree(self, scores: np.ndarray) -> np.ndarray:
        import torch

        from ftcore.model.losses import huffman_tree

        tree = huffman_tree(self.source.classic.dictionary.label_counts)
        return tree.log_probabilities(torch.from_numpy(scores)).numpy()

    def probabilities(self, scores: np.ndarray, normalize: bool) -> np.ndarray:
        """float64[N, C] from `scores`: in float32 a sure one would be exactly 1, and all sure ones tie.

        Args:
            normalize: divide the yes/no probabilities of ova and ns by their sum.
        """
        scores = scores.astype(np.float64)
        if self.loss in ("softmax", "hs"):
            shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
            return shifted / shifted.sum(axis=1, keepdims=True)
        yes = 1 / (1 + np.exp(-np.clip(scores, -700, 700)))
        return yes / yes.sum(axis=1, keepdims=True) if normalize else yes
