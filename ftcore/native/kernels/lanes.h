// Floats by the lane: what the loops over rows are written in, so that their bits are those of the source.
//
// A sum in lanes says itself in what order it is taken; a compiler that may regroup sums (CMakeLists.txt) would
// take another for another processor, and for a line alone than for one in a batch. `vector_size` is gcc's and
// clang's: sixteen floats are one, two or four registers.
#pragma once

#include <cstdint>
#include <cstring>

#include "ground/loose.h"

namespace ftcore {
namespace FTCORE_VARIANT {
namespace {

typedef float lanes2 __attribute__((vector_size(8)));
typedef float lanes4 __attribute__((vector_size(16)));
typedef float lanes8 __attribute__((vector_size(32)));
typedef float lanes16 __attribute__((vector_size(64)));

// Lanes from any address. By memcpy: a template would forget that a type of its argument is unaligned; and not
// as a result, for which not every processor has a register.
template <class Lanes>
inline void load(const loose_float* from, Lanes& to) {
  std::memcpy(&to, from, sizeof(Lanes));
}

// The sum of sixteen lanes: halves upon each other, four times.
inline float sum_lanes(const lanes16& lanes) {
  lanes8 eight[2];
  std::memcpy(eight, &lanes, sizeof(eight));
  eight[0] += eight[1];
  lanes4 four[2];
  std::memcpy(four, &eight[0], sizeof(four));
  four[0] += four[1];
  return (four[0][0] + four[0][2]) + (four[0][1] + four[0][3]);
}

inline float sum_lanes(const lanes4& four) { return (four[0] + four[2]) + (four[1] + four[3]); }

}  // namespace
}  // namespace FTCORE_VARIANT
}  // namespace ftcore
