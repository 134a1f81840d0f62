"""The predictor and the vectors of a torch model, as it is now: its tables may be trained on between two answers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ftcore.inference.classifier import Classifier
from ftcore.inference.tables import Tables
from ftcore.inference.vectors import Vectors


class Faces:
    """The predictor and the vectors of a model whose tables may be trained on: nothing made of their values is kept.

    Args:
        owner: an `ftcore.FastText`.
    """

    def __init__(self, owner: Any) -> None:
        self.model = owner.to_model().in_float32()
        self._tables = Tables(self.model)
        self._made_of = self._things(owner)
        self._beside = self._others(owner)
        input, output = owner.tables.input, owner.tables.output
        pairs = zip((input, output), self.model.dense, strict=True)
        # elsewhere, or in another order, they had to be copied: such an answer is of one moment
        self._shared = all(t.is_cpu and t.is_contiguous() and t.data_ptr() == a.ctypes.data for t, a in pairs)

    def of(self, owner: Any) -> bool:
        """Whether this still answers for the model."""
        same = all(a is b for a, b in zip(self._beside, self._others(owner), strict=True))
        return self._shared and same and self._made_of == self._things(owner)

    @staticmethod
    def _others(owner: Any) -> tuple:
        return (
            owner.dictionary,
            owner.tokenizer,
            owner.labels,
            owner.thresholds,
            owner.abstention,
            owner.rules,
        )

    @staticmethod
    def _things(owner: Any) -> tuple:
        pair = owner.tables.input, owner.tables.output
        return (
            *((t.data_ptr(), t.shape, t.dtype) for t in pair), owner.dictionary.rows, owner.loss, owner.kind, owner.seed,
        )  # fmt: skip

    @cached_property
    def classifier(self) -> Classifier:
        """Raw texts to labels."""
        return Classifier(self.model, tables=self._tables, fold=False)

    @cached_property
    def vectors(self) -> Vectors:
        """Words and lines of tokens to vectors."""
        return Vectors(self.model, tables=self._tables)
