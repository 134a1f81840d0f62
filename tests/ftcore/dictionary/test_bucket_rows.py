"""Which buckets have a row: each kind against a plain dict of places."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from ftcore.dictionary import bucket_rows as module
from ftcore.dictionary.bucket_rows import KINDS, EveryBucket, KeptBuckets, OccurringBuckets, restored
from ftcore.dictionary.stored import Stored
from ftcore.errors import UserError

BUCKET = 12
EACH = [
    (EveryBucket(), {bucket: bucket for bucket in range(BUCKET)}),
    (OccurringBuckets(), {}),
    (OccurringBuckets(np.array([0, 4, 11], np.int32)), {0: 0, 4: 1, 11: 2}),
    (KeptBuckets(np.zeros((0, 2), np.int32)), {}),
    (KeptBuckets(np.array([[11, 1], [3, 2], [0, 0]], np.int32)), {11: 1, 3: 2, 0: 0}),
]


@pytest.mark.parametrize(("rows", "places"), EACH)
def test_places_are_those_of_a_dict(rows, places):
    asked = np.array([7, 0, 11, 3, 3, 4])
    assert rows.places(asked).tolist() == [places.get(bucket, -1) for bucket in asked.tolist()]
    assert (rows.count(BUCKET), rows.ids(BUCKET).tolist()) == (len(places), sorted(places))
    table = rows.table(BUCKET, 5)
    if rows.whole:
        assert table is None
    else:
        assert table.tolist() == [places.get(bucket, -6) + 5 for bucket in range(BUCKET)]
        assert table.dtype == np.int32
    assert rows.ids(BUCKET).dtype == np.int32 and rows.places(asked).dtype == np.int64


@pytest.mark.parametrize(("rows", "places"), EACH)
def test_what_is_stored_comes_back_checked(rows, places):
    back = restored(Stored(rows.arrays(), "m"), rows.name, BUCKET)
    assert (
        type(back) is type(rows)
        and back.places(np.arange(BUCKET)).tolist() == rows.places(np.arange(BUCKET)).tolist()
    )
    sent = pickle.loads(pickle.dumps(rows))
    assert sent.ids(BUCKET).tolist() == rows.ids(BUCKET).tolist()


def test_only_occurring_buckets_grow_and_are_completed(monkeypatch):
    more = np.array([5, 4, 5])
    for rows, _ in EACH:
        grown, whole = rows.grown(more, BUCKET), rows.complete()
        if rows.seeded:
            assert grown.ids(BUCKET).tolist() == sorted({*rows.ids(BUCKET).tolist(), 4, 5})
            assert whole.whole and rows.grown(more[:0], BUCKET) is rows
            monkeypatch.setattr(module, "_TABLE", 1)  # too many buckets for a table of them
            assert rows.grown(more, BUCKET).ids(BUCKET).tolist() == grown.ids(BUCKET).tolist()
            monkeypatch.undo()
        else:
            assert grown is rows and whole is rows


def test_each_kind_says_one_thing_of_an_absent_bucket():
    assert sorted(KINDS) == ["all", "occurring", "pruned"]
    for kind in KINDS.values():
        assert [kind.whole, kind.seeded, kind.leaves_out].count(True) == 1
    with pytest.raises(FrozenInstanceError):
        EACH[2][0].occurring = np.zeros(0)


@pytest.mark.parametrize(
    ("name", "arrays", "says"),
    [
        ("some", {}, "storage is 'some'"),
        (None, {}, "storage is None"),
        (["all"], {}, "storage is "),
        ("occurring", {"buckets": np.array([3, 3], np.int32)}, "more than 3"),
        ("all", {"buckets": np.array([12], np.int32)}, "between 0 and 11"),
        ("pruned", {}, "prune is missing"),
        ("pruned", {"prune": np.array([[12, 0]], np.int32)}, "a bucket below 12"),
        ("pruned", {"prune": np.array([[1, 1]], np.int32)}, "a row below 1"),
        ("pruned", {"prune": np.array([[1, 0], [1, 1]], np.int32)}, "bucket 1 twice"),
    ],
)
def test_nonsense_is_named(name, arrays, says):
    with pytest.raises(UserError, match=says):
        restored(Stored({"buckets": np.zeros(0, np.int32)} | arrays, "m"), name, BUCKET)
