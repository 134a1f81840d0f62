#include "binding.h"
#include "processor.h"

namespace ftcore {

void bind_means(nb::module_& m) {
  m.def(
      "mean_rows",
      [](Table table, Table extra, Vector<const int32_t> ids, Vector<const int64_t> offsets, Matrix<float> out) {
        int64_t dim = out.shape[1];
        require(table.shape[1] == dim && (extra.shape[0] == 0 || extra.shape[1] == dim), "mean_rows: columns differ");
        require(out.shape[0] == offsets.size() - 1, "mean_rows: out needs a row for each line");
        require_offsets(offsets, ids.size(), "mean_rows");
        require_rows(ids, table.shape[0], extra.shape[0], "mean_rows");
        kernels().means->mean_rows(table.data, extra.data, ids.data, offsets.data, out.shape[0], dim, out.data);
      },
      nb::arg("table"), nb::arg("extra"), nb::arg("ids"), nb::arg("offsets"), nb::arg("out"),
      nb::call_guard<nb::gil_scoped_release>(),
      "Mean of each line's rows, float32[B, D] into ``out``; ids: rows of ``table``, or ``-1 - row`` of ``extra``.");
}

}  // namespace ftcore
