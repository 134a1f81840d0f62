#include "training/gains.h"

#include <algorithm>
#include <vector>

namespace ftcore {

void gains(const int32_t* rows, const int64_t* offsets, int64_t words, float* out) {
  std::vector<int32_t> ordered;
  for (int64_t word = 0; word < words; ++word) {
    int64_t start = offsets[word], stop = offsets[word + 1];
    int64_t same = 0;  // pairs of equal features, each with itself too: the sum of m²
    if (stop - start <= 64) {
      for (int64_t i = start; i < stop; ++i) {
        for (int64_t j = start; j < stop; ++j) same += rows[i] == rows[j];
      }
    } else {  // a long word: its square would take longer than the training
      ordered.assign(rows + start, rows + stop);
      std::sort(ordered.begin(), ordered.end());
      for (size_t i = 0, m = 0; i < ordered.size(); ++i) {
        m = i > 0 && ordered[i] == ordered[i - 1] ? m + 1 : 1;
        same += static_cast<int64_t>(2 * m - 1);  // m² less (m - 1)²
      }
    }
    out[word] = static_cast<float>(same) / static_cast<float>(stop - start);
  }
}

}  // namespace ftcore
