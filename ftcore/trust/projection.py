"""A direction taken out of a model: what it can no longer see, it can no longer judge by.

The direction is what the words of pairs (he and she, 他 and 她) differ by; every row of the input loses its part along it
(the neutralising step of Bolukbasi et al., "Man is to computer programmer as woman is to homemaker?", NeurIPS 2016, for
all words). Rows of n-grams lose theirs too, so that words and texts, which are means of rows, have none left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ftcore.errors import IncompatibleModel, UserError
from ftcore.inference.vectors import Vectors
from ftcore.model.model import Model
from ftcore.trust.word_sets import PAIRS


def pair_direction(
    model: Model, pairs: Sequence[tuple[str, str]] | None = None, parts: int = 1
) -> np.ndarray:
    """The directions that the words of pairs differ by most: float64[parts, D], of length 1, at right angles.

    Args:
        pairs: default those of `ftcore.trust.word_sets`; one with an unknown word is left out.
        parts: how many directions.

    Raises:
        UserError: the model knows no pair, or fewer than directions are asked for.
    """
    pairs = [pair for some in PAIRS.values() for pair in some] if pairs is None else pairs
    index = model.dictionary.index
    known = [pair for pair in pairs if all(word.encode() in index for word in pair)]
    if len(known) < parts:
        raise UserError(
            f"the model knows {len(known)} of {len(pairs)} pairs of words; {parts} are needed for a direction"
        )
    vectors = Vectors(model.in_float32())
    differences = []
    for pair in known:
        a, b = (vectors.word(word).astype(np.float64) for word in pair)
        a, b = (v / max(float(np.linalg.norm(v)), 1e-12) for v in (a, b))
        differences.append(a - b)
    return np.linalg.svd(np.stack(differences), full_matrices=False)[2][:parts]


def without_direction(model: Model, directions: np.ndarray) -> Model:
    """The model whose rows have no part along some directions.

    Args:
        directions: [n, D], of length 1, at right angles.

    Raises:
        IncompatibleModel: a quantised model.
    """
    model = model.written_out()
    if not isinstance(model.input, np.ndarray):
        raise IncompatibleModel(
            f"{model.path or 'this model'} is quantised; project the .bin that it was made from"
        )
    table = model.input.astype(np.float64)
    table -= (table @ directions.T) @ directions
    return replace(model, input=table.astype(model.input.dtype))
