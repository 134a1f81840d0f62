"""Text that no corpus is needed for: words and n-grams as often as in language, made on the spot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ftcore.engines.cuda.twins import OutputSide, WordRows


@dataclass(frozen=True)
class MadeCorpus:
    """Lines of words by Zipf's law, and what their setup would be (`ftcore.engines.cuda`)."""

    ids: Tensor  # int32[N]
    offsets: Tensor  # int64[L + 1]
    limits: Tensor  # int32[nwords], bits of unsigned numbers
    words: WordRows
    side: OutputSide
    rows: int  # of the input table


def make_corpus(
    tokens: int, nwords: int, buckets: int, device: torch.device, line: int = 25, seed: int = 0
) -> MadeCorpus:
    """Word k occurs as 1 / (k + 2.7); a word has 11 n-grams on average, whose buckets are as skewed as in English.

    The hottest n-gram is in some 5 % of the centres that subsampling (t = 1e-4) leaves.
    """
    rng = np.random.default_rng(seed)
    share = 1 / (np.arange(nwords) + 2.7)
    share /= share.sum()
    counts = np.maximum(np.round(share * max(tokens, 50 * nwords)), 1).astype(np.int64)
    ids = np.searchsorted(np.cumsum(share), rng.random(tokens)).clip(max=nwords - 1)
    frequency = counts / counts.sum()
    t = max(1e-4, 10 / nwords)  # of a handful of words all are frequent
    keep = np.sqrt(t / frequency) + t / frequency
    limits = np.minimum(keep * 2.0**32, 2.0**32 - 1).astype(np.uint32)
    sizes = rng.poisson(11, nwords).clip(0, 60)
    starts = np.concatenate([[0], np.cumsum(sizes + 1)])
    grams = (buckets * rng.random(sizes.sum()) ** 3.2).astype(np.int64)  # bucket 0 is the hottest
    features = np.empty(starts[-1], np.int64)
    own = np.zeros(len(features), bool)
    own[starts[:-1]] = True
    features[own], features[~own] = np.arange(nwords), nwords + grams
    word = np.repeat(np.arange(nwords), sizes + 1)
    keys, times = np.unique(word * (nwords + buckets) + features, return_counts=True)
    gain = np.bincount(keys // (nwords + buckets), times.astype(np.float64) ** 2, nwords) / (sizes + 1)

    def put(array: np.ndarray, kind: type) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, kind)).to(device)

    offsets = np.append(np.arange(0, tokens, line), tokens)
    table = alias_of(np.sqrt(counts)).view(np.int32)
    empty = np.zeros(0)
    return MadeCorpus(
        put(ids, np.int32),
        put(offsets, np.int64),
        put(limits.view(np.int32), np.int32),
        WordRows(put(features, np.int32), put(starts, np.int64), put(gain, np.float32)),
        OutputSide(
            "ns",
            nwords,
            put(table, np.int32),
            put(empty, np.int32),
            put(empty, np.float32),
            put(empty, np.int64),
        ),
        nwords + buckets,
    )


def alias_of(weights: np.ndarray) -> np.ndarray:
    """uint32[C, 2]: as `ftcore.engines.alias.alias_table`, without the native core.

    Example:
        >>> alias_of(np.array([3.0, 1.0])).tolist()
        [[4294967295, 0], [2147483648, 0]]
    """
    odds = (weights * (len(weights) / weights.sum())).tolist()
    other = list(range(len(odds)))
    low = [k for k, p in enumerate(odds) if p < 1]
    high = [k for k, p in enumerate(odds) if p >= 1]
    while low and high:
        k, donor = low.pop(), high[-1]
        other[k] = donor
        odds[donor] -= 1 - odds[k]
        if odds[donor] < 1:
            low.append(high.pop())
    for k in (*low, *high):
        odds[k], other[k] = 1.0, k
    table = np.empty((len(odds), 2), np.uint32)
    table[:, 0] = np.minimum(np.array(odds) * 2.0**32, 2.0**32 - 1).astype(np.uint32)
    table[:, 1] = other
    return table
