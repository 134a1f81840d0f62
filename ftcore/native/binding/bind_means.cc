#include <algorithm>

#include "binding/require.h"
#include "ground/places.h"
#include "processor.h"

namespace ftcore {

namespace {

void mean_rows(Table table, Table extra, Vector<const int32_t> ids, Vector<const int64_t> offsets,
               Matrix<float> out) {
  int64_t dim = out.shape[1];
  require(table.shape[1] == dim && (extra.shape[0] == 0 || extra.shape[1] == dim), "mean_rows: columns differ");
  require(out.shape[0] == offsets.size() - 1, "mean_rows: out needs a row for each line");
  require_offsets(offsets, ids.size(), "mean_rows");
  require_rows(ids, table.shape[0], extra.shape[0], "mean_rows");
  kernels().means->mean_rows(table.data, extra.data, ids.data, offsets.data, out.shape[0], dim, out.data);
}

int64_t folded_means(Matrix<const float> folded, Vector<const int32_t> ids, Vector<const int64_t> offsets,
                     Matrix<float> out, Vector<int32_t> missing) {
  int64_t columns = folded.shape[1];
  require(columns > 0 && out.shape[1] == columns, "folded_means: columns differ");
  require(out.shape[0] == offsets.size() - 1, "folded_means: out needs a row for each line");
  require(missing.size() >= ids.size(), "folded_means: missing needs room for every id");
  require_offsets(offsets, ids.size(), "folded_means");
  require_rows(ids, folded.shape[0], 0, "folded_means");
  return kernels().means->folded_means(folded.data, ids.data, offsets.data, out.shape[0], columns, out.data,
                                       missing.data);
}

void products(Table hidden, Table output, Matrix<float> out) {
  require(hidden.shape[1] == output.shape[1], "products: columns differ");
  require(out.shape[0] == hidden.shape[0] && out.shape[1] == output.shape[0], "products: out does not fit");
  kernels().means->products(hidden.data, output.data, hidden.shape[0], output.shape[0], hidden.shape[1], out.data);
}

void fold_rows(Table rows, Table output, Vector<const int32_t> places, Matrix<float> folded) {
  require(rows.shape[1] == output.shape[1], "fold_rows: columns differ");
  require(folded.shape[1] == output.shape[0] && output.shape[0] > 0, "fold_rows: folded does not fit");
  require(rows.shape[0] == places.size(), "fold_rows: give a place for each row");
  require_rows(places, folded.shape[0], 0, "fold_rows");
  kernels().means->fold_rows(rows.data, nullptr, output.data, places.data, places.size(), output.shape[0],
                             output.shape[1], folded.data);
}

int64_t keep(Vector<const int32_t> ids, Vector<const int64_t> offsets, int64_t nwords, Vector<const int32_t> rows,
             Vector<int32_t> out, Vector<int64_t> ends) {
  require(nwords >= 0 && nwords <= INT32_MAX && out.size() >= ids.size() && ends.size() == offsets.size(), "keep_rows: out does not fit");
  require_offsets(offsets, ids.size(), "keep_rows");
  int64_t n = keep_rows(ids.data, offsets.data, offsets.size() - 1, {rows.data, rows.size(), nwords}, out.data,
                        ends.data);
  require(n >= 0, "keep_rows: an id is no feature");
  return n;
}

void signed_places(Vector<const int32_t> ids, int64_t nwords, Vector<const int32_t> rows, Vector<int32_t> out) {
  require(nwords >= 0 && nwords <= INT32_MAX && out.size() == ids.size(), "bucket_places: out does not fit");
  require(bucket_places(ids.data, ids.size(), {rows.data, rows.size(), nwords}, out.data),
          "bucket_places: an id is no feature");
}

}  // namespace

void bind_means(nb::module_& m) {
  using guard = nb::call_guard<nb::gil_scoped_release>;
  m.def("mean_rows", mean_rows, nb::arg("table"), nb::arg("extra"), nb::arg("ids"), nb::arg("offsets"),
        nb::arg("out"), guard(),
        "Mean of each line's rows, float32[B, D] into ``out``; ids: rows of ``table``, or ``-1 - row`` of ``extra``.");
  m.def("folded_means", folded_means, nb::arg("folded"), nb::arg("ids"), nb::arg("offsets"), nb::arg("out"),
        nb::arg("missing"), guard(),
        "`mean_rows` of a table of scores, float32[P, C], whose empty rows start with +0: their ids go to ``missing``. "
        "Returns how many; where there are some, ``out`` is not filled.");
  m.def("products", products, nb::arg("hidden"), nb::arg("output"), nb::arg("out"), guard(),
        "hidden · outputᵀ, float32[B, C] into ``out``, each a single dot product.");
  m.def("fold_rows", fold_rows, nb::arg("rows"), nb::arg("output"), nb::arg("places"), nb::arg("folded"), guard(),
        "Enter ``rows`` · outputᵀ at ``places`` of the folded table; a zero as -0, since +0 means empty.");
  m.def(
      "add_unit",
      [](Vector<const float> vector, Vector<float> total) {
        require(vector.size() == total.size(), "add_unit: lengths differ");
        return kernels().means->add_unit(vector.data, vector.size(), total.data);
      },
      nb::arg("vector"), nb::arg("total"),
      "Add a vector float32[D], divided by its length, to another; whether it has a length.");
  m.def("keep_rows", keep, nb::arg("ids"), nb::arg("offsets"), nb::arg("nwords"), nb::arg("rows"), nb::arg("out"),
        nb::arg("ends"), guard(),
        "Full numbering -> rows, features without a row left out: int32[N] into ``out``, int64[B + 1] into "
        "``ends``; rows: int32[bucket], -1 for none. Returns how many.");
  m.def("bucket_places", signed_places, nb::arg("ids"), nb::arg("nwords"), nb::arg("rows"), nb::arg("out"), guard(),
        "Full numbering -> rows, ``-1 - bucket`` where a bucket has none.");
}

}  // namespace ftcore
