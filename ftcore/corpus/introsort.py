"""``std::sort`` of libstdc++, move for move: the order in which it leaves equal elements.

fastText sorts its vocabulary by count with ``std::sort``, which is not stable, so the ids of words
with equal counts are whatever the algorithm leaves. Above 16 elements it is introsort: quicksort with
the median of three moved to the front, heap sort below depth 2·log2(n), then one insertion sort.
The algorithm is fully determined by the comparisons, so repeating it repeats the ids.

Source: GCC ``libstdc++-v3/include/bits/stl_algo.h`` (``std::__sort``, ``__introsort_loop``,
``__unguarded_partition_pivot``, ``__final_insertion_sort``) and ``bits/stl_heap.h``
(``__adjust_heap``, ``__push_heap``).
"""

from __future__ import annotations

import numpy as np

from ftcore.model.kernel import kernel

_THRESHOLD = 16  # _S_threshold


def sort_permutation(keys: np.ndarray) -> np.ndarray:
    """The permutation that ``std::sort`` applies when it sorts ``keys`` ascending: int64[n].

    Args:
        keys: int64[n]; the comparator is ``keys[a] < keys[b]``. For descending counts pass ``-counts``.

    >>> sort_permutation(np.array([2, 1, 2, 0])).tolist()
    [3, 1, 0, 2]
    """
    order = np.arange(len(keys), dtype=np.int64)
    if len(keys) > 1:
        _sort(np.ascontiguousarray(keys, np.int64), order)
    return order


@kernel
def _sort(keys, order):
    n = len(order)
    _introsort_loop(keys, order, n)
    if n > 16:
        _insertion_sort(keys, order, 0, 16)
        for i in range(16, n):
            _linear_insert(keys, order, i)
    else:
        _insertion_sort(keys, order, 0, n)


@kernel
def _introsort_loop(keys, order, n):
    depth = 0
    size = n
    while size > 1:  # floor(log2 n)
        size >>= 1
        depth += 1
    # The original recurses into the right part and loops on the left one. The parts are disjoint, so
    # their order does not matter; a stack of ranges holds those that wait.
    stack_first = np.empty(256, np.int64)
    stack_last = np.empty(256, np.int64)
    stack_depth = np.empty(256, np.int64)
    stack_first[0], stack_last[0], stack_depth[0] = 0, n, 2 * depth
    top = 1
    while top > 0:
        top -= 1
        first, last, limit = stack_first[top], stack_last[top], stack_depth[top]
        while last - first > 16:
            if limit == 0:
                _heap_sort(keys, order, first, last)
                break
            limit -= 1
            cut = _partition(keys, order, first, last)
            stack_first[top], stack_last[top], stack_depth[top] = cut, last, limit
            top += 1
            last = cut


@kernel
def _swap(order, a, b):
    held = order[a]
    order[a] = order[b]
    order[b] = held


@kernel
def _partition(keys, order, first, last):
    mid = first + (last - first) // 2
    a, b, c = first + 1, mid, last - 1
    # __move_median_to_first(first, first + 1, mid, last - 1)
    if keys[order[a]] < keys[order[b]]:
        if keys[order[b]] < keys[order[c]]:
            _swap(order, first, b)
        elif keys[order[a]] < keys[order[c]]:
            _swap(order, first, c)
        else:
            _swap(order, first, a)
    elif keys[order[a]] < keys[order[c]]:
        _swap(order, first, a)
    elif keys[order[b]] < keys[order[c]]:
        _swap(order, first, c)
    else:
        _swap(order, first, b)
    # __unguarded_partition(first + 1, last, pivot at first)
    pivot = keys[order[first]]
    left, right = first + 1, last
    while True:
        while keys[order[left]] < pivot:
            left += 1
        right -= 1
        while pivot < keys[order[right]]:
            right -= 1
        if not left < right:
            return left
        _swap(order, left, right)
        left += 1


@kernel
def _linear_insert(keys, order, i):
    value = order[i]
    key = keys[value]
    j = i
    while key < keys[order[j - 1]]:  # unguarded: something not greater stands before
        order[j] = order[j - 1]
        j -= 1
    order[j] = value


@kernel
def _insertion_sort(keys, order, first, last):
    for i in range(first + 1, last):
        value = order[i]
        if keys[value] < keys[order[first]]:
            for j in range(i, first, -1):
                order[j] = order[j - 1]
            order[first] = value
        else:
            _linear_insert(keys, order, i)


@kernel
def _adjust_heap(keys, order, first, hole, size, value):
    top = hole
    child = hole
    while child < (size - 1) // 2:
        child = 2 * (child + 1)
        if keys[order[first + child]] < keys[order[first + child - 1]]:
            child -= 1
        order[first + hole] = order[first + child]
        hole = child
    if size & 1 == 0 and child == (size - 2) // 2:
        child = 2 * (child + 1)
        order[first + hole] = order[first + child - 1]
        hole = child - 1
    parent = (hole - 1) // 2  # __push_heap
    while hole > top and keys[order[first + parent]] < keys[value]:
        order[first + hole] = order[first + parent]
        hole = parent
        parent = (hole - 1) // 2
    order[first + hole] = value


@kernel
def _heap_sort(keys, order, first, last):
    """__partial_sort(first, last, last): make a heap, then move its top to the end again and again."""
    size = last - first
    for parent in range((size - 2) // 2, -1, -1):
        _adjust_heap(keys, order, first, parent, size, order[first + parent])
    while last - first > 1:
        last -= 1
        value = order[last]
        order[last] = order[first]
        _adjust_heap(keys, order, first, 0, last - first, value)
