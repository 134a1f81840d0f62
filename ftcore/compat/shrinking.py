"""Quantisation with retraining: `_FastText.quantize` behind its checks.

Source: fastText 0.9.3 ``src/fasttext.cc`` (``quantize``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ftcore.base.cores import cores
from ftcore.compat.arguments import Arguments
from ftcore.compat.reading import Reading
from ftcore.compat.watch import Watch
from ftcore.dictionary.encode import BagCorpus
from ftcore.dictionary.spool import spooled
from ftcore.formats import quantized
from ftcore.model.matrices import Matrices
from ftcore.model.model import Model


def quantize(classic: Model, input: Any, changed: dict[str, Any], verbose: int, **options: Any) -> Model:
    """A quantised model.

    Args:
        input: what a retraining reads; None: none. changed: epoch, lr, thread of it.
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
    from ftcore.engines.choice import choose_engine
    from ftcore.training.finetune import finetune

    args = classic.args
    bags = _present(Reading(input, args).encode(classic.dictionary, grow=False))
    tables = Matrices(np.array(classic.input, np.float32), np.array(classic.output, np.float32))
    with Watch(verbose) as watch:
        finetune(
            tables, classic.dictionary, bags, None, Arguments(None, args).options(), seed=args.seed,
            engine=choose_engine("cpu", "cpu"), listeners=watch.listeners,
            deterministic=args.thread == 1, threads=min(args.thread, cores()),
        )  # fmt: skip
    return replace(classic, input=tables.input, output=tables.output)


def _present(bags: BagCorpus) -> BagCorpus:
    """The bags without the features that have no row."""
    kept = bags.ids >= 0
    before = np.concatenate([[0], np.cumsum(kept)])
    return BagCorpus(bags.ids[kept], before[bags.offsets], bags.targets, bags.target_offsets)
