#include "kernels/head.h"

namespace ftcore {
namespace FTCORE_VARIANT {

void score_all(const float* head, int64_t classes, int64_t stride, const float* __restrict hidden, int64_t dim,
               float* score) {
  int64_t c = 0;
  for (; c + 4 <= classes; c += 4) {
    const float *a = head + c * stride, *b = a + stride, *e = b + stride, *f = e + stride;
    float p = 0, q = 0, r = 0, s = 0;
    for (int64_t j = 0; j < dim; ++j) {
      p += a[j] * hidden[j];
      q += b[j] * hidden[j];
      r += e[j] * hidden[j];
      s += f[j] * hidden[j];
    }
    score[c] = p, score[c + 1] = q, score[c + 2] = r, score[c + 3] = s;
  }
  for (; c < classes; ++c) score[c] = dot(head + c * stride, hidden, dim);
}

namespace {

void exchange_four(float* __restrict a, float* __restrict b, float* __restrict c, float* __restrict d,
                   const float* __restrict hidden, float* __restrict gradient, int64_t dim, const float* error,
                   float rate) {
  float p = error[0], q = error[1], r = error[2], s = error[3];
  for (int64_t j = 0; j < dim; ++j) {
    float x = rate * hidden[j], e = a[j], f = b[j], g = c[j], h = d[j];
    gradient[j] += (p * e + q * f) + (r * g + s * h);
    a[j] = e - p * x;
    b[j] = f - q * x;
    c[j] = g - r * x;
    d[j] = h - s * x;
  }
}

}  // namespace

void exchange_all(float* head, int64_t classes, int64_t stride, const float* hidden, float* gradient, int64_t dim,
                  const float* error, float rate) {
  int64_t c = 0;
  for (; c + 4 <= classes; c += 4) {
    float* row = head + c * stride;
    exchange_four(row, row + stride, row + 2 * stride, row + 3 * stride, hidden, gradient, dim, error + c, rate);
  }
  for (; c < classes; ++c) exchange(head + c * stride, hidden, gradient, dim, error[c], rate * error[c]);
}

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
