"""Lines as one text."""

from __future__ import annotations

import numpy as np

from ftcore.model.kernel import kernel


@kernel
def join_rows(data, offsets, out):
    """Write ``data[offsets[b]:offsets[b + 1]]`` and a newline for each row, then zeros.

    A newline within a row becomes a space.
    """
    at = 0
    for b in range(len(offsets) - 1):
        row = data[
            offsets[b] : offsets[b + 1]
        ]  # slices: indices from 0 on need no test, so this runs in SIMD
        to = out[at : at + len(row)]
        for j in range(len(row)):
            to[j] = np.uint8(32) if row[j] == 10 else row[j]
        at += len(row)
        out[at] = 10
        at += 1
    out[at:] = 0
