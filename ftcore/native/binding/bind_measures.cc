#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <vector>

#include "binding/binding.h"
#include "binding/held_letters.h"
#include "cutting/measures.h"
#include "cutting/phrases.h"
#include "binding/require.h"

namespace ftcore {

void bind_measures(nb::module_& m) {
  m.attr("MEASURES") = static_cast<int64_t>(Measures::COLUMNS);
  m.attr("REPETITIONS") = Repetition::COLUMNS;

  m.def(
      "measure_texts",
      [](nb::handle letters, Vector<const uint8_t> data, Vector<const int64_t> offsets, Matrix<int64_t> out) {
        const Letters& known = object_of<HeldLetters>(letters, "measure_texts: letters must be Letters").letters;
        nb::gil_scoped_release released;
        require_offsets(offsets, data.size(), "measure_texts");
        const int64_t documents = offsets.size() - 1;
        require(out.shape[0] == documents && out.shape[1] == Measures::COLUMNS,
                "measure_texts: out has a row for each text and a column for each measure");
        Measures measures(known);
        for (int64_t d = 0; d < documents; ++d)
          measures.of(data.data + offsets[d], offsets[d + 1] - offsets[d], out.data + d * Measures::COLUMNS);
      },
      nb::arg("letters"), nb::arg("data"), nb::arg("offsets"), nb::arg("out"),
      "Fill out[text, measure] with counts; ftcore/text/measures.py names the columns.");

  m.def(
      "repeated_ngrams",
      [](Vector<const uint8_t> data, Vector<const int64_t> offsets, Matrix<double> out) {
        require_offsets(offsets, data.size(), "repeated_ngrams");
        const int64_t documents = offsets.size() - 1;
        require(out.shape[0] == documents && out.shape[1] == Repetition::COLUMNS,
                "repeated_ngrams: out has a row for each document and nine columns");
        Repetition repetition;
        for (int64_t d = 0; d < documents; ++d)
          repetition.of(data.data + offsets[d], offsets[d + 1] - offsets[d], out.data + d * Repetition::COLUMNS);
      },
      nb::arg("data"), nb::arg("offsets"), nb::arg("out"), nb::call_guard<nb::gil_scoped_release>(),
      "Fill out[document, n - 2] with the share of characters in n-grams of tokens that come again.\n\n"
      "n from 2 to 4: in the commonest one; from 5 to 10: in all that stood before.");

  nb::class_<Phrases>(m, "Phrases", "Words and phrases, sought in texts all at once.")
      .def(
          "__init__",
          [](Phrases* self, std::vector<nb::bytes> given) {
            std::vector<std::string> phrases;
            int64_t size = 0;
            for (const nb::bytes& one : given) {
              phrases.emplace_back(one.c_str(), one.size());
              size += static_cast<int64_t>(one.size());
              require(one.size() > 0, "Phrases: an empty phrase stands everywhere");
            }
            require(size < int64_t{1} << 30, "Phrases: less than 1 GB of them");
            new (self) Phrases(phrases);
          },
          nb::arg("phrases"))
      .def(
          "count",
          [](const Phrases& self, Vector<const uint8_t> data, Vector<const int64_t> offsets, Matrix<int64_t> out) {
            require_offsets(offsets, data.size(), "count");
            const int64_t documents = offsets.size() - 1;
            require(out.shape[0] == documents && out.shape[1] == 3, "count: out has a row for each text, and 3 columns");
            std::vector<int64_t> met(static_cast<size_t>(self.size()), -1);
            for (int64_t d = 0; d < documents; ++d) {
              const Phrases::Found found = self.in(data.data + offsets[d], offsets[d + 1] - offsets[d], met, d);
              out[3 * d] = found.times, out[3 * d + 1] = found.distinct, out[3 * d + 2] = found.first;
            }
          },
          nb::arg("data"), nb::arg("offsets"), nb::arg("out"), nb::call_guard<nb::gil_scoped_release>(),
          "Fill out[text]: how often any stands there, how many different ones, the number of the first (-1: none).");
}

}  // namespace ftcore
