#include "ground/spread_sort.h"

#include <algorithm>
#include <cstring>

namespace ftcore {

namespace {

constexpr int64_t FEW = 24;  // are put in order by passing the larger ones on

void insertion(uint32_t* values, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const uint32_t value = values[i];
    int64_t j = i;
    for (; j > 0 && values[j - 1] > value; --j) values[j] = values[j - 1];
    values[j] = value;
  }
}

}  // namespace

int64_t SpreadSort::unique(uint32_t* values, int64_t n) {
  if (n <= FEW) {
    insertion(values, n);
    return std::unique(values, values + n) - values;
  }
  // a place for every second number, in the order of the numbers
  const uint64_t places = static_cast<uint64_t>(n) / 2;
  const auto place = [places](uint32_t value) { return value * places >> 32; };
  ends_.clear();
  ends_.resize(static_cast<int64_t>(places) + 1);
  std::memset(ends_.data(), 0, (places + 1) * sizeof(uint32_t));
  placed_.clear();
  placed_.resize(n);
  for (int64_t i = 0; i < n; ++i) ++ends_[place(values[i]) + 1];
  for (uint64_t p = 1; p <= places; ++p) ends_[p] += ends_[p - 1];
  for (int64_t i = 0; i < n; ++i) placed_[ends_[place(values[i])]++] = values[i];
  // now ends_[p] is where place p ends
  int64_t begin = 0, left = 0;
  for (uint64_t p = 0; p < places; ++p) {
    const int64_t end = ends_[p], size = end - begin;
    uint32_t* mine = placed_.data() + begin;
    if (size <= FEW)
      insertion(mine, size);
    else
      std::sort(mine, mine + size);
    for (int64_t i = 0; i < size; ++i)
      if (i == 0 || mine[i] != mine[i - 1]) values[left++] = mine[i];
    begin = end;
  }
  return left;
}

}  // namespace ftcore
