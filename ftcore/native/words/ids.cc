#include "words/ids.h"

namespace ftcore {

int64_t break_lines(int32_t* ids, int64_t n, int64_t eos, int64_t longest, int64_t& length, Buffer<int64_t>& ends) {
  int64_t left = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t w = ids[i];
    if (w >= 0) ids[left++] = w;
    ++length;
    if (length >= longest || (w == eos && w >= 0)) {
      ends.add(left);
      length = 0;
    }
  }
  return left;
}

bool mark_buckets(const int32_t* ids, int64_t n, int64_t nwords, bool* seen, int64_t buckets) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t bucket = ids[i] - nwords;
    if (bucket < 0) continue;
    if (bucket >= buckets) return false;
    seen[bucket] = true;
  }
  return true;
}

bool to_signed_rows(int32_t* ids, int64_t n, int64_t nwords, const int32_t* rows, int64_t buckets) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t bucket = ids[i] - nwords;
    if (bucket < 0) continue;
    if (bucket >= buckets) return false;
    const int32_t row = rows[bucket];
    ids[i] = row >= 0 ? row : static_cast<int32_t>(-1 - bucket);
  }
  return true;
}

}  // namespace ftcore
