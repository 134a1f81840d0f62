#include <mutex>

#include "binding/require.h"
#include "words/counts.h"
#include "words/ids.h"
#include "binding/vocabulary.h"

namespace ftcore {

namespace {

// Threads may hold the same one: they wait for each other, without the interpreter's lock.
struct SharedCounts {
  WordCounts counts;
  std::mutex lock;
};

}  // namespace

void bind_counts(nb::module_& m) {
  nb::class_<SharedCounts>(m, "WordCounts",
                           "Words of a text, how often they occur and where each was first seen. Word 0 is the end of "
                           "line,\ncounted at every newline.")
      .def(nb::init<>())
      .def(
          "__init__",
          [](SharedCounts* self, Vector<const uint8_t> blob, Vector<const int64_t> offsets,
             Vector<const int64_t> counts, Vector<const int64_t> seen) {
            require_words(blob, offsets, "WordCounts");
            const int64_t words = offsets.size() - 1;
            require(words > 0 && counts.size() == words && seen.size() == words,
                    "WordCounts: each word, one at least, has a count and a place");
            new (self) SharedCounts{WordCounts(blob.data, offsets.data, words, counts.data, seen.data), {}};
          },
          nb::arg("blob"), nb::arg("offsets"), nb::arg("counts"), nb::arg("seen"),
          "As if these packed words, the first of which is the end of line, had been counted so often.")
      .def("__len__",
           [](SharedCounts& self) {
             nb::gil_scoped_release released;
             std::lock_guard guard(self.lock);
             return self.counts.words();
           })
      .def_prop_ro(
          "live",
          [](SharedCounts& self) {
            nb::gil_scoped_release released;
            std::lock_guard guard(self.lock);
            return self.counts.live();
          },
          "How many words have occurred.")
      .def(
          "count",
          [](SharedCounts& self, Vector<const uint8_t> text, int64_t start, int64_t base, int64_t limit) {
            const int64_t stop = text_size(text);
            require(0 <= start && start <= stop, "count: start is no place of the text");
            std::lock_guard guard(self.lock);
            return self.counts.count(text.data, start, stop, base, limit);
          },
          nb::arg("text"), nb::arg("start"), nb::arg("base"), nb::arg("limit"),
          nb::call_guard<nb::gil_scoped_release>(),
          "Count the words of ``text[start:-PAD]``, which begins and ends between words; where it stopped.\n\n"
          "base: added to a word's place to say when it was first seen. limit: stop behind the word with which\n"
          "more than so many have occurred.")
      .def(
          "merge",
          [](SharedCounts& self, SharedCounts& other) {
            require(&self != &other, "merge: give another");
            std::scoped_lock guard(self.lock, other.lock);
            self.counts.merge(other.counts);
          },
          nb::arg("other"), nb::call_guard<nb::gil_scoped_release>(),
          "Add another's words and counts; of two places where a word was first seen the lower one stays.")
      .def(
          "take",
          [](SharedCounts& self) {
            WordCounts::Arrays made;
            {
              nb::gil_scoped_release released;
              std::lock_guard guard(self.lock);
              made = self.counts.take();
            }
            return nb::make_tuple(owned(std::move(made.blob)), owned(std::move(made.offsets)),
                                  owned(std::move(made.counts)), owned(std::move(made.seen)));
          },
          "(blob with `PAD` zeros behind, offsets, counts, places); without a copy: this is as new then.");

  m.def(
      "break_lines",
      [](Vector<int32_t> ids, int64_t eos, int64_t length, int64_t longest) {
        Buffer<int64_t> ends;
        int64_t left;
        require(0 <= length && length < longest, "break_lines: the open line is too long");
        {
          nb::gil_scoped_release released;
          left = break_lines(ids.data, ids.size(), eos, longest, length, ends);
        }
        return nb::make_tuple(left, owned(std::move(ends)), length);
      },
      nb::arg("ids"), nb::arg("eos"), nb::arg("length"), nb::arg("longest"),
      "Cut a stream of `word_ids` into lines as training reads them; labels (-1) count and go.\n\n"
      "A line ends behind an end of line or its ``longest``-th in-vocabulary word, labels among them\n"
      "(``getLine``, dictionary.cc 358-385). Lines of labels alone leave nothing.\n\n"
      "ids: int32[n], changed in place. eos: number of the end of line, -1 where it is none. length: of the line\n"
      "still open, labels included.\n\n"
      "Returns (how many ids are left, ends of the lines that close here int64[], the open line's length).");

  m.def(
      "mark_buckets",
      [](Vector<const int32_t> ids, int64_t nwords, Vector<bool> seen) {
        require(nwords >> 32 == 0 && mark_buckets(ids.data, ids.size(), nwords, seen.data, seen.size()),
                "mark_buckets: an id names no bucket");
      },
      nb::arg("ids"), nb::arg("nwords"), nb::arg("seen"), nb::call_guard<nb::gil_scoped_release>(),
      "Set ``seen[id - nwords]`` for all ids from ``nwords`` on.");

  m.def(
      "to_signed_rows",
      [](Vector<int32_t> ids, int64_t nwords, Vector<const int32_t> rows) {
        require(nwords >> 32 == 0 && to_signed_rows(ids.data, ids.size(), nwords, rows.data, rows.size()),
                "to_signed_rows: an id names no bucket");
      },
      nb::arg("ids"), nb::arg("nwords"), nb::arg("rows"), nb::call_guard<nb::gil_scoped_release>(),
      "Full numbering to rows of a table in place, -1 - bucket where the bucket has no row.\n\n"
      "rows: int32[buckets], the row of each bucket, -1 where it has none.");
}

}  // namespace ftcore
