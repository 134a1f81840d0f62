// Means of rows and products with them: what a line's features become.
//
// Shapes: R rows of a table, D columns, B lines, N features of all lines.
#pragma once

#include <cstdint>

#include "../loose.h"

namespace ftcore {

struct MeanKernels {
  // out[b] = mean of the rows that ids[offsets[b]:offsets[b + 1]] name: of `table`, or, for -1 - row, of
  // `extra`. Zero for a line without any. Each line is summed in the order of its features.
  void (*mean_rows)(const loose_float* table, const float* extra, const int32_t* ids, const int64_t* offsets,
                    int64_t lines, int64_t dim, float* out);
};

}  // namespace ftcore
