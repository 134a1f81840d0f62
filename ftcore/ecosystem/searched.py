"""A search for the head and the features of a classifier, on a part of the texts that is held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ftcore.errors import UserError
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import Conditions
from ftcore.training.start import Start

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.training.autotune import AutotuneResult

_LEAST = 20  # texts that can be parted


def searched(
    lines: list[str],
    labels: list[list[str]],
    weights: np.ndarray | None,
    options: config.Finetune,
    how: Conditions,
    start: Start | None,
    seconds: float,
) -> AutotuneResult:
    """What `ftcore.training.autotune` finds with ``head: auto``; the first trial is that of the options as they are.

    Args:
        lines: N lines of tokens.
        labels: of each.
        weights: [N], or None.

    Raises:
        UserError: too few texts to hold some out; `autotune`'s.
    """
    from ftcore.training.autotune import autotune

    count = len(lines)
    if count < _LEAST:
        raise UserError(
            f"autotune=True: {count} texts are too few to hold some out; give {_LEAST} or more, or set autotune=False"
        )
    every = 10 if count >= 1000 else 5
    by_label = sorted(
        range(count), key=lambda i: (labels[i][:1], i)
    )  # each label's texts are dealt out in turn
    judges = np.zeros(count, np.bool_)
    judges[by_label[every // 2 :: every]] = True

    def part(mask: np.ndarray) -> Tokenized:
        rows = np.flatnonzero(mask).tolist()
        own = None if weights is None else weights[mask]
        return Tokenized.of([lines[i] for i in rows], [labels[i] for i in rows], own)

    return autotune(
        part(~judges), part(judges), options.model_copy(update={"head": "auto"}), duration=seconds, seed=how.seed,
        engine=how.engine, deterministic=how.deterministic, threads=how.threads, start=start,
    )  # fmt: skip
