"""The cpu engine's own draws: discards and windows of a run of lines, and what they look like to a kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftcore import native


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
        ids: int32[N].
        offsets: int64[L + 1], relative to `ids`.
        limits: of `discard_limits`.
    """
    size = len(ids)
    made = Centres(*(np.empty(size, np.int32) for _ in range(4)))
    kept = native.draw_centres(ids, offsets, limits, ws, int(seed), *made)
    return Centres(*(array[:kept] for array in made))
