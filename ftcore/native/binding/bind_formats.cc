#include "binding/require.h"
#include "words/digits.h"
#include "words/entries.h"

namespace ftcore {

namespace {

using Bytes = Vector<const uint8_t>;
using Offsets = Vector<const int64_t>;

// Offsets first to first + n, of text within `blob`.
void require_words(const Offsets& offsets, int64_t first, int64_t n, const Bytes& blob, const char* name) {
  require(first >= 0 && first <= offsets.size() - 1 && n <= offsets.size() - 1 - first, name);
  Offsets part;
  part.data = offsets.data + first;
  part.shape[0] = n + 1;
  require_offsets(part, blob.size(), name);
}

}  // namespace

void bind_formats(nb::module_& m) {
  m.attr("LONGEST_VALUE") = kLongestValue;
  m.def(
      "format_rows",
      [](Bytes blob, Offsets offsets, int64_t first, Matrix<const float> vectors, Vector<uint8_t> out,
         Vector<int64_t> ends, Vector<uint8_t> hard) {
        int64_t n = vectors.shape[0], dim = vectors.shape[1];
        require(ends.size() == n && hard.size() == n, "format_rows: ends and hard need an element for each row");
        require_words(offsets, first, n, blob, "format_rows");
        if (n == 0) return;
        int64_t left = out.size() - (offsets[first + n] - offsets[first]);
        require(left >= 0 && left / n >= 2 && (left / n - 2) / kLongestValue >= dim, "format_rows: out is too small");
        format_rows(blob.data, offsets.data + first, vectors.data, n, dim, out.data, ends.data, hard.data);
      },
      nb::arg("blob"), nb::arg("offsets"), nb::arg("first"), nb::arg("vectors"), nb::arg("out"), nb::arg("ends"),
      nb::arg("hard"), nb::call_guard<nb::gil_scoped_release>(),
      "Lines of a .vec into ``out`` (digits.h); row i is word ``first + i``'s. Left out and marked in ``hard``: lines "
      "with a value that is NaN, infinite, below 1e-8 or 1e5 and more.");
  m.def(
      "parse_lines",
      [](Bytes data, Offsets starts, int64_t first, int64_t last, Matrix<int64_t> words, Matrix<float> out,
         Vector<uint8_t> hard) {
        require(first >= 0 && last >= first, "parse_lines: last lies before first");
        require_words(starts, first, last - first, data, "parse_lines");
        require(words.shape[1] == 2 && words.shape[0] >= last && out.shape[0] >= last,
                "parse_lines: words and out need a row for each line");
        require(hard.size() == last - first, "parse_lines: hard needs an element for each line");
        return parse_lines(data.data, starts.data, first, last, out.shape[1], words.data, out.data, hard.data);
      },
      nb::arg("data"), nb::arg("starts"), nb::arg("first"), nb::arg("last"), nb::arg("words"), nb::arg("out"),
      nb::arg("hard"), nb::call_guard<nb::gil_scoped_release>(),
      "Numbers at the ends of lines ``first`` to ``last - 1`` (digits.h): -1, or the first line that does not hold "
      "as many as ``out`` has columns. Marked in ``hard``: lines with a field that is no plain decimal number.");
  m.def(
      "line_starts",
      [](Bytes data) {
        std::vector<int64_t> starts;
        {
          nb::gil_scoped_release release;
          starts = line_starts(data.data, data.size());
        }
        return owned(std::move(starts));
      },
      nb::arg("data"),
      "Where lines begin, and the end of the last: int64[lines + 1]. Blank lines at the end are none.");
  m.def(
      "scan_entries",
      [](Bytes data, int64_t at, int64_t nwords, Vector<int64_t> offsets, Vector<int64_t> counts, int64_t most) {
        require(0 <= at && at <= data.size(), "scan_entries: at lies outside of the data");
        require(offsets.size() == counts.size() + 1, "scan_entries: offsets need one element more than counts");
        require(most >= 0, "scan_entries: most is negative");
        EntriesEnd end;
        {
          nb::gil_scoped_release release;
          end = scan_entries(data.data, data.size(), at, nwords, counts.size(), most, offsets.data, counts.data);
        }
        return nb::make_tuple(end.wrong, end.entry, end.at);
      },
      nb::arg("data"), nb::arg("at"), nb::arg("nwords"), nb::arg("offsets"), nb::arg("counts"), nb::arg("most"),
      "Lengths and counts of a .bin's vocabulary: (what is wrong, entry, byte). 0: nothing, and the byte behind the "
      "entries; 1: no end; 2: a count beyond 0 to ``most``; 3: a word's type behind the words or a label's before.");
  m.def(
      "gather_entries",
      [](Bytes data, int64_t begin, Offsets offsets, Vector<uint8_t> blob) {
        int64_t n = offsets.size() - 1;
        require_offsets(offsets, blob.size(), "gather_entries");
        require(0 <= begin && begin <= data.size() && n <= (data.size() - begin) / kEntryFixed &&
                    offsets[n] <= data.size() - begin - n * kEntryFixed,
                "gather_entries: the entries do not lie within the data");
        gather_entries(data.data, begin, offsets.data, n, blob.data);
      },
      nb::arg("data"), nb::arg("begin"), nb::arg("offsets"), nb::arg("blob"),
      nb::call_guard<nb::gil_scoped_release>(), "The words of scanned entries into ``blob``, without gaps.");
  m.def(
      "pack_entries",
      [](Bytes blob, Offsets offsets, Vector<const int64_t> counts, uint8_t kind, Vector<uint8_t> out) {
        int64_t n = counts.size();
        require(offsets.size() == n + 1, "pack_entries: offsets need one element more than counts");
        require_offsets(offsets, blob.size(), "pack_entries");
        int64_t left = out.size() - (offsets[n] - offsets[0]);
        require(left >= 0 && left / kEntryFixed >= n, "pack_entries: out is too small");
        return pack_entries(blob.data, offsets.data, counts.data, n, kind, out.data);
      },
      nb::arg("blob"), nb::arg("offsets"), nb::arg("counts"), nb::arg("kind"), nb::arg("out"),
      nb::call_guard<nb::gil_scoped_release>(),
      "Entries of one type (0 words, 1 labels) into ``out``: -1, or the first entry with a 0 byte in it.");
}

}  // namespace ftcore
