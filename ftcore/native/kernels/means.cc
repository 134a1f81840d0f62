#include "means.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

void mean_rows(const loose_float* table, const float* extra, const int32_t* ids, const int64_t* offsets,
               int64_t lines, int64_t dim, float* out) {
  for (int64_t b = 0; b < lines; ++b) {
    float* hidden = out + b * dim;
    for (int64_t j = 0; j < dim; ++j) hidden[j] = 0;
    for (int64_t i = offsets[b]; i < offsets[b + 1]; ++i) {
      int64_t row = ids[i];
      const loose_float* source = row >= 0 ? table + row * dim : extra + (-1 - row) * dim;
      for (int64_t j = 0; j < dim; ++j) hidden[j] += source[j];
    }
    if (offsets[b + 1] > offsets[b]) {
      float scale = static_cast<float>(1.0 / static_cast<double>(offsets[b + 1] - offsets[b]));
      for (int64_t j = 0; j < dim; ++j) hidden[j] *= scale;
    }
  }
}

}  // namespace

extern const MeanKernels mean_kernels;
const MeanKernels mean_kernels = {mean_rows};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
