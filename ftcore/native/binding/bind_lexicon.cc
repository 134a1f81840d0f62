#include <nanobind/stl/string.h>

#include <cmath>
#include <memory>
#include <string_view>

#include "binding/require.h"
#include "answers/crowd.h"
#include "cutting/cut_rows.h"
#include "binding/held_lexicon.h"

namespace ftcore {

namespace {

// UTF-8 of a str; a lone surrogate has none: a UnicodeEncodeError.
std::string_view utf8(nb::str given) {
  Py_ssize_t size;
  const char* data = PyUnicode_AsUTF8AndSize(given.ptr(), &size);
  if (data == nullptr) nb::raise_python_error();
  return {data, static_cast<size_t>(size)};
}

void require_finite(const double* values, int64_t n, const char* what) {
  bool fits = true;
  for (int64_t i = 0; i < n; ++i) fits &= std::isfinite(values[i]);
  require(fits, what);
}

Lexicon made(Vector<const uint8_t> blob, Vector<const int64_t> offsets, Vector<const double> counts,
             Vector<const double> weights, bool prefixes, double log_total, Vector<const double> start,
             Vector<const double> steps, double missing, Vector<const int32_t> characters, Matrix<const double> emissions) {
  const int64_t words = offsets.size() - 1;
  require_offsets(offsets, blob.size(), "Lexicon");
  require(offsets[words] - offsets[0] < (int64_t{1} << 28), "Lexicon: too many words");
  require(counts.size() == words && weights.size() == words, "Lexicon: each word has a count and a weight");
  require(start.size() == 4 && steps.size() == 8, "Lexicon: a model has 4 starts and 8 steps");
  require(emissions.shape[0] == characters.size() && emissions.shape[1] == 4, "Lexicon: 4 emissions for each character");
  require_finite(weights.data, words, "Lexicon: a weight is no number");
  require_finite(counts.data, words, "Lexicon: a count is no number");
  for (double count : counts) require(count >= 0, "Lexicon: a count is negative");
  require_finite(start.data, 4, "Lexicon: a start is no number");
  require_finite(steps.data, 8, "Lexicon: a step is no number");
  require_finite(emissions.data, emissions.size(), "Lexicon: an emission is no number");
  require(std::isfinite(missing) && std::isfinite(log_total), "Lexicon: a logarithm is no number");
  Lexicon::Model model;
  std::copy(start.begin(), start.end(), model.start);
  std::copy(steps.begin(), steps.end(), model.steps);
  model.missing = missing;
  Lexicon lexicon(reinterpret_cast<const char*>(blob.data), offsets.data, words, counts.data, weights.data, prefixes, model,
                  characters.data, emissions.data, characters.size());
  lexicon.log_total = log_total;
  return lexicon;
}

Way way_of(const std::string& name, bool hmm) {
  if (name == "default") return hmm ? Way::HMM : Way::DEFAULT;
  if (name == "search") return hmm ? Way::SEARCH_HMM : Way::SEARCH;
  require(name == "all", "way: default, search or all");
  return Way::ALL;
}

template <class Offset>
CutRows rows_of(HeldLexicon& self, Vector<const uint8_t> data, Vector<const Offset> offsets, Way way, bool joined,
                bool spaces, int64_t threads) {
  nb::gil_scoped_release released;
  bool fits = offsets.size() > 0 && offsets[0] >= 0 && offsets[offsets.size() - 1] <= data.size();
  for (int64_t i = 1; fits && i < offsets.size(); ++i) fits = offsets[i - 1] <= offsets[i];
  require(fits, "cut: offsets must rise and stay within the array");
  bool interrupted = false;
  const auto go_on = [&] {
    nb::gil_scoped_acquire gil;
    if (!interrupted) interrupted = PyErr_CheckSignals() != 0;
    return !interrupted;
  };
  CutRows cut;
  {
    std::shared_lock guard(self.lock);
    const Rows<Offset> rows{data.data, offsets.data, offsets.size() - 1};
    cut = cut_rows(self.lexicon, rows, way, joined, spaces, allowed_threads(threads), go_on);
  }
  nb::gil_scoped_acquire gil;
  if (interrupted) throw nb::python_error();
  if (cut.wrong >= 0) throw nb::value_error(("row " + std::to_string(cut.wrong) + ": " + cut.why).c_str());
  return cut;
}

template <class Offset>
void bind_rows_of(nb::class_<HeldLexicon>& lexicon) {
  lexicon
      .def(
          "join",
          [](HeldLexicon& self, Vector<const uint8_t> data, Vector<const Offset> offsets, bool hmm, int64_t threads,
             const std::string& way) {
            CutRows cut = rows_of(self, data, offsets, way_of(way, hmm), true, false, threads);
            return nb::make_tuple(owned(std::move(cut.text)), owned(std::move(cut.offsets)));
          },
          nb::arg("data"), nb::arg("offsets"), nb::arg("hmm"), nb::arg("threads"), nb::arg("way") = "default",
          "Tokens of ``data[offsets[i]:offsets[i + 1]]``, UTF-8, with a space between, without those that are white\n"
          "space: (text uint8[N], offsets int64[rows + 1]). way: default, search or all, see `cut`.\n\n"
          "Raises ValueError, which names the row, where it is not UTF-8.")
      .def(
          "spans",
          [](HeldLexicon& self, Vector<const uint8_t> data, Vector<const Offset> offsets, bool hmm, bool spaces,
             int64_t threads) {
            CutRows cut = rows_of(self, data, offsets, way_of("default", hmm), false, spaces, threads);
            return nb::make_tuple(owned(std::move(cut.begins)), owned(std::move(cut.ends)), owned(std::move(cut.offsets)));
          },
          nb::arg("data"), nb::arg("offsets"), nb::arg("hmm"), nb::arg("spaces"), nb::arg("threads"),
          "Where the tokens of the same rows lie in ``data``: (begins int64[N], ends int64[N], offsets\n"
          "int64[rows + 1]); with ``spaces`` those that are white space too.");
}

}  // namespace

void bind_lexicon(nb::module_& m) {
  nb::class_<HeldLexicon> lexicon(m, "Lexicon", "jieba's dictionary and model, and its ways of cutting (lexicon.h).");
  lexicon
      .def(
          "__init__",
          [](HeldLexicon* self, Vector<const uint8_t> blob, Vector<const int64_t> offsets, Vector<const double> counts,
             Vector<const double> weights, bool prefixes, double log_total, Vector<const double> start,
             Vector<const double> steps, double missing, Vector<const int32_t> characters, Matrix<const double> emissions) {
            nb::gil_scoped_release released;
            new (self) HeldLexicon{{}, made(blob, offsets, counts, weights, prefixes, log_total, start, steps, missing,
                                        characters, emissions),
                                   {}};
          },
          nb::arg("blob"), nb::arg("offsets"), nb::arg("counts"), nb::arg("weights"), nb::arg("prefixes"),
          nb::arg("log_total"), nb::arg("start"), nb::arg("steps"), nb::arg("missing"), nb::arg("characters"),
          nb::arg("emissions"),
          "blob, offsets: entries of the dictionary, UTF-8. counts: how often each occurs, 0: only begins words (or was\n"
          "deleted). weights: log of the counts. prefixes: every beginning of a word becomes an entry.\n"
          "start: log probabilities of the states B, E, M, S. steps: of EB, SB, BE, ME, BM, MM, ES, SS.\n"
          "emissions: float64[characters, 4], in B, E, M, S; missing: of characters that are not among them.")
      .def_prop_rw(
          "log_total", [](HeldLexicon& self) { return self.lexicon.log_total; },
          [](HeldLexicon& self, double value) {
            require(std::isfinite(value), "log_total: no number");
            nb::gil_scoped_release released;
            std::unique_lock guard(self.lock);
            self.lexicon.log_total = value;
          },
          "Log of what the counts are divided by.")
      .def(
          "cut",
          [](HeldLexicon& self, nb::str text, bool hmm, bool spaces, const std::string& name) {
            const std::string_view given = utf8(text);
            const Way way = way_of(name, hmm);
            const bool own = way == Way::DEFAULT || way == Way::HMM;
            Lexicon::Pieces pieces;
            {
              nb::gil_scoped_release released;
              Lexicon::Scratch scratch;
              std::shared_lock guard(self.lock);
              if (own) self.lexicon.cut(given.data(), given.size(), hmm, scratch, pieces.ends);
              else if (way == Way::ALL) self.lexicon.cut_all(given.data(), given.size(), scratch, pieces);
              else self.lexicon.cut_for_search(given.data(), given.size(), hmm, scratch, pieces);
            }
            const char* const bytes = own ? given.data() : reinterpret_cast<const char*>(pieces.text.data());
            nb::list tokens;
            size_t begin = 0;
            for (const uint32_t mark : pieces.ends) {
              const size_t end = mark & ~Lexicon::SPACE;
              if (mark == end || spaces) tokens.append(begin < end ? nb::str(bytes + begin, end - begin) : nb::str("", 0));
              begin = end;
            }
            return tokens;
          },
          nb::arg("text"), nb::arg("hmm"), nb::arg("spaces"), nb::arg("way") = "default",
          "jieba's ``lcut(text, HMM=hmm)``; tokens that are white space only with ``spaces``.\n\n"
          "way: search: its ``lcut_for_search``, all: its ``lcut(text, cut_all=True)``, in which some are empty.")
      .def(
          "dump",
          [](HeldLexicon& self) {
            Buffer<uint8_t> out;
            {
              nb::gil_scoped_release released;
              std::shared_lock guard(self.lock);
              self.lexicon.dump(out);
            }
            return owned(std::move(out));
          },
          "All but what `force_split` was told, as `load_lexicon` takes it: uint8[N].")
      .def(
          "count",
          [](HeldLexicon& self, nb::str word) {
            const std::string_view given = utf8(word);
            nb::gil_scoped_release released;
            std::shared_lock guard(self.lock);
            return self.lexicon.count(given);
          },
          nb::arg("word"), "How often an entry occurs, -1 where it is none.")
      .def(
          "set",
          [](HeldLexicon& self, nb::str word, double count, double weight, bool prefixes) {
            require(std::isfinite(count) && count >= 0 && std::isfinite(weight), "set: no such count or weight");
            const std::string_view given = utf8(word);
            nb::gil_scoped_release released;
            std::unique_lock guard(self.lock);
            self.lexicon.set(given, count, weight, prefixes);
          },
          nb::arg("word"), nb::arg("count"), nb::arg("weight"), nb::arg("prefixes"),
          "Add or change one entry, see the constructor.")
      .def(
          "erase",
          [](HeldLexicon& self, nb::str word) {
            const std::string_view given = utf8(word);
            nb::gil_scoped_release released;
            std::unique_lock guard(self.lock);
            self.lexicon.erase(given);
          },
          nb::arg("word"), "Take one entry away; its beginnings stay.")
      .def(
          "force_split",
          [](HeldLexicon& self, nb::str word) {
            const std::string_view given = utf8(word);
            nb::gil_scoped_release released;
            std::unique_lock guard(self.lock);
            self.lexicon.force_split(given);
          },
          nb::arg("word"), "The model leaves this word in characters.");
  m.def(
      "load_lexicon",
      [](nb::object given) {
        auto made = std::make_unique<HeldLexicon>();
        if (!made->bytes.take(given.ptr())) throw nb::type_error("load_lexicon: bytes must be a C-contiguous uint8 array");
        nb::gil_scoped_release released;
        require(reinterpret_cast<uintptr_t>(made->bytes->data) % 8 == 0, "load_lexicon: bytes must be aligned to 8");
        require(made->lexicon.load(made->bytes->data, static_cast<size_t>(made->bytes->size())),
                "load_lexicon: these are no lexicon's bytes");
        return made.release();
      },
      nb::arg("bytes"), nb::rv_policy::take_ownership,
      "The `Lexicon` that dumped these bytes, which it reads for as long as it lives: a mapped file, for example.\n\n"
      "Raises ValueError where they are not whole.");
  bind_rows_of<int32_t>(lexicon);
  bind_rows_of<int64_t>(lexicon);
}

}  // namespace ftcore
