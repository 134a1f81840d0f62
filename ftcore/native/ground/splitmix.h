// splitmix64 (Steele, Lea, Flood, OOPSLA 2014): a counter, and a bijection of 64 bits that spreads every bit over all.
// Static functions: each file has its own, whatever processor it is compiled for.
#pragma once

#include <cstdint>

namespace ftcore {

constexpr uint64_t GOLDEN = 0x9E3779B97F4A7C15;

static inline uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// The next of 64 random bits; `state` is the counter.
static inline uint64_t next_bits(uint64_t& state) { return mix(state += GOLDEN); }

}  // namespace ftcore
