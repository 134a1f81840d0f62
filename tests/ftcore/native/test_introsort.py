"""The order std::sort leaves equal elements in, against a slow transcript and known results."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.native import sort_permutation
from tests.reference.dictionary import heap_sort, std_sort


def reference(keys) -> list[int]:
    return [i for i, _ in std_sort(list(enumerate(keys)), lambda a, b: a[1] < b[1])]


def antiquick(n: int) -> np.ndarray:
    """McIlroy's adversary: keys that send this quicksort to its depth limit."""
    value, solid, gas = [n] * n, 0, n
    candidate = 0

    def less(a: int, b: int) -> bool:
        nonlocal solid, candidate
        if value[a] == gas and value[b] == gas:
            frozen = a if a == candidate else b
            value[frozen] = solid
            solid += 1
        if value[a] == gas:
            candidate = a
        elif value[b] == gas:
            candidate = b
        return value[a] < value[b]

    std_sort(list(range(n)), less)
    return np.array(value)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 15, 16, 17, 18, 100, 1000, 5000])
@pytest.mark.parametrize("distinct", [1, 2, 7, 1000])
def test_equals_the_transcript(n, distinct):
    keys = np.random.default_rng(n * 7 + distinct).integers(distinct, size=n)
    assert sort_permutation(keys).tolist() == reference(keys.tolist())


@given(st.lists(st.integers(-3, 3), max_size=300))
@settings(max_examples=100, deadline=None)
def test_many_ties(keys):
    order = sort_permutation(np.array(keys, np.int64))
    assert order.tolist() == reference(keys)
    assert [keys[i] for i in order] == sorted(keys)


def test_up_to_sixteen_is_stable():
    keys = np.array([1, 0] * 8)
    assert sort_permutation(keys).tolist() == np.argsort(keys, kind="stable").tolist()


@pytest.mark.parametrize("n", [500, 2001])
def test_the_heap_sort_below_the_depth_limit(n, monkeypatch):
    keys = antiquick(n)
    used = []
    monkeypatch.setattr(
        "tests.reference.dictionary.heap_sort", lambda a, less: used.append(1) or heap_sort(a, less)
    )
    expected = reference(keys.tolist())
    assert used, "the adversary must reach the fallback"
    assert sort_permutation(keys).tolist() == expected
    assert keys[expected].tolist() == sorted(keys.tolist())
