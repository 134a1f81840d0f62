// Sorting hashes: numbers that are spread evenly over all of 32 bits, so that each nearly tells its own place.
#pragma once

#include <cstdint>

#include "ground/buffer.h"

namespace ftcore {

class SpreadSort {
 public:
  // Sort n < 2^32 numbers and leave one of each; returns how many are left. Numbers that are not spread take
  // n log n steps.
  int64_t unique(uint32_t* values, int64_t n);

 private:
  Buffer<uint32_t> ends_, placed_;
};

}  // namespace ftcore
