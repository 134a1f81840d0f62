#include "ground/introsort.h"

#include <utility>

namespace ftcore {

namespace {

constexpr int64_t THRESHOLD = 16;  // _S_threshold

inline bool less(const Keyed& a, const Keyed& b) { return a.key < b.key; }

// __unguarded_partition_pivot
int64_t partition(Keyed* x, int64_t first, int64_t last) {
  const int64_t a = first + 1, b = first + (last - first) / 2, c = last - 1;
  // __move_median_to_first(first, a, b, c)
  if (less(x[a], x[b])) {
    std::swap(x[first], x[less(x[b], x[c]) ? b : less(x[a], x[c]) ? c : a]);
  } else {
    std::swap(x[first], x[less(x[a], x[c]) ? a : less(x[b], x[c]) ? c : b]);
  }
  // __unguarded_partition(first + 1, last, first)
  const int64_t pivot = x[first].key;
  for (int64_t left = first + 1, right = last;; ++left) {
    while (x[left].key < pivot) ++left;
    --right;
    while (pivot < x[right].key) --right;
    if (!(left < right)) return left;
    std::swap(x[left], x[right]);
  }
}

// __adjust_heap with __push_heap
void adjust_heap(Keyed* x, int64_t hole, int64_t size, Keyed value) {
  const int64_t top = hole;
  int64_t child = hole;
  while (child < (size - 1) / 2) {
    child = 2 * (child + 1);
    if (less(x[child], x[child - 1])) --child;
    x[hole] = x[child];
    hole = child;
  }
  if ((size & 1) == 0 && child == (size - 2) / 2) {
    child = 2 * (child + 1);
    x[hole] = x[child - 1];
    hole = child - 1;
  }
  int64_t parent = (hole - 1) / 2;
  while (hole > top && less(x[parent], value)) {
    x[hole] = x[parent];
    hole = parent;
    parent = (hole - 1) / 2;
  }
  x[hole] = value;
}

// __partial_sort(first, last, last): make a heap, then move its top to the end again and again.
void heap_sort(Keyed* x, int64_t size) {
  for (int64_t parent = (size - 2) / 2; parent >= 0; --parent) adjust_heap(x, parent, size, x[parent]);
  while (size > 1) {
    --size;
    Keyed value = x[size];
    x[size] = x[0];
    adjust_heap(x, 0, size, value);
  }
}

// __introsort_loop
void loop(Keyed* x, int64_t first, int64_t last, int depth) {
  while (last - first > THRESHOLD) {
    if (depth == 0) return heap_sort(x + first, last - first);
    --depth;
    int64_t cut = partition(x, first, last);
    loop(x, cut, last, depth);
    last = cut;
  }
}

// __unguarded_linear_insert: something not greater stands before.
void linear_insert(Keyed* x, int64_t i) {
  const Keyed value = x[i];
  for (; less(value, x[i - 1]); --i) x[i] = x[i - 1];
  x[i] = value;
}

// __insertion_sort of the first n
void insertion_sort(Keyed* x, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    if (!less(x[i], x[0])) {
      linear_insert(x, i);
      continue;
    }
    const Keyed value = x[i];
    for (int64_t j = i; j > 0; --j) x[j] = x[j - 1];
    x[0] = value;
  }
}

}  // namespace

void introsort(Keyed* x, int64_t n) {
  int depth = 0;
  for (int64_t size = n; size > 1; size >>= 1) depth += 2;  // 2 floor(log2 n)
  loop(x, 0, n, depth);
  insertion_sort(x, n > THRESHOLD ? THRESHOLD : n);
  for (int64_t i = THRESHOLD; i < n; ++i) linear_insert(x, i);
}

}  // namespace ftcore
