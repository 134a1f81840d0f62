#include "kernels/minhash.h"

#include <cstring>

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

// As wide as the processor's registers: gcc 12 keeps wider ones in memory.
#if defined(__AVX512F__)
constexpr int64_t LANES = 16;
#elif defined(__AVX2__)
constexpr int64_t LANES = 8;
#else
constexpr int64_t LANES = 4;
#endif
typedef uint32_t numbers __attribute__((vector_size(LANES * 4)));

// A few functions, which stay in registers while the values pass by.
void least_of(const uint32_t* values, int64_t n, const uint32_t* factors, const uint32_t* terms, uint32_t* minima) {
  numbers factor[4], term[4], least[4];
  std::memcpy(factor, factors, sizeof(factor));
  std::memcpy(term, terms, sizeof(term));
  for (int w = 0; w < 4; ++w) least[w] = ~numbers{};
  for (int64_t i = 0; i < n; ++i) {
    for (int w = 0; w < 4; ++w) {
      numbers hash = factor[w] * values[i] + term[w];
      least[w] = hash < least[w] ? hash : least[w];
    }
  }
  std::memcpy(minima, least, sizeof(least));
}

void minima(const uint32_t* values, int64_t n, const uint32_t* factors, const uint32_t* terms, int64_t functions,
            uint32_t* minima) {
  static_assert(MINHASH_BLOCK % (4 * LANES) == 0, "whole steps");
  for (int64_t k = 0; k < functions; k += 4 * LANES) least_of(values, n, factors + k, terms + k, minima + k);
}

int64_t differing(const uint64_t* a, const uint64_t* b) {
  int64_t bits = 0;
  for (int64_t i = 0; i < SKETCH; ++i) bits += __builtin_popcountll(a[i] ^ b[i]);
  return bits;
}

}  // namespace

extern const MinhashKernels minhash_kernels;
const MinhashKernels minhash_kernels = {minima, differing};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
