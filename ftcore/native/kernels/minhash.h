// Minima of many hash functions over a document's shingles: what MinHash signatures are made of.
#pragma once

#include <cstdint>

namespace ftcore {

constexpr int64_t MINHASH_BLOCK = 64;  // functions that are worked on together
constexpr int64_t SKETCH = 8;           // numbers of a sketch

struct MinhashKernels {
  // minima[k] = the least of factors[k] * values[i] + terms[k] (mod 2^32) over i, 0xFFFFFFFF where n is 0.
  // `functions` is a multiple of MINHASH_BLOCK.
  void (*minima)(const uint32_t* values, int64_t n, const uint32_t* factors, const uint32_t* terms, int64_t functions,
                 uint32_t* minima);
  // In how many bits two sketches differ.
  int64_t (*differing)(const uint64_t* a, const uint64_t* b);
};

}  // namespace ftcore
