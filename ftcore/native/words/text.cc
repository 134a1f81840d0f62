#include "words/text.h"

#include <algorithm>

namespace ftcore {

namespace {

// Of eight bytes, the highest bit of each that is below 33; right up to the first one at least.
inline uint64_t below_33(uint64_t word) {
  constexpr uint64_t ones = 0x0101010101010101ull;
  return (word - ones * 33) & ~word & (ones << 7);
}

}  // namespace

int64_t Batch::split(const uint8_t* text, int64_t i, int64_t stop) {
  int64_t n = 0;
  while (i < stop && n < SIZE) {
    uint64_t first = load8(text + i), low = below_33(first);
    int64_t end = i;
    while (low == 0) {  // eight bytes of one word
      end += 8;
      if (end >= stop) break;
      low = below_33(load8(text + end));
    }
    if (low != 0) end += __builtin_ctzll(low) >> 3;
    end = std::min(end, stop);
    while (end < stop && !separates(text[end])) ++end;  // a control character: part of a word
    if (end == i) {
      if (text[i] == '\n') {
        begins[n] = ends[n] = i;
        keys[n] = 0;
        firsts[n++] = EOS_FIRST;
      }
      ++i;
      continue;
    }
    int64_t length = end - i;
    first &= ~uint64_t{0} >> (64 - 8 * std::min<int64_t>(length, 8));
    begins[n] = i;
    ends[n] = end;
    firsts[n] = first;
    keys[n++] = key_of(text + i, length, first);
    i = end;
    if (end < stop && text[end] != '\n') ++i;
  }
  size = n;
  return i;
}

}  // namespace ftcore
