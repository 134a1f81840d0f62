#include "kernels/bag.h"

#include <cstring>

#include "kernels/rows.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

constexpr uint32_t EMPTY = 0xFFFFFFFF;

// Where a row lies, and which slot it has: one past the last for none. By masks, not branches: which words are
// common follows no pattern that a processor could guess.
inline uintptr_t find_row(const Copies& copies, int64_t row, const float* table, int64_t dim, int64_t* slot) {
  int64_t s = row & (copies.slots - 1);
  uintptr_t mine = 0 - static_cast<uintptr_t>(copies.row[s] == row);
  uintptr_t there = reinterpret_cast<uintptr_t>(table) + static_cast<uintptr_t>(row * dim) * sizeof(float);
  uintptr_t here = reinterpret_cast<uintptr_t>(copies.copy) + static_cast<uintptr_t>(s * copies.stride) * sizeof(float);
  *slot = static_cast<int64_t>((static_cast<uintptr_t>(s) & mine) | (static_cast<uintptr_t>(copies.slots) & ~mine));
  return (here & mine) | (there & ~mine);
}

// Every feature as it comes. Listing repetitions once would save a third of the mean and of the motion, but to
// find them costs as much (measured on reviews, where 45 % are repetitions).
bool list_ids(Bag& bag, const int32_t* __restrict ids, int64_t size, int64_t rows) {
  int32_t* __restrict listed = bag.id;
  uint32_t wrong = 0, limit = static_cast<uint32_t>(rows);
  for (int64_t i = 0; i < size; ++i) {
    listed[i] = ids[i];
    wrong |= static_cast<uint32_t>(static_cast<uint32_t>(ids[i]) >= limit);
  }
  for (int64_t i = 0; i < size; ++i) bag.times[i] = 1;
  bag.size = bag.distinct = size;
  return wrong == 0;
}

// Each id once: a hash table of the document's own size (linear probing, at most half full).
bool count_ids(Bag& bag, const int32_t* ids, int64_t size, int64_t rows) {
  int bits = 4;
  while ((int64_t{1} << bits) < 2 * size) ++bits;
  uint32_t* __restrict cell = bag.cell;
  uint32_t mask = (uint32_t{1} << bits) - 1;
  std::memset(cell, 0xFF, sizeof(uint32_t) << bits);
  int64_t count = 0, wrong = 0;
  for (int64_t i = 0; i < size; ++i) {
    int32_t id = ids[i];
    wrong |= static_cast<uint32_t>(id) >= static_cast<uint64_t>(rows);
    uint32_t at = (static_cast<uint32_t>(id) * 2654435769u) >> (32 - bits);
    while (cell[at] != EMPTY && bag.id[cell[at]] != id) at = (at + 1) & mask;
    if (cell[at] == EMPTY) {
      cell[at] = static_cast<uint32_t>(count);
      bag.id[count] = id;
      bag.times[count] = 0;
      ++count;
    }
    bag.times[cell[at]] += 1;
  }
  bag.size = size;
  bag.distinct = count;
  return !wrong;
}

// Ask for a row without waiting for it, cache line by cache line. An address only: an id that names no row is
// found when its document is read. Into the second-level cache (into the first: 37 instead of 29 ns a row).
// Inlined always: gcc 12 drops calls of a function that only prefetches, as if it did nothing.
__attribute__((always_inline)) inline void ask(uintptr_t row, int64_t dim) {
  if (dim > 64) {  // a constant number costs half as much, and the core streams the rest of longer rows
    for (int line = 0; line < 7; ++line) __builtin_prefetch(reinterpret_cast<const void*>(row + 64 * line), 0, 2);
  } else {
    for (int64_t line = 0; line < (dim + 30) / 16; ++line) {  // a row starts anywhere in a line
      __builtin_prefetch(reinterpret_cast<const void*>(row + 64 * line), 0, 2);
    }
  }
}

}  // namespace

bool read_bag(Bag& bag, const int32_t* ids, int64_t size, float* table, int64_t rows, int64_t dim,
              const Copies& copies, bool exactly) {
  if (!(exactly ? count_ids(bag, ids, size, rows) : list_ids(bag, ids, size, rows))) return false;
  if (copies.slots == 0) {
    for (int64_t i = 0; i < bag.distinct; ++i) bag.row[i] = table + bag.id[i] * dim;
    return true;
  }
  for (int64_t i = 0; i < bag.distinct; ++i) {
    int64_t s;
    bag.row[i] = reinterpret_cast<float*>(find_row(copies, bag.id[i], table, dim, &s));
    bag.slot[i] = static_cast<int32_t>(s);
  }
  return true;
}

void mean_of_bag(const Bag& bag, int64_t dim, float* __restrict mean) {
  for (int64_t j = 0; j < dim; ++j) mean[j] = 0;
  const float* times = bag.times;
  int64_t i = 0;
  for (; i + 4 <= bag.distinct; i += 4) {
    for (int64_t next = i + AHEAD; next < i + AHEAD + 4 && next < bag.distinct; ++next) {
      ask(reinterpret_cast<uintptr_t>(bag.row[next]), dim);
    }
    const float *a = bag.row[i], *b = bag.row[i + 1], *c = bag.row[i + 2], *d = bag.row[i + 3];
    float p = times[i], q = times[i + 1], r = times[i + 2], s = times[i + 3];
    columns(dim, [&](int64_t j, auto lane) {
      using V = decltype(lane);
      V sum = (p * load<V>(a + j) + q * load<V>(b + j)) + (r * load<V>(c + j) + s * load<V>(d + j));
      store<V>(mean + j, load<V>(mean + j) + sum);
    });
  }
  for (; i < bag.distinct; ++i) add_scaled(bag.row[i], times[i], mean, dim);
  float share = 1.0f / static_cast<float>(bag.size);
  for (int64_t j = 0; j < dim; ++j) mean[j] *= share;
}

void move_bag(const Bag& bag, const float* change, const bool* frozen, float* table, int64_t dim,
              const Copies& copies, float motion) {
  for (int64_t i = 0; i < bag.distinct; ++i) {
    if (frozen == nullptr || !frozen[bag.id[i]]) add_scaled(change, bag.times[i], bag.row[i], dim);
  }
  count_motion(bag, frozen, table, dim, copies, motion);
}

void count_motion(const Bag& bag, const bool* frozen, float* table, int64_t dim, const Copies& copies,
                  float motion) {
  if (copies.slots == 0) return;
  const float share = motion / static_cast<float>(bag.size);
  meet_listed(copies, table, dim);
  for (int64_t i = 0; i < bag.distinct; ++i) {
    int64_t s = bag.slot[i];
    if (frozen != nullptr && frozen[bag.id[i]]) continue;
    float moved = copies.moved[s] + bag.times[i] * share;
    copies.moved[s] = moved;
    if (moved < copies.enough) continue;
    if (s == copies.slots) copies.moved[s] = 0;  // stands for all rows without a copy
    else put_on_list(copies, s, table, dim);
  }
}

void announce(const float* table, int64_t dim, const int32_t* ids, int64_t first, int64_t last,
              const Copies& copies) {
  for (int64_t i = first; i < last; ++i) {
    int64_t s;
    uintptr_t row = copies.slots > 0 ? find_row(copies, ids[i], table, dim, &s)
                                     : reinterpret_cast<uintptr_t>(table) +
                                           static_cast<uintptr_t>(int64_t{ids[i]} * dim) * sizeof(float);
    ask(row, dim);
  }
}

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
