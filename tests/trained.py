"""A training said in one call: what the recipe does between its parts, for tests that look at one part."""

from __future__ import annotations

from typing import Any

from ftcore.training import recipe
from ftcore.training.conditions import Conditions, Prepared
from ftcore.training.loop import TrainingResult


def finetune(
    tables: Any, dictionary: Any, train: Any, valid: Any, options: Any, *, frozen: Any = None,
    document_weights: Any = None, **conditions: Any,
) -> TrainingResult:  # fmt: skip
    """`ftcore.training.finetune.finetune`."""
    prepared = Prepared(dictionary, train, valid, document_weights)
    return recipe.fit(tables, prepared, options, Conditions(**conditions), frozen)


def pretrain(tables: Any, dictionary: Any, corpus: Any, options: Any, **conditions: Any) -> TrainingResult:
    """`ftcore.training.pretrain.pretrain`."""
    return recipe.fit(tables, Prepared(dictionary, corpus), options, Conditions(**conditions))
