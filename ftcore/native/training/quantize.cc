#include "training/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace ftcore {
namespace {

constexpr uint64_t kRange = Minstd::kModulus - 2;  // draws less one: 0 to 2**31 - 3

}  // namespace

int64_t Minstd::below(int64_t n) {
  uint64_t scaling = kRange / static_cast<uint64_t>(n);
  uint64_t past = static_cast<uint64_t>(n) * scaling;
  for (;;) {
    uint64_t x = draw() - 1;
    if (x < past) return static_cast<int64_t>(x / scaling);
  }
}

double Minstd::unit() {
  double low = static_cast<double>(draw() - 1);
  double high = static_cast<double>(draw() - 1);
  return std::min((low + high * 2147483646.0) / (2147483646.0 * 2147483646.0), 1.0 - 0x1p-53);
}

void shuffle(int64_t* order, int64_t n, uint64_t& state) {
  Minstd rng(state);
  if (n < 2) return;
  // one draw gives the places of two swaps, as long as the generator's range allows
  if (static_cast<int64_t>(kRange) / n < n) {
    for (int64_t i = 1; i < n; ++i) std::swap(order[i], order[rng.below(i + 1)]);
    return;
  }
  int64_t i = 1;
  if (n % 2 == 0) {
    std::swap(order[1], order[rng.below(2)]);
    i = 2;
  }
  for (; i < n; i += 2) {
    int64_t both = rng.below((i + 1) * (i + 2));
    std::swap(order[i], order[both / (i + 2)]);
    std::swap(order[i + 1], order[both % (i + 2)]);
  }
}

void move_centroids(const float* points, int64_t n, int64_t d, const uint8_t* codes, float epsilon, float* centroids,
                    uint64_t& state) {
  Minstd rng(state);
  std::array<int64_t, kCentroids> counts{};
  std::fill(centroids, centroids + kCentroids * d, 0.0f);
  for (int64_t i = 0; i < n; ++i) {
    float* centroid = centroids + codes[i] * d;
    for (int64_t j = 0; j < d; ++j) centroid[j] += points[i * d + j];
    ++counts[codes[i]];
  }
  for (int64_t k = 0; k < kCentroids; ++k) {
    if (counts[k] == 0) continue;
    for (int64_t j = 0; j < d; ++j) centroids[k * d + j] /= static_cast<float>(counts[k]);
  }
  for (int64_t k = 0; k < kCentroids; ++k) {
    if (counts[k] != 0) continue;
    int64_t m = 0;
    while (rng.unit() * static_cast<double>(n - kCentroids) >= static_cast<double>(counts[m] - 1))
      m = (m + 1) % kCentroids;
    for (int64_t j = 0; j < d; ++j) {
      float sign = j % 2 == 1 ? epsilon : -epsilon;
      centroids[k * d + j] = centroids[m * d + j] + sign;
      centroids[m * d + j] -= sign;
    }
    counts[k] = counts[m] / 2;
    counts[m] -= counts[k];
  }
}

bool cut_rows(const loose_float* rows, int64_t count, int64_t dim, const int64_t* numbers, int64_t n, int64_t start,
              int64_t width, float* out) {
  for (int64_t i = 0; i < n; ++i) {
    if (numbers[i] < 0 || numbers[i] >= count) return false;
    const loose_float* row = rows + numbers[i] * dim + start;
    for (int64_t j = 0; j < width; ++j) out[i * width + j] = row[j];
  }
  return true;
}

void decode_rows(const loose_float* centroids, const uint8_t* codes, int64_t n, int64_t dim, int64_t dsub,
                 float* out) {
  int64_t pieces = (dim + dsub - 1) / dsub;
  int64_t last = dim - (pieces - 1) * dsub;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t m = 0; m < pieces; ++m) {
      int64_t width = m == pieces - 1 ? last : dsub;
      const loose_float* centroid = centroids + m * kCentroids * dsub + codes[i * pieces + m] * width;
      for (int64_t j = 0; j < width; ++j) out[i * dim + m * dsub + j] = centroid[j];
    }
  }
}

void sum_codes(const float* tables, const uint8_t* codes, const float* norms, int64_t n, int64_t pieces, float* out) {
  for (int64_t i = 0; i < n; ++i) {
    float total = 0;
    for (int64_t m = 0; m < pieces; ++m) total += tables[m * kCentroids + codes[i * pieces + m]];
    out[i] = total * norms[i];
  }
}

void row_norms(const loose_float* rows, int64_t n, int64_t dim, float* out) {
  for (int64_t i = 0; i < n; ++i) {
    double total = 0;
    for (int64_t j = 0; j < dim; ++j) {
      float square = rows[i * dim + j] * rows[i * dim + j];
      total += static_cast<double>(square);
    }
    out[i] = static_cast<float>(std::sqrt(total));
  }
}

}  // namespace ftcore
