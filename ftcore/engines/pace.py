"""How often each row is updated: what several processes that trained apart have to know when they meet.

Shapes: R input rows, O output rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ftcore.engines.setup import FinetuneSetup, PretrainSetup

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.dictionary.encode import BagCorpus

Pace = tuple[np.ndarray, np.ndarray]


def pace_of_words(ids: np.ndarray, rows: int, options: config.Pretrain, setup: PretrainSetup) -> Pace:
    """Updates of each row a token: float32[R] and float32[O], expected.

    Args:
        ids: int32[N] words of a text.
        rows: R.
    """
    kept = np.bincount(ids, minlength=setup.targets.rows) * np.minimum(setup.keep, 1) / max(len(ids), 1)
    pairs = options.ws + 1  # of a centre, where windows are as wide as often as narrow
    subwords, targets = setup.subwords, setup.targets
    input = np.bincount(subwords.values, np.repeat(kept * pairs, np.diff(subwords.offsets)), rows)
    scored = kept * (1 if options.model == "cbow" else pairs)
    if targets.loss == "hs" and targets.paths is not None:
        paths = targets.paths
        output = np.bincount(paths.values, np.repeat(scored, np.diff(paths.offsets)), targets.rows)
    elif targets.loss == "ns" and targets.sizes is not None:
        output = scored + scored.sum() * options.neg * targets.sizes / targets.sizes.sum()
    else:
        output = np.maximum(2 * scored, 1e-30)  # a softmax moves every row, be it by little
    return input.astype(np.float32), output.astype(np.float32)


def pace_of_documents(corpus: BagCorpus, rows: int, setup: FinetuneSetup) -> Pace:
    """Updates of each row a feature: float32[R] and float32[O]; of an input row by its share of the bag."""
    total = max(len(corpus.ids), 1)
    documents = len(corpus.offsets) - 1
    input = np.bincount(corpus.ids, minlength=rows) * (documents / total) / total
    return input.astype(np.float32), np.full(setup.targets.rows, documents / total, np.float32)


def share_of_sum(way: Tensor, processes: int) -> Tensor:
    """What of the sum of the processes' motions a row moves by, to end where one process would have taken it.

    A row that is pulled to a place goes a share of the way there with each update: n of them leave exp(-way), with way
    = n x that share. Processes that trained apart have each gone 1 - exp(-way); one that made all their updates
    would have gone 1 - exp(-processes x way). So a rare row moves by the sum, the commonest by the mean.

    Args:
        way: float32[n].
        processes: that train apart.

    Example:
        >>> [round(one, 2) for one in share_of_sum(torch.tensor([0.0, 1, 1e9]), 4).tolist()]
        [1.0, 0.39, 0.25]
    """
    way = way.clamp(min=1e-6)
    return torch.expm1(-processes * way) / (processes * torch.expm1(-way))
