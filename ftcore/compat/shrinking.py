"""Quantisation with retraining: `_FastText.quantize` behind its checks.

Source: fastText 0.9.3 ``src/fasttext.cc`` (``quantize``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ftcore.compat.arguments import Arguments
from ftcore.compat.reading import Reading
from ftcore.compat.watch import Watch
from ftcore.dictionary.spool import spooled
from ftcore.formats import quantized
from ftcore.model.model import Model


def quantize(classic: Model, input: Any, changed: dict[str, Any], verbose: int, **options: Any) -> Model:
    """A quantised model.

    Args:
        input: what a retraining reads; None: none.
        changed: epoch, lr, thread of it.
        options: of `ftcore.formats.quantized.quantize`.
    """
    input = spooled(input)
    if input is None:
        return quantized.quantize(classic, **options)

    def retrain(cut: Model) -> Model:
        return train_on(replace(cut, args=replace(cut.args, **changed)), input, verbose)

    return quantized.quantize(classic, retrain=retrain, **options)


def train_on(classic: Model, input: Any, verbose: int) -> Model:
    """Go on training a classifier's tables, its dictionary as it is: features without a row are left out."""
    from ftcore.compat.training import conditions
    from ftcore.training.recipe import learn
    from ftcore.training.start import AsItIs

    args = classic.args
    with Watch(verbose) as watch:
        model, _ = learn(
            Reading(input, args), Arguments(None, args).options(), conditions(args, watch.listeners),
            start=AsItIs(classic),
        )  # fmt: skip
    return replace(classic, input=model.input, output=model.output)
