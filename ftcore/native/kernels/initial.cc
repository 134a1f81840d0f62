#include "kernels/initial.h"

#include "ground/splitmix.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

void rows(uint64_t seed, const int64_t* numbers, int64_t count, int64_t dim, float* out) {
  float bound = 1.0f / static_cast<float>(dim);
  uint64_t start = mix(seed + GOLDEN);
  for (int64_t i = 0; i < count; ++i) {
    uint64_t state = mix(start ^ (static_cast<uint64_t>(numbers[i]) * GOLDEN + 1));
    float* __restrict row = out + i * dim;
    for (int64_t j = 0; j < dim; ++j) {
      // splitmix64 from any place of its stream, so that columns do not wait for each other
      uint64_t bits = mix(state + static_cast<uint64_t>(j + 1) * GOLDEN);
      // 24 bits: 2u - 1 is exact in float32, so the product is rounded once, alike everywhere
      float unit = static_cast<float>(static_cast<int32_t>(bits >> 40)) * 0x1p-23f;
      row[j] = (unit - 1.0f) * bound;
    }
  }
}

}  // namespace

extern const InitialKernels initial_kernels;
const InitialKernels initial_kernels = {rows};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
