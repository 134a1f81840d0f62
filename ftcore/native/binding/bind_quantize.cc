#include <algorithm>
#include <vector>

#include "binding/require.h"
#include "processor.h"
#include "training/quantize.h"

namespace ftcore {

namespace {

using LooseVector = Array<const float, 1, false>;

uint64_t& state_of(const Vector<uint64_t>& state, const char* name) {
  require(state.size() == 1 && state[0] >= 1 && state[0] < Minstd::kModulus, name);
  return state[0];
}

}  // namespace

void bind_quantize(nb::module_& m) {
  m.def(
      "nearest",
      [](Matrix<const float> points, Table centroids, Vector<uint8_t> codes, bool fused) {
        int64_t n = points.shape[0], d = points.shape[1];
        require(d >= 1 && centroids.shape[0] == kCentroids && centroids.shape[1] == d,
                "nearest: centroids must be [256, d], and d that of the points");
        require(codes.size() == n, "nearest: codes need an element for each point");
        const loose_float* from = centroids.data;
        std::vector<float> across(static_cast<size_t>(d * kCentroids));
        for (int64_t k = 0; k < kCentroids; ++k)
          for (int64_t j = 0; j < d; ++j) across[static_cast<size_t>(j * kCentroids + k)] = from[k * d + j];
        kernels().nearest->nearest(points.data, n, d, across.data(), fused, codes.data);
      },
      nb::arg("points"), nb::arg("centroids"), nb::arg("codes"), nb::arg("fused") = false,
      nb::call_guard<nb::gil_scoped_release>(),
      "The nearest centroid (float32[256, d]) of each point (float32[n, d]) into ``codes``, the first of equally near "
      "ones; ``fused``: squares are added without being rounded first.");
  m.def(
      "shuffle",
      [](Vector<int64_t> order, Vector<uint64_t> state) {
        require(order.size() < static_cast<int64_t>(Minstd::kModulus) - 2, "shuffle: too many numbers");
        shuffle(order.data, order.size(), state_of(state, "shuffle: state must be uint64[1], 1 to 2**31 - 2"));
      },
      nb::arg("order"), nb::arg("state"), nb::call_guard<nb::gil_scoped_release>(),
      "libstdc++'s std::shuffle by std::minstd_rand, whose state is kept in ``state``.");
  m.def(
      "move_centroids",
      [](Matrix<const float> points, Vector<const uint8_t> codes, Matrix<float> centroids, Vector<uint64_t> state,
         float epsilon) {
        int64_t n = points.shape[0], d = points.shape[1];
        require(n >= kCentroids && codes.size() == n, "move_centroids: 256 points or more, and a code for each");
        require(centroids.shape[0] == kCentroids && centroids.shape[1] == d,
                "move_centroids: centroids must be [256, d], and d that of the points");
        move_centroids(points.data, n, d, codes.data, epsilon, centroids.data,
                       state_of(state, "move_centroids: state must be uint64[1], 1 to 2**31 - 2"));
      },
      nb::arg("points"), nb::arg("codes"), nb::arg("centroids"), nb::arg("state"), nb::arg("epsilon"),
      nb::call_guard<nb::gil_scoped_release>(), "Centroids become the means of their points (quantize.h).");
  m.def(
      "cut_rows",
      [](Table rows, Vector<const int64_t> numbers, int64_t start, Matrix<float> out) {
        require(out.shape[0] == numbers.size() && start >= 0 && start <= rows.shape[1] &&
                    out.shape[1] <= rows.shape[1] - start,
                "cut_rows: the columns do not lie within the rows");
        bool found = cut_rows(rows.data, rows.shape[0], rows.shape[1],
                              numbers.data, numbers.size(), start, out.shape[1], out.data);
        require(found, "cut_rows: a number names no row");
      },
      nb::arg("rows"), nb::arg("numbers"), nb::arg("start"), nb::arg("out"),
      nb::call_guard<nb::gil_scoped_release>(), "Columns from ``start`` on of some rows into ``out``.");
  m.def(
      "decode_rows",
      [](LooseVector centroids, Matrix<const uint8_t> codes, int64_t dsub, Matrix<float> out) {
        int64_t dim = out.shape[1], pieces = codes.shape[1];
        require(dsub >= 1 && dim >= 1 && pieces == (dim - 1) / dsub + 1 && out.shape[0] == codes.shape[0],
                "decode_rows: codes must be [n, pieces], and out [n, dim]");
        require(centroids.size() % kCentroids == 0 && centroids.size() / kCentroids == dim,
                "decode_rows: there must be 256 dim centroid values");
        decode_rows(centroids.data, codes.data, codes.shape[0], dim, std::min(dsub, dim),
                    out.data);
      },
      nb::arg("centroids"), nb::arg("codes"), nb::arg("dsub"), nb::arg("out"),
      nb::call_guard<nb::gil_scoped_release>(), "Rows of codes uint8[n, pieces] into ``out`` float32[n, dim].");
  m.def(
      "sum_codes",
      [](Matrix<const float> tables, Matrix<const uint8_t> codes, Vector<const float> norms, Vector<float> out) {
        require(tables.shape[0] == codes.shape[1] && tables.shape[1] == kCentroids,
                "sum_codes: tables must be [pieces, 256]");
        require(norms.size() == codes.shape[0] && out.size() == codes.shape[0],
                "sum_codes: norms and out need an element for each row");
        sum_codes(tables.data, codes.data, norms.data, codes.shape[0], codes.shape[1], out.data);
      },
      nb::arg("tables"), nb::arg("codes"), nb::arg("norms"), nb::arg("out"),
      nb::call_guard<nb::gil_scoped_release>(),
      "Products with quantised rows: norms[i] times the sum of tables[m, codes[i, m]] over m, in order.");
  m.def(
      "row_norms",
      [](Table rows, Vector<float> out) {
        require(out.size() == rows.shape[0], "row_norms: out needs an element for each row");
        row_norms(rows.data, rows.shape[0], rows.shape[1], out.data);
      },
      nb::arg("rows"), nb::arg("out"), nb::call_guard<nb::gil_scoped_release>(),
      "Length of each row into ``out``: squares in float32, summed in float64.");
}

}  // namespace ftcore
