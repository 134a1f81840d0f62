"""N-grams that share fewer buckets, so that the file of a linear head has a size that was asked for.

A `.bin` has a row for every bucket, used or not. A number of buckets that divides the present one needs no text read again:
the bucket of a hash h is then (h mod present) mod new.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from ftcore.dictionary.bucket_rows import OccurringBuckets
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import InvalidOptions
from ftcore.training.conditions import Prepared
from ftcore.training.fitting import dense_bytes, parse_size

log = logging.getLogger(__name__)


def within_size(prepared: Prepared, size: str) -> Prepared:
    """The same documents with as many buckets as a `.bin` of head linear has room for.

    Args:
        prepared: bags of a dictionary made here.
        size: bytes, or a number with k, M or G; "": any.

    Raises:
        UserError: the words alone are larger.

    Example:
        prepared = within_size(prepared, "20M")
        prepared.dictionary.bucket         # 2,000,000 divided by a whole number
    """
    most = parse_size(size)
    dictionary = prepared.dictionary
    if most is None or dense_bytes(dictionary, dictionary.nlabels) <= most:
        return prepared
    words = dense_bytes(dictionary.changed(options=_with_buckets(dictionary, 0)), dictionary.nlabels)
    room = (most - words) // (4 * dictionary.nlabels)
    parts = np.arange(1, int(dictionary.bucket**0.5) + 1)
    parts = parts[dictionary.bucket % parts == 0]
    fitting = [int(n) for n in (*parts, *(dictionary.bucket // parts)) if n <= room]
    if not fitting:
        raise InvalidOptions(
            f"finetune.size = {size}: the model's {dictionary.nwords:,} words for {dictionary.nlabels} labels take {words:,} "
            "bytes without any n-gram; give more, or set finetune.min_count higher"
        )
    made = max(fitting)
    log.info("%s buckets of %s, for a .bin of at most %s", f"{made:,}", f"{dictionary.bucket:,}", size)
    return _shared(prepared, made)


def _with_buckets(dictionary: Dictionary, bucket: int) -> object:
    options = dictionary.options
    return replace(options, bucket=bucket)


def _shared(prepared: Prepared, bucket: int) -> Prepared:
    before = prepared.dictionary
    folded = before.buckets.astype(np.int64) % bucket
    occurring = np.unique(folded).astype(np.int32)
    after = before.changed(options=_with_buckets(before, bucket), bucket_rows=OccurringBuckets(occurring))
    rows = np.concatenate(
        [np.arange(before.nwords), before.nwords + np.searchsorted(occurring, folded)]
    ).astype(np.int32)

    def moved(bags: BagCorpus) -> BagCorpus:
        ids = np.asarray(bags.ids)
        other = (-1 - ids.astype(np.int64)) % bucket  # of one without a row: its bucket may have one now
        place = np.minimum(np.searchsorted(occurring, other), max(len(occurring) - 1, 0))
        known = occurring[place] == other if len(occurring) else np.zeros(len(ids), np.bool_)
        made = np.where(
            ids >= 0, rows[np.maximum(ids, 0)], np.where(known, before.nwords + place, -1 - other)
        )
        return BagCorpus(made.astype(np.int32), bags.offsets, bags.targets, bags.target_offsets)

    assert isinstance(prepared.train, BagCorpus)
    valid = None if prepared.valid is None else moved(prepared.valid)
    return replace(prepared, dictionary=after, train=moved(prepared.train), valid=valid)
