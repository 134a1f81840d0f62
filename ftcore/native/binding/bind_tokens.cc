#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "binding/binding.h"
#include "answers/crowd.h"
#include "binding/held_letters.h"
#include "binding/held_lexicon.h"
#include "cutting/letters.h"
#include "binding/require.h"
#include "binding/strings.h"
#include "ground/team.h"
#include "cutting/tokens.h"

namespace ftcore {

namespace {

// `native.TokenCutter(letters, rules, stop)`
class HeldCutter {
 public:
  HeldCutter(nb::object letters, const TokenRules& rules, std::vector<std::string> stop)
      : held_(letters),
        cutter_(object_of<HeldLetters>(letters, "TokenCutter: letters must be Letters").letters, rules, std::move(stop)) {}

  nb::object cut(Vector<const uint8_t> data, Vector<const int64_t> offsets, nb::handle lexicon, int64_t threads) {
    require_offsets(offsets, data.size(), "cut");
    require(threads >= 1 && threads <= 4096, "cut: threads must be from 1 to 4096");
    HeldLexicon* held = lexicon.is_none() ? nullptr : &object_of<HeldLexicon>(lexicon, "cut: lexicon must be a Lexicon");
    const Lexicon* words = held == nullptr ? nullptr : &held->lexicon;
    const int64_t lines = offsets.size() - 1;
    std::vector<int64_t> cuts{0};  // of pieces that a thread takes at a time
    for (int64_t i = 1; i <= lines; ++i)
      if (i == lines || offsets[i] - offsets[cuts.back()] >= PIECE || i - cuts.back() >= LINES) cuts.push_back(i);
    const int64_t pieces = static_cast<int64_t>(cuts.size()) - 1;
    std::vector<TokenCutter::Lines> made(static_cast<size_t>(pieces));
    std::vector<std::unique_ptr<TokenCutter::Scratch>> scratches;
    for (int64_t i = std::max<int64_t>(std::min<int64_t>(allowed_threads(threads), pieces), 1); i > 0; --i)
      scratches.push_back(pool_.take());

    using Outcome = TokenCutter::Outcome;
    std::atomic<int64_t> next{0};
    std::atomic<Outcome> outcome{Outcome::DONE};
    std::exception_ptr thrown;
    std::mutex mutex;
    int stop = 0;
    bool interrupted = false;
    auto work = [&](int part) {
      try {
        for (int64_t piece; (piece = next++) < pieces;) {
          const int64_t bytes = offsets[cuts[piece + 1]] - offsets[cuts[piece]];
          made[piece].text.reserve(bytes + bytes / 4 + 64);
          made[piece].ends.reserve(cuts[piece + 1] - cuts[piece]);
          for (int64_t i = cuts[piece]; i < cuts[piece + 1]; ++i) {
            if (__atomic_load_n(&stop, __ATOMIC_RELAXED)) return;
            const Outcome found =
                cutter_.add(data.data + offsets[i], offsets[i + 1] - offsets[i], words, *scratches[part], made[piece]);
            if (found == Outcome::DONE) continue;
            outcome = found;
            __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
          }
        }
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex);
        thrown = std::current_exception();
        __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
      }
    };
    Buffer<uint8_t> text;
    Buffer<int64_t> ends;
    int64_t marks = 0, stops = 0;
    {
      nb::gil_scoped_release released;
      std::shared_lock<std::shared_mutex> unchanged;
      if (held != nullptr) unchanged = std::shared_lock<std::shared_mutex>(held->lock);
      for (auto& one : scratches) one->stop = &stop;
      auto go_on = [&] {
        nb::gil_scoped_acquire gil;
        if (!interrupted) interrupted = PyErr_CheckSignals() != 0;
        return !interrupted;
      };
      const bool small = pieces <= 1 && data.size() < PIECE;  // a few milliseconds
      const auto all = [&](const std::function<void(int)>& some) {
        if (small) some(0);
        else run_team(static_cast<int>(scratches.size()), some, go_on, &stop);
      };
      all(work);
      if (stop == 0) {
        std::vector<int64_t> starts;
        int64_t size = 0;
        for (const auto& piece : made) {
          starts.push_back(size);
          size += piece.text.size();
          marks += piece.marks;
          stops += piece.stops;
        }
        text.resize(size);
        ends.resize(lines + 1);
        ends[0] = 0;
        next = 0;
        all([&](int) {  // a piece goes when it is copied: memory holds what is made once, not twice
          for (int64_t piece; (piece = next++) < pieces;) {
            TokenCutter::Lines& one = made[piece];
            for (int64_t i = 0; i < one.ends.size(); ++i) ends[cuts[piece] + i + 1] = starts[piece] + one.ends[i];
            if (one.text.size() > 0)
              std::memcpy(text.data() + starts[piece], one.text.data(), static_cast<size_t>(one.text.size()));
            one = TokenCutter::Lines{};
          }
        });
      }
    }
    for (auto& one : scratches) one->stop = nullptr;
    if (interrupted) throw nb::python_error();
    if (thrown) std::rethrow_exception(thrown);
    if (outcome == Outcome::NOT_UTF8) throw nb::value_error("cut: a text is not UTF-8");
    for (auto& one : scratches)
      if (one->codes.room() <= ROOM) pool_.give(std::move(one));
    if (outcome == Outcome::NO_LEXICON) return nb::none();
    return nb::make_tuple(owned(std::move(text)), owned(std::move(ends)), marks, stops);
  }

