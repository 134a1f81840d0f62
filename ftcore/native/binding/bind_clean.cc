#include <vector>

#include "binding/binding.h"
#include "cutting/clean.h"
#include "cutting/pages.h"
#include "binding/require.h"

namespace ftcore {

void bind_clean(nb::module_& m) {
  m.attr("TAG") = static_cast<int>(TAG);
  m.attr("REFERENCE") = static_cast<int>(REFERENCE);
  m.attr("COMPOSED") = static_cast<int>(COMPOSED);
  m.attr("CHINESE") = static_cast<int>(CHINESE);
  m.def(
      "text_kinds",
      [](Vector<const uint8_t> data, Vector<const int64_t> offsets) {
        require_offsets(offsets, data.size(), "text_kinds");
        std::vector<uint8_t> kinds(static_cast<size_t>(offsets.size() - 1));
        {
          nb::gil_scoped_release released;
          for (size_t i = 0; i < kinds.size(); ++i)
            kinds[i] = kinds_of(data.data + offsets[i], offsets[i + 1] - offsets[i]);
        }
        return owned(std::move(kinds));
      },
      nb::arg("data"), nb::arg("offsets"),
      "Bits of what each text ``data[offsets[i]:offsets[i + 1]]`` holds: TAG, REFERENCE, COMPOSED, CHINESE; uint8[n].");
  m.def(
      "clean_texts",
      [](Vector<const uint8_t> data, Vector<const int64_t> offsets, bool width, bool squeeze) {
        require_offsets(offsets, data.size(), "clean_texts");
        Buffer<uint8_t> text;
        Buffer<int64_t> ends;
        {
          nb::gil_scoped_release released;
          text.reserve(offsets[offsets.size() - 1] - offsets[0]);
          ends.reserve(offsets.size());
          ends.push(0);
          for (int64_t i = 0; i + 1 < offsets.size(); ++i) {
            clean(data.data + offsets[i], offsets[i + 1] - offsets[i], width, squeeze, text);
            ends.push(text.size());
          }
        }
        return nb::make_tuple(owned(std::move(text)), owned(std::move(ends)));
      },
      nb::arg("data"), nb::arg("offsets"), nb::arg("width"), nb::arg("squeeze"),
      "Texts with plain spaces and narrow letters: (bytes, their offsets int64[n + 1]); see native/clean.h.");
  m.def(
      "count_scripts",
      [](Vector<const uint8_t> data, Vector<const int64_t> offsets) {
        require_offsets(offsets, data.size(), "count_scripts");
        std::vector<int64_t> han(static_cast<size_t>(offsets.size() - 1)), latin(han.size());
        {
          nb::gil_scoped_release released;
          for (size_t i = 0; i < han.size(); ++i)
            count_scripts(data.data + offsets[i], offsets[i + 1] - offsets[i], han[i], latin[i]);
        }
        return nb::make_tuple(owned(std::move(han)), owned(std::move(latin)));
      },
      nb::arg("data"), nb::arg("offsets"), "Han characters and Latin words of each text: two int64[n].");
  m.def(
      "count_byte",
      [](Vector<const uint8_t> data, Vector<const int64_t> offsets, uint8_t byte) {
        require_offsets(offsets, data.size(), "count_byte");
        std::vector<int64_t> counts(static_cast<size_t>(offsets.size() - 1));
        {
          nb::gil_scoped_release released;
          for (size_t i = 0; i < counts.size(); ++i)
            counts[i] = count_byte(data.data + offsets[i], offsets[i + 1] - offsets[i], byte);
        }
        return owned(std::move(counts));
      },
      nb::arg("data"), nb::arg("offsets"), nb::arg("byte"), "How often a byte stands in each text: int64[n].");
  m.def(
      "wiki_pages",
      [](Vector<const uint8_t> block, int64_t limit) {
        require(limit >= 0 && limit <= INT64_MAX / 4, "wiki_pages: no such limit");
        Pages found;
        {
          nb::gil_scoped_release released;
          found = find_pages(block.data, block.size(), limit);
        }
        return nb::make_tuple(owned(std::move(found.rows)), found.stop, found.lines, found.odd);
      },
      nb::arg("block"), nb::arg("limit"),
      "Plain pages at the start of WikiExtractor's text: (6 numbers a page, see native/pages.h; bytes and lines that are\n"
      "done with; whether a page that is not plain follows, or else one that is not whole).");
}

}  // namespace ftcore
