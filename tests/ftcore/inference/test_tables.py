"""Rows of features: the same means whatever holds the rows, against plain sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ftcore import config
from ftcore.dictionary.bucket_rows import BucketRows, EveryBucket, KeptBuckets, OccurringBuckets
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.errors import UserError
from ftcore.inference import tables as module
from ftcore.inference.tables import Tables
from ftcore.model.model import Args, Model
from ftcore.native import mean_rows

BUCKET, DIM, SEED = 500, 7, 11
OPTIONS = config.DictionaryOptions(word_ngrams=2, bucket=BUCKET)
KEPT = np.array([3, 7, 100, 499], np.int32)
WORDS = [b"a", b"b", b"</s>"]
RNG = np.random.default_rng(0)


def dictionary(rows: BucketRows) -> Dictionary:
    return Dictionary(WORDS, ["x", "y"], np.array([3, 2, 1]), np.array([2, 1]), 9, OPTIONS, rows)


def classic(kind: str) -> Model:
    args = Args(dim=DIM, model="supervised", loss="softmax", bucket=BUCKET)
    output = RNG.normal(size=(2, DIM)).astype(np.float32)
    if kind == "occurring":
        made = dictionary(OccurringBuckets(KEPT))
    elif kind == "pruned":
        made = dictionary(KeptBuckets(np.stack([KEPT, [2, 0, 3, 1]], 1).astype(np.int32)))
    else:
        made = dictionary(EveryBucket())
    table = RNG.normal(size=(made.rows, DIM)).astype(np.float32)
    if kind == "mapped":  # as a .bin's: not aligned, read-only
        data = b"\0" + table.tobytes()
        table = np.frombuffer(data, np.uint8)[1:].view(np.float32).reshape(table.shape)
        assert not table.flags.aligned and not table.flags.writeable
    return Model(args, made, table, output, seed=SEED)


def row(model: Model, number: int) -> np.ndarray | None:
    """The row of a feature, slowly; None where it does not count."""
    kind, bucket = model.dictionary.bucket_rows.name, number - len(WORDS)
    if bucket < 0 or kind == "all":
        return model.input[number]
    if bucket in KEPT:
        place = np.flatnonzero(bucket == KEPT)[0]
        return model.input[len(WORDS) + (place if kind == "occurring" else [2, 0, 3, 1][place])]
    return None if kind == "pruned" else initial_rows(SEED, bucket_numbers(np.array([bucket])), DIM)[0]


def slow_mean(model: Model, ids: np.ndarray) -> np.ndarray:
    rows = [r for r in (row(model, i) for i in ids.tolist()) if r is not None]
    total = np.zeros(DIM, np.float32)
    for r in rows:
        total += r
    return total * np.float32(1 / len(rows)) if rows else total


def some_lines() -> tuple[np.ndarray, np.ndarray]:
    """Features with and without a row, repeated ones, empty lines, a line of absent ones alone."""
    lines = [[], [0], [1, 1, 2], [3 + 3, 3 + 499, 0], [3 + 5, 3 + 6], [3 + 8, 3 + 7, 2, 3 + 8], []]
    lines += [RNG.integers(0, 3 + BUCKET, size=9).tolist() for _ in range(20)]
    lines += [[3 + int(b) for b in KEPT]]
    return np.array([i for x in lines for i in x], np.int32), np.cumsum([0, *map(len, lines)])


@pytest.mark.parametrize("largest", [1 << 26, 0])  # a map of all buckets, or a search
@pytest.mark.parametrize("kind", ["all", "mapped", "occurring", "pruned"])
def test_means_are_plain_means(kind, largest, monkeypatch):
    monkeypatch.setattr(module, "_LARGEST_MAP", largest)
    model = classic(kind)
    tables = Tables(model)
    ids, offsets = some_lines()
    places, cuts = tables.known(ids, offsets)
    found = tables.mean(places, cuts)
    expected = [slow_mean(model, ids[a:b]) for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    assert (found[[0, 6]] == 0).all() and found.dtype == np.float32
    assert places.max(initial=0) < tables.places
    for i in range(len(cuts) - 1):  # alone: the same bits
        one = tables.mean(places[cuts[i] : cuts[i + 1]], np.array([0, cuts[i + 1] - cuts[i]]))
        assert (one[0].view(np.int32) == found[i].view(np.int32)).all()


@pytest.mark.parametrize("kind", ["all", "mapped", "occurring"])
def test_the_full_matrix_has_a_row_for_every_bucket(kind):
    model = classic(kind)
    full = Tables(model).full()
    assert full.shape == (len(WORDS) + BUCKET, DIM)
    assert all((full[i] == row(model, i)).all() for i in range(len(full)))


def test_a_table_that_only_gathers_gives_the_same_means():
    """What a quantised matrix offers: rows by number."""

    class Rows:
        def __init__(self, rows: np.ndarray) -> None:
            self.gather, self.shape, self.codes = rows.__getitem__, rows.shape, rows

    model = classic("all")
    ids, offsets = some_lines()
    dense = Tables(model).mean(ids, offsets)
    gathered = Tables(replace(model, input=Rows(model.input)))
    assert (gathered.mean(ids, offsets).view(np.int32) == dense.view(np.int32)).all()
    with pytest.raises(UserError, match="quantized"):
        gathered.full()


def test_long_lines_are_summed_in_order():
    """In the order of the features and in float32, as the original sums: not in pairs or lanes."""
    table = (RNG.normal(size=(1000, 3)) * 10 ** RNG.uniform(-6, 6, size=(1000, 1))).astype(np.float32)
    ids, out = RNG.integers(0, 1000, 5000, np.int32), np.empty((1, 3), np.float32)
    mean_rows(table, table[:0], ids, np.array([0, 5000]), out)
    total = np.zeros(3, np.float32)
    for i in ids:
        total += table[i]
    assert (out[0] == total * np.float32(1 / 5000)).all()


def test_rows_that_a_file_has_without_use_are_left_alone(load):
    """fastText's autotune leaves bucket > 0 in a model without n-grams; its rows lie behind the words'."""
    model = load("softmax.bin")
    options = replace(model.dictionary.options, maxn=0, minn=0, word_ngrams=1)
    own = model.dictionary
    words = Dictionary(
        own.packed_words, own.packed_labels, own.counts, own.label_counts, own.ntokens, options, EveryBucket()
    )
    tables = Tables(replace(model, dictionary=words))
    assert tables.places == words.nwords < len(model.input)
    assert tables.full().shape == model.input.shape
