#include "training/negatives.h"

#include <algorithm>
#include <cmath>

namespace ftcore {

namespace {

constexpr float ENTRIES = 10000000;  // loss.h, NEGATIVE_TABLE_SIZE
constexpr double LARGEST = 4294967295.0;

// NaN and what is out of range have a value too: their conversion is undefined.
uint32_t threshold(double share) {
  double scaled = share * 4294967296.0;
  return scaled > 0 ? static_cast<uint32_t>(std::min(scaled, LARGEST)) : 0;
}

}  // namespace

std::vector<int64_t> table_sizes(const int64_t* counts, int64_t size) {
  float z = 0;
  for (int64_t i = 0; i < size; ++i) {
    z = static_cast<float>(static_cast<double>(z) + std::sqrt(static_cast<double>(counts[i])));
  }
  std::vector<int64_t> sizes(size);
  for (int64_t i = 0; i < size; ++i) {
    float root = static_cast<float>(std::sqrt(static_cast<double>(counts[i])));
    float entries = std::ceil(root * ENTRIES / z);
    sizes[i] = entries >= 0 && entries < 0x1p62f ? static_cast<int64_t>(entries) : 0;  // NaN where all are 0
  }
  return sizes;
}

std::vector<uint32_t> alias_table(const double* weights, int64_t size) {
  double sum = 0;
  for (int64_t c = 0; c < size; ++c) sum += weights[c];
  std::vector<double> share(size);
  for (int64_t c = 0; c < size; ++c) share[c] = weights[c] * (static_cast<double>(size) / sum);
  std::vector<uint32_t> table(2 * size);
  std::vector<int64_t> small, large;
  for (int64_t c = 0; c < size; ++c) (share[c] < 1 ? small : large).push_back(c);
  while (!small.empty() && !large.empty()) {
    int64_t low = small.back(), high = large.back();
    small.pop_back();
    table[2 * low] = threshold(share[low]);
    table[2 * low + 1] = static_cast<uint32_t>(high);
    share[high] -= 1 - share[low];
    if (share[high] < 1) {
      large.pop_back();
      small.push_back(high);
    }
  }
  for (const auto& left : {small, large}) {  // what rounding has left: themselves
    for (int64_t c : left) {
      table[2 * c] = static_cast<uint32_t>(LARGEST);
      table[2 * c + 1] = static_cast<uint32_t>(c);
    }
  }
  return table;
}

}  // namespace ftcore
