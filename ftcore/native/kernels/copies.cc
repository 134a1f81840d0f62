#include "kernels/copies.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

void add_motion(float* __restrict row, float* __restrict copy, float* __restrict base, int64_t dim) {
  for (int64_t j = 0; j < dim; ++j) {
    float now = row[j] + (copy[j] - base[j]);
    row[j] = now;
    copy[j] = now;
    base[j] = now;
  }
}

void fetch(const Copies& copies, const float* table, int64_t dim) {
  *copies.waiting = 0;
  for (int64_t s = 0; s < copies.slots; ++s) {
    copies.moved[s] = 0;
    for (int64_t j = 0; copies.row[s] >= 0 && j < dim; ++j) {
      copies.copy[s * copies.stride + j] = copies.base[s * copies.stride + j] = table[copies.row[s] * dim + j];
    }
  }
}

void settle(const Copies& copies, float* table, int64_t dim) {
  for (int64_t s = 0; s < copies.slots; ++s) {
    while (copies.row[s] >= 0 && !meet(copies, s, table, dim)) {
    }
  }
}

}  // namespace

bool meet(const Copies& copies, int64_t s, float* table, int64_t dim) {
  if (__atomic_exchange_n(copies.busy + s, 1, __ATOMIC_ACQUIRE) != 0) return false;
  float *copy = copies.copy + s * copies.stride, *base = copies.base + s * copies.stride;
  add_motion(table + copies.row[s] * dim, copy, base, dim);
  copies.moved[s] = 0;
  __atomic_store_n(copies.busy + s, 0, __ATOMIC_RELEASE);
  return true;
}

namespace {

// Inlined always: gcc 12 drops calls of a function that only prefetches, as if it did nothing.
__attribute__((always_inline)) inline void ask_to_write(const float* row, int64_t dim) {
  for (int64_t line = 0; line < (dim + 30) / 16; ++line) __builtin_prefetch(row + 16 * line, 1, 3);
}

}  // namespace

void put_on_list(const Copies& copies, int64_t s, float* table, int64_t dim) {
  copies.moved[s] = 0;  // once only in the list
  if (*copies.waiting == MOST_DUE) {
    meet(copies, s, table, dim);
    return;
  }
  ask_to_write(table + copies.row[s] * dim, dim);
  ask_to_write(copies.base + s * copies.stride, dim);
  __builtin_prefetch(copies.busy + s, 1, 3);
  copies.due[(*copies.waiting)++] = static_cast<int32_t>(s);
}

void meet_listed(const Copies& copies, float* table, int64_t dim) {
  for (int32_t d = 0; d < *copies.waiting; ++d) meet(copies, copies.due[d], table, dim);
  *copies.waiting = 0;
}

extern const CopyKernels copy_kernels;
const CopyKernels copy_kernels = {fetch, settle};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
