"""Which documents stay, by their language and number of tokens."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftcore.config import Filters
from ftcore.text.documents import REJECTED, Step, empty, rejected_rows

STEP = "filters"


def count_tokens(tokens: pa.Array) -> np.ndarray:
    """Number of tokens in each space-joined string: int64 [n].

    Example:
        >>> count_tokens(pa.array(["", "a", "a b"])).tolist()
        [0, 1, 2]
    """
    spaces = pc.count_substring(tokens, " ").to_numpy(zero_copy_only=False).astype(np.int64)
    some = pc.greater(pc.binary_length(tokens), 0).to_numpy(zero_copy_only=False)
    return np.where(some, spaces + 1, 0)


def make_filter(options: Filters) -> Step:
    """A step over `TOKENIZED` batches; reasons are ``language``, ``too few tokens``, ``too many tokens``."""

    def keep(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        lengths = count_tokens(batch.column("tokens"))
        known = pc.is_in(batch.column("language"), pa.array(options.languages, pa.string()))
        reasons = np.full(len(lengths), "", dtype=object)
        reasons[lengths > options.max_tokens] = "too many tokens"
        reasons[lengths < options.min_tokens] = "too few tokens"
        reasons[~known.to_numpy(zero_copy_only=False)] = "language"
        dropped = np.flatnonzero(reasons != "")
        if not len(dropped):
            return batch, empty(REJECTED)
        kept = batch.filter(pa.array(reasons == ""))
        return kept, rejected_rows(batch, dropped.tolist(), STEP, reasons[dropped].tolist())

    return keep
