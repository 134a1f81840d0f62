// The distribution of negatives: fastText's integer weights, and draws from them in constant time.
//
// fastText writes its distribution out as a table of 10 million entries, 40 MB that miss the cache at every draw
// (loss.cc, NegativeSamplingLoss). Here are the same weights in two numbers a class: Walker's alias method.
// Source: Vose, IEEE Trans. Software Eng. 17 (1991) 972.
#pragma once

#include <cstdint>
#include <vector>

namespace ftcore {

// Entries of each class in fastText's table: ceil(sqrt(c) * 1e7 / z), with the sum, the root and the quotient in
// float, as the original's. counts: int64[C].
std::vector<int64_t> table_sizes(const int64_t* counts, int64_t size);

// uint32[C, 2]: (threshold, other class) of each class. weights: float64[C].
std::vector<uint32_t> alias_table(const double* weights, int64_t size);

}  // namespace ftcore
