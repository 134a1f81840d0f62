// Initial vectors: U(-1/dim, 1/dim), each value a pure function of (seed, row number, column).
//
// fastText draws its table from one stream a thread (densematrix.cc, `uniform`), so that a row's start depends
// on the size of the table. Here it does not: the row of a bucket that never occurred is made when asked for.
// Integer arithmetic and two float steps, the first of them exact: the same bits on every processor.
#pragma once

#include <cstdint>

namespace ftcore {

struct InitialKernels {
  // out: float32[count, dim], the rows with these numbers.
  void (*rows)(uint64_t seed, const int64_t* numbers, int64_t count, int64_t dim, float* out);
};

}  // namespace ftcore
