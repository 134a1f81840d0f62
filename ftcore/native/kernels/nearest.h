// The nearest of 256 centroids: what training a product quantiser and encoding with it spend their time on.
//
// The bits are the original's on every processor (fastText 0.9.3 src/productquantizer.cc, distL2 and
// assign_centroid): a squared distance is summed in float32 in the order of the columns, the first of equally near
// centroids wins, and NaN is never nearer. Built plainly the original rounds a square before adding it; built with
// -march=native it does not (`fused`). The sums run across centroids, 4 to 16 at a time, so no order changes.
//
// Shapes: N points, D columns of a piece of a row.
#pragma once

#include <cstdint>

namespace ftcore {

struct NearestKernels {
  // codes[i]: the centroid nearest to points[i] (float32[N, D]); `across` holds the centroids transposed,
  // float32[D, 256]. D is 1 at least.
  void (*nearest)(const float* points, int64_t n, int64_t d, const float* across, bool fused, uint8_t* codes);
};

}  // namespace ftcore
