// The output side of an update: which rows are scored, drawn how, and moved by how much.
// Source: fastText 0.9.3 src/loss.cc.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ground/splitmix.h"
#include "kernels/pretrain.h"
#include "kernels/rows.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

// exp(x) to 1e-7 for |x| <= 87, beyond that of the border: Cody and Waite's reduction and Cephes' polynomial (expf.c).
ALWAYS_INLINE float exponential(float x) {
  x = x < -87.0f ? -87.0f : (x > 87.0f ? 87.0f : x);  // NaN stays NaN
  float power = __builtin_floorf(x * 1.4426950408889634f + 0.5f);
  float r = x - power * 0.693359375f + power * 2.12194440e-4f;
  float e = 1.9875691500e-4f;
  e = e * r + 1.3981999507e-3f;
  e = e * r + 8.3334519073e-3f;
  e = e * r + 4.1665795894e-2f;
  e = e * r + 1.6666665459e-1f;
  e = e * r + 5.0000001201e-1f;
  e = e * r * r + r + 1.0f;
  int32_t bits = (static_cast<int32_t>(power == power ? power : 0.0f) + 127) << 23;
  float scale;  // 2 ** power
  std::memcpy(&scale, &bits, sizeof scale);
  return e * scale;
}

ALWAYS_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

ALWAYS_INLINE float at_least(float least, float p) { return p < least ? least : p; }  // NaN stays NaN

// Replaces scores by their steps, lr * (truth - p), and returns the product of what was given to the truths, at
// least 1e-15 each.
template <int K> ALWAYS_INLINE double judge(float* scores, const float* truth, float lr) {
  float given[K];
  double product = 1;
  for (int k = 0; k < K; ++k) {
    float p = sigmoid(scores[k]);
    scores[k] = lr * (truth[k] - p);
    given[k] = at_least(1e-15f, truth[k] * p + (1.0f - truth[k]) * (1.0f - p));
  }
  for (int k = 0; k < K; ++k) product *= static_cast<double>(given[k]);
  return product;
}

// A sum of -log(p): one logarithm for many probabilities, it costs as much as a row. A dozen probabilities of
// 1e-15 may be multiplied in at a time.
class Loss {
 public:
  void times(double product) {
    product_ *= product;
    if (product_ < 1e-100) flush();
  }
  void plus(double nats) { sum_ += nats; }
  bool is_number() const { return product_ > 0 && __builtin_fabs(sum_) < 1e300; }
  double sum() {
    flush();
    return sum_;
  }

 private:
  void flush() {
    sum_ -= __builtin_log(product_);
    product_ = 1;
  }
  double sum_ = 0, product_ = 1;
};

// A row by its weight.
ALWAYS_INLINE int32_t draw_row(const Pretraining& data, uint64_t& state) {
  uint64_t x = next_bits(state);
  int64_t row = static_cast<int64_t>(((x >> 32) * static_cast<uint64_t>(data.words)) >> 32);
  return static_cast<int32_t>(static_cast<uint32_t>(x) < data.alias[2 * row] ? row : data.alias[2 * row + 1]);
}

// A row by its weight that is not the target; the next one where that is all but impossible.
ALWAYS_INLINE int32_t draw_other(const Pretraining& data, int32_t target, uint64_t& state) {
  for (int tries = 0; tries < 1024; ++tries) {
    int32_t row = draw_row(data, state);
    if (row != target) return row;
  }
  return static_cast<int32_t>((target + 1) % data.words);
}

// Output rows of an example, the target first; whether one is named twice, which is not looked for among many.
ALWAYS_INLINE bool draw_example(const Pretraining& data, int32_t target, int64_t example, int32_t* rows,
                                uint64_t& state) {
  bool twice = data.neg > 64;
  rows[0] = target;
  for (int64_t k = 1; k <= data.neg; ++k) {
    rows[k] = data.given ? data.given[example * data.neg + k - 1] : draw_other(data, target, state);
    for (int64_t before = 1; before < k && !twice; ++before) twice |= rows[before] == rows[k];
  }
  return twice;
}

// Memory of a kernel's own, freed at its end.
template <class T> struct Scratch {
  T* data;
  explicit Scratch(int64_t count) : data(static_cast<T*>(std::calloc(count > 0 ? count : 1, sizeof(T)))) {}
  Scratch(const Scratch&) = delete;
  ~Scratch() { std::free(data); }
  operator T*() const { return data; }
};

ALWAYS_INLINE bool stopped(const Pretraining& data) { return __atomic_load_n(data.stop, __ATOMIC_RELAXED) != 0; }

}  // namespace

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
