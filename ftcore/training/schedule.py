"""The learning rate over a training: linear from `lr` to 0 by tokens processed, no floor (fastText's)."""

from __future__ import annotations

from collections.abc import Callable


def linear(lr: float, total: int) -> Callable[[int], float]:
    """lr * (1 - done / total), for `done` tokens of `total`; 0 beyond the end.

    Example:
        >>> rate = linear(0.1, total=1000)
        >>> rate(0), rate(500), rate(2000)
        (0.1, 0.05, 0.0)
    """
    return lambda done: lr * max(0.0, 1.0 - done / max(total, 1))
