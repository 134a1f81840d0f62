"""The cpu engine's own draws: discards and windows of a run of lines, and what they look like to a kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftcore.model.kernel import kernel


class Centres(NamedTuple):
    """The tokens that survived subsampling; the context of centre i is ``words[first[i] : last[i]]`` without i."""

    words: np.ndarray  # int32[K] word ids, EOS included
    place: (
        np.ndarray
    )  # int32[K] tokens of the part before this one, discarded ones too (for the learning rate)
    first: np.ndarray  # int32[K]
    last: np.ndarray  # int32[K], exclusive


def discard_limits(keep: np.ndarray) -> np.ndarray:
    """uint32[nwords] of float64 probabilities: a token stays if a uniform uint32 is not above its word's limit."""
    return np.minimum(keep * 2.0**32, 2.0**32 - 1).astype(np.uint32)


def draw_centres(
    ids: np.ndarray, offsets: np.ndarray, limits: np.ndarray, ws: int, seed: np.uint64
) -> Centres:
    """Discard frequent words, then draw one window of 1..ws for every token that is left.

    Windows are formed after the discard and never cross a line (``Dictionary::getLine``, ``FastText::skipgram``).

    Args:
        ids: int32[N]. offsets: int64[L + 1], relative to `ids`. limits: of `discard_limits`.
    """
    size = len(ids)
    made = Centres(*(np.empty(size, np.int32) for _ in range(4)))
    kept = _draw(ids, offsets, limits, np.uint64(ws), seed, *made)
    return Centres(*(array[:kept] for array in made))


@kernel
def _draw(ids, offsets, limits, ws, seed, words, place, first, last):
    state = seed
    kept = 0
    for line in range(len(offsets) - 1):
        start = kept
        for i in range(offsets[line], offsets[line + 1]):
            state += np.uint64(0x9E3779B97F4A7C15)
            if np.uint32(_mix(state) >> np.uint64(32)) <= limits[ids[i]]:
                words[kept] = ids[i]
                place[kept] = i
                kept += 1
        for i in range(start, kept):
            state += np.uint64(0x9E3779B97F4A7C15)
            width = 1 + np.int32(((_mix(state) >> np.uint64(32)) * ws) >> np.uint64(32))
            first[i] = max(i - width, start)
            last[i] = min(i + width + 1, kept)
    return kept


@kernel(inline=True)
def _mix(x):
    """The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
