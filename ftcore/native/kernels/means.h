// Means of rows and products with them: what a line's features become, and what its labels score.
//
// Shapes: R rows of a table, D columns, B lines, N features of all lines, C rows of the output.
// All bits are promised: a line has the same alone, in a batch and on each processor (see lanes.h).
#pragma once

#include <cstdint>

#include "ground/loose.h"

namespace ftcore {

struct MeanKernels {
  // out[b] = mean of the rows that ids[offsets[b]:offsets[b + 1]] name: of `table`, or, for -1 - row, of
  // `extra`. Zero for a line without any. Each column is summed in the order of the line's features.
  void (*mean_rows)(const loose_float* table, const loose_float* extra, const int32_t* ids,
                    const int64_t* offsets, int64_t lines, int64_t dim, float* out);

  // The same from a folded table [R, C], where a row whose first number has no bits set is empty: its ids go
  // to `missing` (room for N), their number is returned, and where there are some, `out` is not filled.
  int64_t (*folded_means)(const float* folded, const int32_t* ids, const int64_t* offsets, int64_t lines,
                          int64_t columns, float* out, int32_t* missing);

  // out[c] = x · rows[c], each a sum of its own: 16 lanes over the columns, then 4, then one by one.
  void (*dots)(const loose_float* x, const loose_float* rows, int64_t count, int64_t dim, float* out);

  // out[b, c] = hidden[b] · output[c].
  void (*products)(const loose_float* hidden, const loose_float* output, int64_t lines, int64_t count,
                   int64_t dim, float* out);

  // Enter row · output for each row into the folded table: folded[places[i]] from rows[numbers[i]], or from
  // rows[i] where `numbers` is null. +0 becomes -0, since +0 means empty.
  void (*fold_rows)(const loose_float* rows, const int32_t* numbers, const loose_float* output,
                    const int32_t* places, int64_t n, int64_t columns, int64_t dim, float* folded);

  // total += vector / |vector|; false, and nothing added, for one without a length.
  bool (*add_unit)(const float* vector, int64_t dim, float* total);
};

}  // namespace ftcore
