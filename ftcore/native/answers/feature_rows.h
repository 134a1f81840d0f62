// Where the row of a feature is: in a whole table, among the rows of the buckets that occurred, or nowhere.
//
// A feature's number is fastText's: a word's id, or nwords + bucket. Where a model keeps only the buckets that
// occurred, the row of another is made from the seed and counts in a mean like any other; where a quantised
// model was cut off, a bucket without a row is left out (pushHash of fastText 0.9.3 src/dictionary.cc).
//
// Shapes: R rows, D columns, B lines, N features of all lines.
#pragma once

#include <cstdint>

#include "ground/buffer.h"
#include "ground/loose.h"
#include "ground/places.h"

namespace ftcore {

struct FeatureRows {  // borrowed: whoever makes one keeps the arrays
  const loose_float* table = nullptr;  // [R, D]; null: the rows are codes, and have to be written out elsewhere
  int64_t rows = 0, dim = 0;
  bool pruned = false;  // a bucket without a row is left out
  bool whole = true;    // every bucket has its row, nwords + bucket
  Buckets buckets{nullptr, 0, 0};
  uint64_t seed = 0;

  // How many numbers `known` gives: rows in a cut-off model, numbers of features otherwise.
  int64_t places() const { return pruned ? rows : buckets.nwords + buckets.count; }
};

// The features that count, as places.
struct Places {
  const int32_t* ids;
  const int64_t* offsets;  // B + 1
  int64_t lines;
};

// Memory that is used again from call to call.
struct RowScratch {
  Buffer<int32_t> places, absent;
  Buffer<int64_t> ends, numbers;
  Buffer<float> made;
};

Places known_places(const FeatureRows& rows, const int32_t* ids, const int64_t* offsets, int64_t lines,
                    RowScratch& scratch);

// Whether each line has a place that tells of it: a word, or an n-gram that has a row. The end of line tells nothing.
void tell(const FeatureRows& rows, const Places& places, int64_t eos, int32_t* told);

// Mean of the rows at each line's places, float32[B, D] into out. The table must be there.
void means(const FeatureRows& rows, const Places& places, RowScratch& scratch, float* out);

// Enter row · output, float32[C, D], at n places of a folded table [P, C] where they are still empty. False,
// and perhaps some entered, where the rows are codes.
bool fold(const FeatureRows& rows, const int32_t* places, int64_t n, const loose_float* output, int64_t columns,
          RowScratch& scratch, float* folded);

}  // namespace ftcore
