"""N-grams that share fewer buckets, so that the file of a linear head is no larger than it must be, or as asked for.

A `.bin` has a row for every bucket, used or not: at the default number most of them for nothing. A number of buckets that divides the present one needs no text read again:
the bucket of a hash h is then (h mod present) mod new.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from ftcore import config
from ftcore.dictionary.bucket_rows import OccurringBuckets
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import InvalidOptions
from ftcore.training.conditions import Prepared
from ftcore.training.fitting import dense_bytes, parse_size

log = logging.getLogger(__name__)
DEFAULT = config.Finetune().bucket
ROOM = 4  # buckets for each n-gram that occurs: the same accuracy as of 50, within what chance makes of it


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
    fitting = [n for n in _parts(dictionary.bucket) if n <= room]
    if not fitting:
        raise InvalidOptions(
            f"size = {size}: the model's {dictionary.nwords:,} words for {dictionary.nlabels} labels take {words:,} "
            f"bytes without any n-gram; give more, or {_fewer_words(prepared)}"
        )
    log.info(
        "%s buckets of %s, for a .bin of at most %s", f"{max(fitting):,}", f"{dictionary.bucket:,}", size
    )
    return _shared(prepared, max(fitting))


def _fewer_words(prepared: Prepared) -> str:
    """What makes them fewer: most may have come with vectors, which no count of the text leaves out."""
    assert isinstance(prepared.train, BagCorpus)
    ids, words = np.asarray(prepared.train.ids), prepared.dictionary.nwords
    brought = words - len(np.unique(ids[(ids >= 0) & (ids < words)]))
    if 2 * brought < words:
        return "set min_count higher"
    return f"take vectors of fewer words, which {brought:,} of these came with"


def as_needed(prepared: Prepared) -> Prepared:
    """The same documents with `ROOM` buckets for each n-gram that occurs, where the number is the default one.

    Args:
        prepared: bags of a dictionary made here, whose buckets no other model's rows belong to.

    Example:
        as_needed(prepared).dictionary.bucket      # 200,000 for the 34,000 n-grams of banking77
    """
    dictionary = prepared.dictionary
    if dictionary.bucket != DEFAULT or not len(dictionary.buckets):
        return prepared
    made = min(n for n in _parts(DEFAULT) if n >= min(ROOM * len(dictionary.buckets), DEFAULT))
    return prepared if made == DEFAULT else _shared(prepared, made)


def _parts(bucket: int) -> list[int]:
    """What it can be divided by."""
    parts = np.arange(1, int(bucket**0.5) + 1)
    parts = parts[bucket % parts == 0]
    return [int(n) for n in (*parts, *(bucket // parts))]


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
