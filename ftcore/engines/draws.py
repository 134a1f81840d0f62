"""Every random draw of training, a function of (seed, stage, epoch, chunk) and of nothing else.

A chunk is a run of lines or documents between two points where training may stop and resume. One
counter-based generator per chunk makes a resumed run equal to one that never stopped, whatever ran
before it in the process. The order of draws inside a chunk follows fastText (`fasttext.cc`,
`Dictionary::getLine`, `FastText::skipgram`): discards, then windows, then negatives; they are drawn
in bulk, not from fastText's own minstd.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ftcore.base.ragged import Ragged, spans
from ftcore.errors import UserError

STAGES = {"pretrain": 1, "finetune": 2, "order": 3}


def chunk_generator(seed: int, stage: str, epoch: int, chunk: int) -> np.random.Generator:
    """A generator of its own for each chunk; streams are 2**128 draws apart, so they never meet.

    Example:
        >>> a, b = chunk_generator(0, "pretrain", 1, 2), chunk_generator(0, "pretrain", 1, 2)
        >>> a.random() == b.random()
        True
    """
    counter = np.array([0, 0, chunk, epoch], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=[seed, STAGES[stage]], counter=counter))


def keep_probability(counts: np.ndarray, ntokens: int, t: float) -> np.ndarray:
    """float64[nwords]: a token stays if a uniform draw is at most sqrt(t/f) + t/f, f = count / ntokens.

    `ntokens` counts every token read, out-of-vocabulary ones too (`Dictionary::initTableDiscard`).
    """
    share = np.maximum(counts, 1) / max(ntokens, 1)
    return np.sqrt(t / share) + t / share


@dataclass(frozen=True)
class Windows:
    """The tokens that survived subsampling, and around each the span of its context.

    The context of centre i is ``words[first[i] : last[i]]`` without i itself.
    """

    words: np.ndarray  # int64[K] word ids, EOS included
    place: np.ndarray  # int64[K] tokens of the chunk before this one, discarded ones too (for lr)
    first: np.ndarray  # int64[K]
    last: np.ndarray  # int64[K], exclusive


def draw_windows(
    ids: np.ndarray, offsets: np.ndarray, keep: np.ndarray, ws: int, rng: np.random.Generator
) -> Windows:
    """Discard frequent words, then draw one window of 1..ws for every token that is left.

    Windows are formed after the discard and never cross a line (`offsets`, relative to `ids`).
    """
    ids = np.asarray(ids, dtype=np.int64)
    place = np.flatnonzero(rng.random(len(ids)) <= keep[ids])
    width = rng.integers(1, ws + 1, len(place))
    line = np.searchsorted(offsets, place, side="right") - 1
    line_start = np.searchsorted(place, offsets[:-1])[line]
    line_stop = np.searchsorted(place, offsets[1:])[line]
    here = np.arange(len(place))
    return Windows(
        words=ids[place],
        place=place,
        first=np.maximum(here - width, line_start),
        last=np.minimum(here + width + 1, line_stop),
    )


def context_pairs(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """(centre, context) as positions in `windows.words`: int64[P] each, centre by centre, left to right."""
    sizes = windows.last - windows.first
    context, _ = spans(windows.first, sizes)
    centre = np.repeat(np.arange(len(sizes)), sizes)
    others = context != centre
    return centre[others], context[others]


def draw_negatives(table: np.ndarray, targets: np.ndarray, neg: int, rng: np.random.Generator) -> np.ndarray:
    """int64[E, neg]: rows drawn from fastText's table (count ** 0.5), redrawn while equal to the target.

    Raises:
        UserError: the table holds one row only, which can never differ from itself.
    """
    if len(targets) and table[0] == table[-1]:
        raise UserError(
            "negative sampling needs at least two words or labels; lower min_count, add text, or use loss=softmax"
        )
    drawn = table[rng.integers(0, len(table), (len(targets), neg))].astype(np.int64)
    same = np.flatnonzero((drawn == targets[:, None]).ravel())
    flat, wanted = drawn.reshape(-1), np.repeat(targets, neg) if len(same) else targets
    while len(same):
        flat[same] = table[rng.integers(0, len(table), len(same))]
        same = same[flat[same] == wanted[same]]
    return drawn


def draw_labels(labels: Ragged, rng: np.random.Generator) -> np.ndarray:
    """int64[documents]: one label of each, drawn even where there is one, as fastText does.

    So the number of labels never shifts the later draws.
    """
    sizes, share = labels.sizes, rng.random(len(labels))
    drawn = np.minimum((share * sizes).astype(np.int64), sizes - 1)
    return labels.values[labels.offsets[:-1] + drawn].astype(np.int64)


def drop_features(bags: Ragged, share: float, rng: np.random.Generator) -> Ragged:
    """Leave out each feature with probability `share`; a document that would lose all keeps all."""
    kept = rng.random(len(bags.values)) >= share
    left = bags.where(kept)
    empty = left.sizes == 0
    return bags.where(kept | np.repeat(empty, bags.sizes)) if empty.any() else left
