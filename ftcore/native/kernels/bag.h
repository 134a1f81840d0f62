// A document's features: where their rows lie, their mean, and how they move together. A row named m times
// counts m times in the mean, and moves by m times the change.
#pragma once

#include <cstdint>

#include "kernels/copies.h"

namespace ftcore {

struct Bag {
  int64_t size = 0;          // features, repetitions too
  int64_t distinct = 0;      // N, how many are listed
  int32_t* id = nullptr;     // [N] input rows
  float* times = nullptr;    // [N]
  float** row = nullptr;     // [N] in the table, or a thread's copy
  int32_t* slot = nullptr;   // [N] of the copy, see `Copies`
  uint32_t* cell = nullptr;  // the hash table in which they are found: 2048, or 4 * size + 16 if more; 0 at first
};

#ifdef FTCORE_VARIANT
namespace FTCORE_VARIANT {

// Fill `bag` from ids[size]; false where one is no row of the table [rows, dim]. `exactly`: each id is
// listed once, which clipping and decay ask for.
bool read_bag(Bag& bag, const int32_t* ids, int64_t size, float* table, int64_t rows, int64_t dim,
              const Copies& copies, bool exactly);

// Mean of the rows, repetitions counted.
void mean_of_bag(const Bag& bag, int64_t dim, float* mean);

// row += times * change; frozen[R] rows stay (null: none). Copies that have moved enough meet their rows;
// `motion` is the document's, see `count_motion`.
void move_bag(const Bag& bag, const float* change, const bool* frozen, float* table, int64_t dim,
              const Copies& copies, float motion);

// Count the motion of a bag whose rows have moved, see `Copies`: the document's, sum of |error|, is shared by its
// features.
void count_motion(const Bag& bag, const bool* frozen, float* table, int64_t dim, const Copies& copies, float motion);

// Ask for the rows of ids[first:last] without waiting for them, cache line by cache line.
void announce(const float* table, int64_t dim, const int32_t* ids, int64_t first, int64_t last,
              const Copies& copies);

constexpr int64_t AHEAD = 32;  // rows asked for before they are read: saves a third of the time with bigrams

}  // namespace FTCORE_VARIANT
#endif

}  // namespace ftcore
