#include "kernels/head.h"

namespace ftcore {
namespace FTCORE_VARIANT {

void score_all(const float* head, int64_t classes, int64_t stride, const float* hidden, int64_t dim, float* score) {
  int64_t c = 0;
  for (; c + 4 <= classes; c += 4) {
    const float* row = head + c * stride;
    const float* rows[] = {row, row + stride, row + 2 * stride, row + 3 * stride};
    score_rows<4>(rows, hidden, score + c, dim);
  }
  for (; c < classes; ++c) score[c] = dot(head + c * stride, hidden, dim);
}

namespace {

template <int K>
ALWAYS_INLINE void exchange_some(float* row, int64_t stride, const float* hidden, float* gradient, int64_t dim,
                                 const float* error, float rate) {
  columns(dim, [&](int64_t j, auto lane) {
    using V = decltype(lane);
    V step = rate * load<V>(hidden + j), sum = load<V>(gradient + j);
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      V old = load<V>(row + k * stride + j);
      sum += error[k] * old;
      store<V>(row + k * stride + j, old - error[k] * step);
    }
    store<V>(gradient + j, sum);
  });
}

}  // namespace

void exchange_all(float* head, int64_t classes, int64_t stride, const float* hidden, float* gradient, int64_t dim,
                  const float* error, float rate) {
  int64_t c = 0;
  for (; c + 4 <= classes; c += 4) exchange_some<4>(head + c * stride, stride, hidden, gradient, dim, error + c, rate);
  for (; c < classes; ++c) exchange(head + c * stride, hidden, gradient, dim, error[c], rate * error[c]);
}

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
