// Features of fastText's numbering (a word's id, or nwords + bucket) as rows of a table that lacks some buckets.
#pragma once

#include <cstdint>

namespace ftcore {

struct Buckets {
  const int32_t* rows;  // of each bucket, -1 where it has none
  int64_t count;        // of buckets
  int64_t nwords;
};

// Rows of the features, those without one left out: `out` [N], `ends` [B + 1]. Returns how many, or -1 for an
// id that is no feature.
int64_t keep_rows(const int32_t* ids, const int64_t* offsets, int64_t lines, Buckets buckets, int32_t* out,
                  int64_t* ends);

// Rows of n features, -1 - bucket where a bucket has none. False for an id that is no feature.
bool bucket_places(const int32_t* ids, int64_t n, Buckets buckets, int32_t* out);

}  // namespace ftcore
