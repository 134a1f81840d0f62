// Compiled without regrouping and without contraction (EXACT in CMakeLists.txt): a fused step says so itself.
#include "kernels/nearest.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

constexpr int64_t kCentroids = 256;
constexpr float kLargest = 1e18f;  // squares of larger values might not be finite

// Whether all are finite and not so large that a squared distance overflows.
bool is_tame(const float* values, int64_t n) {
  bool tame = true;
  for (int64_t i = 0; i < n; ++i) tame &= __builtin_fabsf(values[i]) <= kLargest;
  return tame;
}

// Squared distances of a point to all centroids. Fused: one rounding a step, by the instruction or by libm.
template <bool Fused>
inline void distances(const float* __restrict point, int64_t d, const float* __restrict across,
                      float* __restrict out) {
  for (int64_t k = 0; k < kCentroids; ++k) {
    float step = point[0] - across[k];
    out[k] = step * step;
  }
  for (int64_t j = 1; j < d; ++j) {
    const float* centroid = across + j * kCentroids;
    for (int64_t k = 0; k < kCentroids; ++k) {
      float step = point[j] - centroid[k];
      out[k] = Fused ? __builtin_fmaf(step, step, out[k]) : out[k] + step * step;
    }
  }
}

// Distances from 0 up are in the order of their bits, and integers have a minimum in every vector unit.
inline uint8_t first_least(const float* found) {
  int32_t bits[kCentroids];
  __builtin_memcpy(bits, found, sizeof bits);
  int32_t least = bits[0];
  for (int64_t k = 1; k < kCentroids; ++k) least = bits[k] < least ? bits[k] : least;
  int32_t first = kCentroids;
  for (int32_t k = 0; k < kCentroids; ++k) {
    int32_t here = bits[k] == least ? k : static_cast<int32_t>(kCentroids);
    first = here < first ? here : first;
  }
  return static_cast<uint8_t>(first);
}

// The same where a distance may be NaN or infinite.
inline uint8_t first_least_of_any(const float* found) {
  int64_t best = 0;
  for (int64_t k = 1; k < kCentroids; ++k)
    if (found[k] < found[best]) best = k;
  return static_cast<uint8_t>(best);
}

template <bool Fused>
void assign(const float* points, int64_t n, int64_t d, const float* across, bool tame, uint8_t* codes) {
  float found[kCentroids];
  for (int64_t i = 0; i < n; ++i) {
    distances<Fused>(points + i * d, d, across, found);
    codes[i] = tame ? first_least(found) : first_least_of_any(found);
  }
}

void nearest(const float* points, int64_t n, int64_t d, const float* across, bool fused, uint8_t* codes) {
  bool tame = is_tame(points, n * d) && is_tame(across, d * kCentroids);
  if (fused)
    assign<true>(points, n, d, across, tame, codes);
  else
    assign<false>(points, n, d, across, tame, codes);
}

}  // namespace

extern const NearestKernels nearest_kernels;
const NearestKernels nearest_kernels = {nearest};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
