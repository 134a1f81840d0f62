#include "ground/places.h"

namespace ftcore {

int64_t keep_rows(const int32_t* ids, const int64_t* offsets, int64_t lines, Buckets buckets, int32_t* out,
                  int64_t* ends) {
  int64_t n = 0, limit = buckets.nwords + buckets.count;
  ends[0] = 0;
  for (int64_t b = 0; b < lines; ++b) {
    for (int64_t i = offsets[b]; i < offsets[b + 1]; ++i) {
      int64_t id = ids[i];
      if (id < 0 || id >= limit) return -1;
      int32_t row = id < buckets.nwords ? static_cast<int32_t>(id) : buckets.rows[id - buckets.nwords];
      if (row >= 0) out[n++] = row;
    }
    ends[b + 1] = n;
  }
  return n;
}

bool bucket_places(const int32_t* ids, int64_t n, Buckets buckets, int32_t* out) {
  int64_t limit = buckets.nwords + buckets.count;
  for (int64_t i = 0; i < n; ++i) {
    int64_t id = ids[i], bucket = id - buckets.nwords;
    if (id < 0 || id >= limit) return false;
    int32_t row = bucket < 0 ? static_cast<int32_t>(id) : buckets.rows[bucket];
    out[i] = row >= 0 ? row : static_cast<int32_t>(-1 - bucket);
  }
  return true;
}

}  // namespace ftcore
