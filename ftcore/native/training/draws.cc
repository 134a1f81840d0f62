#include "training/draws.h"

#include <algorithm>

#include "ground/splitmix.h"

namespace ftcore {

int64_t draw_centres(const int32_t* ids, const int64_t* offsets, int64_t lines, const uint32_t* limits, uint64_t ws,
                     uint64_t seed, Drawn out) {
  uint64_t state = seed;
  int64_t kept = 0;
  for (int64_t line = 0; line < lines; ++line) {
    int64_t start = kept;
    for (int64_t i = offsets[line]; i < offsets[line + 1]; ++i) {
      if (static_cast<uint32_t>(next_bits(state) >> 32) <= limits[ids[i]]) {
        out.words[kept] = ids[i];
        out.place[kept] = static_cast<int32_t>(i);
        ++kept;
      }
    }
    for (int64_t i = start; i < kept; ++i) {
      int64_t width = 1 + static_cast<int64_t>(((next_bits(state) >> 32) * ws) >> 32);
      out.first[i] = static_cast<int32_t>(std::max(i - width, start));
      out.last[i] = static_cast<int32_t>(std::min(i + width + 1, kept));
    }
  }
  return kept;
}

}  // namespace ftcore
