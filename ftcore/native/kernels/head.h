// The head's two passes: scores of a hidden vector, and the exchange of gradients with it.
//
// Shapes: C rows of D floats, `stride` floats apart; hidden[D], gradient[D], score and error[C].
#pragma once

#include <cstdint>

#ifdef FTCORE_VARIANT
#include "kernels/rows.h"

namespace ftcore {
namespace FTCORE_VARIANT {

inline float dot(const float* a, const float* b, int64_t dim) {
  float total;
  score_rows<1>(&a, b, &total, dim);
  return total;
}

// gradient += error * row, as it was; row -= step * hidden.
inline void exchange(float* row, const float* hidden, float* gradient, int64_t dim, float error, float step) {
  columns(dim, [&](int64_t j, auto lane) {
    using V = decltype(lane);
    V old = load<V>(row + j);
    store<V>(gradient + j, load<V>(gradient + j) + error * old);
    store<V>(row + j, old - step * load<V>(hidden + j));
  });
}

// score = head @ hidden, four rows a pass.
void score_all(const float* head, int64_t classes, int64_t stride, const float* hidden, int64_t dim, float* score);

// `exchange` with every row, four a pass: with 735 labels this is half of the time.
void exchange_all(float* head, int64_t classes, int64_t stride, const float* hidden, float* gradient, int64_t dim,
                  const float* error, float rate);

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
#endif
