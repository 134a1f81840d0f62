"""Tables held to where they started: what a model knew is not overwritten by what it learns now.

L2-SP (Li, Grandvalet, Davoine, "Explicit inductive bias for transfer learning with convolutional networks", ICML 2018): the
distance to the start is penalised. The pull is taken as a step of its own after each chunk of documents: of what a
row has moved, a share goes back; over an epoch it is `share`, however the epoch is cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ftcore.model.matrices import Matrices, as_array


class Anchor:
    """The start of a training's tables, and the way back to it.

    Args:
        tables: as they are now. Rows of labels that are zero are new; nothing holds them.
        known: bool[rows], the rows of features that the old model had.
        share: of a row's way that it goes back in an epoch, were there no gradients: from 0 to below 1.

    Example:
        anchor = Anchor(tables, known, 0.5); …; anchor.pull(tables, documents / all_documents)
    """

    def __init__(self, tables: Any, known: np.ndarray, share: float) -> None:
        self.share = share
        input, output = as_array(tables.input), as_array(tables.output)
        self._rows = np.flatnonzero(known)
        self._labels = np.flatnonzero((output != 0).any(axis=1))
        self._start = input[self._rows].copy(), output[self._labels].copy()

    def pull(self, tables: Any, part: float) -> None:
        """Take the tables a part of an epoch's way back, in place."""
        left = np.float32((1 - self.share) ** part)
        places = (self._rows, self._labels)
        if isinstance(tables, Matrices):
            for table, rows, start in zip((tables.input, tables.output), places, self._start, strict=True):
                table[rows] = start + (table[rows] - start) * left
            return
        import torch

        with torch.no_grad():
            for table, rows, start in zip((tables.input, tables.output), places, self._start, strict=True):
                at = torch.from_numpy(rows).to(table.device)
                origin = torch.from_numpy(start).to(table.device, table.dtype)
                table[at] = origin + (table[at] - origin) * float(left)
