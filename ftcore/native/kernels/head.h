// The head's two passes: scores of a hidden vector, and the exchange of gradients with it.
//
// Shapes: C rows of D floats, `stride` floats apart; hidden[D], gradient[D], score and error[C].
#pragma once

#include <cstdint>

#ifdef FTCORE_VARIANT
namespace ftcore {
namespace FTCORE_VARIANT {

inline float dot(const float* a, const float* b, int64_t dim) {
  float total = 0;
  for (int64_t j = 0; j < dim; ++j) total += a[j] * b[j];
  return total;
}

// gradient += error * row, as it was; row -= step * hidden.
inline void exchange(float* __restrict row, const float* __restrict hidden, float* __restrict gradient, int64_t dim,
                     float error, float step) {
  for (int64_t j = 0; j < dim; ++j) {
    float old = row[j];
    gradient[j] += error * old;
    row[j] = old - step * hidden[j];
  }
}

// score = head @ hidden, four rows a pass.
void score_all(const float* head, int64_t classes, int64_t stride, const float* hidden, int64_t dim, float* score);

// `exchange` with every row, four a pass: with 735 labels this is half of the time.
void exchange_all(float* head, int64_t classes, int64_t stride, const float* hidden, float* gradient, int64_t dim,
                  const float* error, float rate);

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
#endif
