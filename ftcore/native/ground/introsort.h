// std::sort of libstdc++, move for move: the order in which it leaves equal elements.
//
// fastText sorts its vocabulary by count with std::sort, which is not stable, so the ids of words with equal
// counts are whatever the algorithm leaves. Above 16 elements it is introsort: quicksort with the median of
// three moved to the front, heap sort below depth 2 log2(n), then one insertion sort. It is fully determined
// by the comparisons, so repeating it repeats the ids. Spelt out here, because other libraries' std::sort
// leaves another order, and this one's may change.
//
// Source: GCC libstdc++-v3/include/bits/stl_algo.h (std::__sort, __introsort_loop,
// __unguarded_partition_pivot, __final_insertion_sort) and bits/stl_heap.h (__adjust_heap, __push_heap).
#pragma once

#include <cstdint>

namespace ftcore {

struct Keyed {
  int64_t key;
  int64_t place;  // before sorting
};

// Sort ascending by key.
void introsort(Keyed* items, int64_t n);

}  // namespace ftcore
