"""Where one shard ends and the next begins: by the documents near the border alone.

A document begins a shard if the hash of its text is the least of all within half a shard before and behind it. A document
that is added, changed or removed therefore moves the borders near it, and every other shard stays what it was, to
the byte.
"""

from __future__ import annotations

import numpy as np

_LONGEST = (
    4  # times the wanted rows: a longer stretch without a least hash (one text over and over) is cut evenly
)


def shard_borders(hashes: np.ndarray, rows: int) -> list[int]:
    """The row at which each shard begins, and behind the last one.

    Args:
        hashes: uint32 [n], one of each document; equal documents have equal ones.
        rows: documents of a shard on average; none but a lone one has fewer than half of them.

    Example:
        >>> shard_borders(np.array([5, 6, 7, 1, 8, 9, 4], np.uint32), rows=4)
        [0, 3, 7]
    """
    n, half = len(hashes), max(1, rows // 2)
    borders = [0]
    if n > 2 * half:
        before = _least(hashes[: n - half - 1], half)  # of the documents i - half … i - 1, for i from half on
        behind = _least(hashes[half + 1 :], half)
        own = hashes[half : n - half]
        borders += (np.flatnonzero((own < before) & (own <= behind)) + half).tolist()
    borders.append(n)
    cut = borders[:1]
    for border in borders[1:]:
        while border - cut[-1] > _LONGEST * rows:
            cut.append(cut[-1] + rows)
        cut.append(border)
    return cut


def _least(values: np.ndarray, width: int) -> np.ndarray:
    """The least of each `width` neighbours: [n - width + 1]."""
    done, least = 1, values
    while done < width:
        step = min(done, width - done)
        least = np.minimum(least[:-step], least[step:])
        done += step
    return least