 private:
  static constexpr int64_t PIECE = 1 << 16, LINES = 1024;  // bytes and lines of a piece
  static constexpr int64_t ROOM = 4 << 20;                 // characters of a text whose scratch memory is kept
  nb::object held_;
  TokenCutter cutter_;
  Pool<TokenCutter::Scratch> pool_;
};

}  // namespace

void bind_tokens(nb::module_& m) {
  nb::class_<HeldLetters>(m, "Letters", "What Python says of characters, asked a page of 256 at a time when one is met.")
      .def(nb::init<nb::callable>(), nb::arg("ask"),
           "ask: number of a page -> uint32[256, 2], the flags of each character and its lower case.");
  nb::class_<HeldCutter>(m, "TokenCutter", "Texts to space-joined tokens; see ftcore/text/tokenizer.py.")
      .def(
          "__init__",
          [](HeldCutter* self, nb::object letters, bool protect, bool hmm, bool wide, bool lower, bool cased,
             int64_t marks, int64_t speaking, bool pictures, std::vector<nb::bytes> stop) {
            require(marks >= TokenRules::REMOVE && marks <= TokenRules::SPLIT, "TokenCutter: no such rule for marks");
            std::vector<std::string> words;
            for (const nb::bytes& word : stop) words.emplace_back(word.c_str(), word.size());
            new (self) HeldCutter(letters,
                                  {protect, hmm, lower, wide, marks, static_cast<uint32_t>(speaking), pictures, cased},
                                  std::move(words));
          },
          nb::arg("letters"), nb::arg("protect"), nb::arg("hmm"), nb::arg("wide"), nb::arg("lower"), nb::arg("cased"),
          nb::arg("marks"), nb::arg("speaking"), nb::arg("pictures"), nb::arg("stop"),
          "marks: 0 leave punctuation out, 1 keep it, 2 a token each. speaking: bits of the kinds of characters that\n"
          "are no punctuation; pictures: nor are emoji. cased: stopwords match in any case.")
      .def("cut", &HeldCutter::cut, nb::arg("data"), nb::arg("offsets"), nb::arg("lexicon").none(), nb::arg("threads"),
           "Of texts ``data[offsets[i]:offsets[i + 1]]``: (tokens, their offsets int64[n + 1], marks left out, stopwords\n"
           "left out). None where one needs the lexicon and there is none.");
  m.def(
      "text_spans",
      [](nb::handle letters, Vector<const uint8_t> text, bool wide, bool beside_han) {
        const Letters& known = object_of<HeldLetters>(letters, "text_spans: letters must be Letters").letters;
        std::vector<uint32_t> codes;
        for (int64_t i = 0; i < text.size();) {
          codes.push_back(decode(text.data, text.size(), i));
          if (codes.back() == UINT32_MAX) throw nb::value_error("text_spans: the text is not UTF-8");
        }
        const int64_t size = static_cast<int64_t>(codes.size());
        const Spans spans(known, codes.data(), size, wide);
        std::vector<int64_t> found;
        for (int64_t begin = 0, end, at = 0; at < size && (!beside_han || spans.find(at, begin, end)); at = end) {
          if (!beside_han) end = spans.token(begin = at);
          found.push_back(begin);
          found.push_back(end);
        }
        return owned(std::move(found));
      },
      nb::arg("letters"), nb::arg("text"), nb::arg("wide"), nb::arg("beside_han"),
      "Begin and end, in characters, of each protected span beside Han characters; or of all tokens of a text without.");
}

}  // namespace ftcore
