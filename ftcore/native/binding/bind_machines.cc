#include <cmath>

#include "binding/require.h"
#include "training/machines.h"

namespace ftcore {

void bind_machines(nb::module_& m) {
  m.def(
      "solve_machines",
      [](Vector<const int32_t> ids, Vector<const int64_t> offsets, Vector<const float> values, Matrix<const bool> gold,
         Vector<const float> cost, Matrix<const float> squares, Matrix<float> dual, Matrix<float> weight,
         float tolerance, int64_t passes, uint64_t seed, int threads) {
        const int64_t documents = offsets.size() - 1, features = weight.shape[0], labels = weight.shape[1];
        require(values.size() == ids.size(), "solve_machines: a value for each id");
        require_offsets(offsets, ids.size(), "solve_machines");
        require(documents <= INT32_MAX && features <= INT32_MAX, "solve_machines: more rows than an int32 names");
        require_rows(ids, features, 0, "solve_machines");
        require(gold.shape[0] == documents && gold.shape[1] == labels && dual.shape[0] == documents &&
                    dual.shape[1] == labels && cost.size() == documents,
                "solve_machines: gold, dual and cost need a row for each document, and a column for each label");
        require(squares.size() == 0 || (squares.shape[0] == features && squares.shape[1] == labels),
                "solve_machines: squares must be as the weights, or empty");
        require(tolerance > 0 && passes >= 1 && passes <= 100000, "solve_machines: tolerance above 0, 1 to 100000 passes");
        require(threads >= 1 && threads <= 4096, "solve_machines: threads must be from 1 to 4096");
        for (float start : dual) require(start >= 0 && std::isfinite(start), "solve_machines: a dual is a number from 0 up");
        bool interrupted = false;
        auto go_on = [&] {
          nb::gil_scoped_acquire gil;
          if (!interrupted) interrupted = PyErr_CheckSignals() != 0;
          return !interrupted;
        };
        Machines machines{gold.data, cost.data, squares.size() ? squares.data : nullptr, labels, dual.data, weight.data};
        SparseRows rows{ids.data, offsets.data, values.data, documents, features};
        const int64_t took = solve_machines(rows, machines, tolerance, passes, seed, threads, go_on);
        if (interrupted) {
          nb::gil_scoped_acquire gil;
          throw nb::python_error();
        }
        return took;
      },
      nb::arg("ids"), nb::arg("offsets"), nb::arg("values"), nb::arg("gold"), nb::arg("cost"), nb::arg("squares"),
      nb::arg("dual"), nb::arg("weight"), nb::arg("tolerance"), nb::arg("passes"), nb::arg("seed"), nb::arg("threads"),
      nb::call_guard<nb::gil_scoped_release>(),
      "Linear machines of all labels into ``weight``, from and to ``dual`` (machines.h): the most passes that one took.");
}

}  // namespace ftcore
