// The rows of a model's features as Python hands them over once, checked, for functions that then trust them.
#pragma once

#include "binding/array.h"
#include "answers/feature_rows.h"
#include "binding/vocabulary.h"

namespace ftcore {

// `native.Rows(table, rows, dim, nwords, bucket, bucket_rows, pruned, seed)`.
class HeldRows {
 public:
  HeldRows(nb::handle table, int64_t rows, int64_t dim, int64_t nwords, int64_t bucket, nb::handle bucket_rows,
           bool pruned, uint64_t seed);
  const FeatureRows& operator*() const { return rows_; }
  const FeatureRows* operator->() const { return &rows_; }

  // Refuses a vocabulary whose features are others.
  void require_of(const Vocabulary& vocabulary) const;

 private:
  Held<const float, 2, false> table_;
  Held<const int32_t, 1> bucket_rows_;
  FeatureRows rows_;
};

}  // namespace ftcore
