// Product quantisation beside the search for the nearest centroid (kernels/nearest.h): the random numbers and the
// moves of its k-means, and tables made of codes. The bits are the original's, or those of sums in order.
//
// A row of `dim` columns is cut into pieces of `dsub` (the last may be shorter), each a code of one byte. Centroids
// lie piece after piece, [256, dsub] each, the last one [256, last]: 256 dim floats in all.
//
// Source: fastText 0.9.3 src/productquantizer.cc (kmeans, MStep); GCC libstdc++-v3 bits/stl_algo.h (std::shuffle,
// __gen_two_uniform_ints), bits/uniform_int_dist.h, bits/random.tcc (generate_canonical): other standard
// libraries draw in another order, so none is asked.
#pragma once

#include <cstdint>

#include "ground/loose.h"

namespace ftcore {

constexpr int64_t kCentroids = 256;

// std::minstd_rand: x <- 48271 x mod (2**31 - 1), 1 to 2**31 - 2.
class Minstd {
 public:
  static constexpr uint64_t kModulus = 2147483647;
  explicit Minstd(uint64_t& state) : state_(state) {}
  uint64_t draw() { return state_ = state_ * 48271 % kModulus; }
  // std::uniform_int_distribution over 0 to n - 1, n at most 2**31 - 3
  int64_t below(int64_t n);
  // std::uniform_real_distribution<double>(0, 1), which takes two draws
  double unit();

 private:
  uint64_t& state_;
};

// std::shuffle of n numbers.
void shuffle(int64_t* order, int64_t n, uint64_t& state);

// Centroids (float32[256, d]) become the means of their points (float32[n, d], n at least 256); one without points
// splits another, drawn by its share of the points, `epsilon` to either side.
void move_centroids(const float* points, int64_t n, int64_t d, const uint8_t* codes, float epsilon, float* centroids,
                    uint64_t& state);

// out[i] = columns start to start + width - 1 of row numbers[i]; false where a number names no row.
bool cut_rows(const loose_float* rows, int64_t count, int64_t dim, const int64_t* numbers, int64_t n, int64_t start,
              int64_t width, float* out);

// Rows of codes (uint8[n, pieces]): float32[n, dim].
void decode_rows(const loose_float* centroids, const uint8_t* codes, int64_t n, int64_t dim, int64_t dsub, float* out);

// out[i] = norms[i] * sum over m of tables[m][codes[i][m]], summed in order; tables is [pieces, 256].
void sum_codes(const float* tables, const uint8_t* codes, const float* norms, int64_t n, int64_t pieces, float* out);

// Length of each row: squares in float32, summed in float64 (DenseMatrix::l2NormRow).
void row_norms(const loose_float* rows, int64_t n, int64_t dim, float* out);

}  // namespace ftcore
