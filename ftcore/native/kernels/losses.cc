#include "kernels/losses.h"

#include <cmath>
#include <cstring>

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

constexpr int64_t FACTORS = 512;  // of at most 2, whose product a double holds

// exp(x) = 2^n exp(r) with |r| <= ln(2) / 2, a polynomial; 2^n is made of its exponent bits. Unlike calls of
// the C library this runs in SIMD lanes.
void exponential(float* value, int64_t size) {
  for (int64_t t = 0; t < size; ++t) {
    float x = value[t] > -87.0f ? value[t] : -87.0f;
    float n = std::floor(x * 1.4426950408889634f + 0.5f);
    float r = x - n * 0.6931471805599453f;
    float p = (1.0f / 720) * r + (1.0f / 120);
    p = p * r + (1.0f / 24);
    p = p * r + (1.0f / 6);
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits = (static_cast<uint32_t>(static_cast<int32_t>(n)) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    value[t] = p * power;
  }
}

float highest_of(const float* score, int64_t size, float highest) {
  constexpr int LANES = 16;  // a maximum of floats is not regrouped by the compiler
  float best[LANES];
  for (int lane = 0; lane < LANES; ++lane) best[lane] = highest;
  int64_t t = 0;
  for (; t + LANES <= size; t += LANES) {
    for (int lane = 0; lane < LANES; ++lane) best[lane] = score[t + lane] > best[lane] ? score[t + lane] : best[lane];
  }
  for (; t < size; ++t) highest = score[t] > highest ? score[t] : highest;
  for (int lane = 0; lane < LANES; ++lane) highest = best[lane] > highest ? best[lane] : highest;
  return highest;
}

}  // namespace

double softmax(float* score, int64_t size, int64_t label) {
  float highest = highest_of(score, size, score[label]), seen = 0;
  double gap = static_cast<double>(highest) - static_cast<double>(score[label]);
  for (int64_t t = 0; t < size; ++t) {
    seen += score[t];
    score[t] -= highest;
  }
  exponential(score, size);
  float mine = score[label], others = 0;
  score[label] = 0;
  for (int64_t t = 0; t < size; ++t) others += score[t];
  float inverse = 1.0f / (mine + others);
  for (int64_t t = 0; t < size; ++t) score[t] *= inverse;
  score[label] = -others * inverse;  // p - 1, without the rounding of a p near 1
  return gap + std::log(static_cast<double>(mine + others)) + 0.0 * static_cast<double>(seen);
}

// With e = exp(-|score|) a row's loss is log(1 + e), and |score| more where the score has the wrong sign; the
// logarithms are taken of products of up to 512 of them.
double logistic(float* __restrict score, const float* __restrict yes, float* __restrict part, int64_t size) {
  for (int64_t t = 0; t < size; ++t) part[t] = -std::fabs(score[t]);
  exponential(part, size);
  double loss = 0;
  for (int64_t first = 0; first < size; first += FACTORS) {
    int64_t last = first + FACTORS < size ? first + FACTORS : size;
    double product = 1;
    float excess = 0;
    for (int64_t t = first; t < last; ++t) {
      float e = part[t], truth = yes[t] > 0 ? 1.0f : 0.0f, up = score[t] > 0 ? 1.0f : 0.0f;
      float wrong = std::fabs(up - truth);
      product *= static_cast<double>(1 + e);
      excess += wrong * std::fabs(score[t]) + 0.0f * score[t];
      float size_of_error = (wrong > 0 ? 1.0f : e) / (1 + e);
      score[t] = truth > 0 ? -size_of_error : size_of_error;
    }
    loss += std::log(product) + static_cast<double>(excess);
  }
  return loss;
}

extern const LossKernels loss_kernels;
const LossKernels loss_kernels = {exponential, softmax, logistic};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
