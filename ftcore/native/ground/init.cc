#include "ground/init.h"

#include "ground/splitmix.h"

namespace ftcore {

void initial_rows(uint64_t seed, const int64_t* numbers, int64_t count, int64_t dim, float* out) {
  float bound = 1.0f / static_cast<float>(dim);
  uint64_t start = mix(seed + GOLDEN);
  for (int64_t i = 0; i < count; ++i) {
    uint64_t state = mix(start ^ (static_cast<uint64_t>(numbers[i]) * GOLDEN + 1));
    float* row = out + i * dim;
    for (int64_t j = 0; j < dim; ++j) {
      // 24 bits: 2u - 1 is exact in float32, so the product is rounded once, alike everywhere
      float unit = static_cast<float>(static_cast<int32_t>(next_bits(state) >> 40)) * 0x1p-23f;
      row[j] = (unit - 1.0f) * bound;
    }
  }
}

}  // namespace ftcore
