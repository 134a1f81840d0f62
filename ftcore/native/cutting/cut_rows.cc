#include "cutting/cut_rows.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "ground/team.h"

namespace ftcore {

namespace {

constexpr int64_t PIECE = 1 << 16;  // bytes that a thread takes at once, about: none waits long for the last one
constexpr int64_t SMALL = 1 << 14;  // bytes for which no thread is started

struct Piece {
  int64_t begin, end;  // rows
  Buffer<uint8_t> text;
  Buffer<int64_t> begins, ends, counts;  // counts: of each row, bytes or tokens
};

// A token's bytes, `left` of them and more can be read: sixteen at once where they are there.
void copy(uint8_t* to, const uint8_t* from, size_t size, size_t left) {
  if (size <= 16 && left >= 16) std::memcpy(to, from, 16);
  else std::memcpy(to, from, size);
}

struct Cutter {
  const Lexicon& lexicon;
  Way way;
  bool joined, spaces;
  Lexicon::Scratch scratch;
  std::vector<uint32_t> ends;
  Lexicon::Pieces pieces;

  // A row in pieces of other bytes than its own.
  const std::vector<uint32_t>& other(const char* text, size_t size) {
    pieces.clear();
    if (way == Way::ALL) lexicon.cut_all(text, size, scratch, pieces);
    else lexicon.cut_for_search(text, size, way == Way::SEARCH_HMM, scratch, pieces);
    return pieces.ends;
  }

  void row(const uint8_t* data, int64_t at, size_t size, Piece& piece) {
    const uint8_t* text = data + at;
    const bool own = way == Way::DEFAULT || way == Way::HMM;
    ends.clear();
    if (own) lexicon.cut(reinterpret_cast<const char*>(text), size, way == Way::HMM, scratch, ends);
    const std::vector<uint32_t>& ends = own ? this->ends : other(reinterpret_cast<const char*>(text), size);
    if (!own) {
      text = pieces.text.data();
      size = static_cast<size_t>(pieces.text.size());
    }
    size_t begin = 0;
    if (joined) {
      piece.text.reserve(static_cast<int64_t>(size + ends.size()) + 16);
      uint8_t *const first = piece.text.data() + piece.text.size(), *out = first;
      for (const uint32_t mark : ends) {
        const size_t end = mark & ~Lexicon::SPACE;
        if (mark == end && begin < end) {
          copy(out, text + begin, end - begin, size - begin);
          out += end - begin;
          *out++ = ' ';
        }
        begin = end;
      }
      const int64_t made = out > first ? out - first - 1 : 0;  // no space behind the last
      piece.text.extend(made);
      piece.counts.add(made);
      return;
    }
    const auto tokens = static_cast<int64_t>(ends.size());
    piece.begins.reserve(tokens);
    piece.ends.reserve(tokens);
    const int64_t before = piece.ends.size();
    for (const uint32_t mark : ends) {
      const size_t end = mark & ~Lexicon::SPACE;
      if (mark == end || spaces) {
        piece.begins.push(at + static_cast<int64_t>(begin));
        piece.ends.push(at + static_cast<int64_t>(end));
      }
      begin = end;
    }
    piece.counts.add(piece.ends.size() - before);
  }
};

template <class T>
void copy_into(const Buffer<T>& from, T* to) {
  if (from.size() > 0) std::memcpy(to, from.data(), static_cast<size_t>(from.size()) * sizeof(T));
}

}  // namespace

template <class Offset>
CutRows cut_rows(const Lexicon& lexicon, const Rows<Offset>& rows, Way way, bool joined, bool spaces, int threads,
                 const std::function<bool()>& go_on) {
  CutRows made;
  std::vector<Piece> pieces;
  for (int64_t begin = 0; begin < rows.size;) {
    int64_t end = begin + 1;
    while (end < rows.size && rows.offsets[end + 1] - rows.offsets[begin] <= PIECE) ++end;
    pieces.push_back({begin, end, {}, {}, {}, {}});
    begin = end;
  }
  std::atomic<size_t> next{0};
  std::mutex mutex;  // of wrong and why
  int stop = 0;
  const auto work = [&](int) {
    Cutter cutter{lexicon, way, joined, spaces, {}, {}, {}};
    for (size_t i; (i = next.fetch_add(1)) < pieces.size();) {
      Piece& piece = pieces[i];
      piece.counts.reserve(piece.end - piece.begin);
      if (joined) {  // tokens have two characters on average, of three bytes
        const int64_t bytes = static_cast<int64_t>(rows.offsets[piece.end] - rows.offsets[piece.begin]);
        piece.text.reserve(bytes + bytes / 4 + 64);
      }
      for (int64_t r = piece.begin; r < piece.end; ++r) {
        if (__atomic_load_n(&stop, __ATOMIC_RELAXED)) return;
        const auto at = static_cast<int64_t>(rows.offsets[r]);
        try {
          cutter.row(rows.data, at, static_cast<size_t>(static_cast<int64_t>(rows.offsets[r + 1]) - at), piece);
        } catch (const std::exception& error) {
          std::lock_guard<std::mutex> lock(mutex);
          if (made.wrong < 0 || r < made.wrong) {
            made.wrong = r;
            made.why = error.what();
          }
          __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
          return;
        }
      }
    }
  };
  const bool small = rows.size > 0 && rows.offsets[rows.size] - rows.offsets[0] <= SMALL;
  const auto all = [&](const std::function<void(int)>& some) {
    if (small || pieces.empty()) return some(0);
    const bool alone = pieces.size() < static_cast<size_t>(threads);
    run_team(alone ? static_cast<int>(pieces.size()) : threads, some,
             [&] { return !(made.stopped = made.stopped || !go_on()); }, &stop);
  };
  all(work);
  if (made.wrong >= 0 || made.stopped) return made;

  struct Start {
    int64_t text, tokens;
  };
  std::vector<Start> starts;
  Start total{0, 0};
  for (const Piece& piece : pieces) {
    starts.push_back(total);
    total.text += piece.text.size();
    total.tokens += piece.ends.size();
  }
  made.text.resize(total.text);
  made.begins.resize(total.tokens);
  made.ends.resize(total.tokens);
  made.offsets.resize(rows.size + 1);
  made.offsets[0] = 0;
  next = 0;
  all([&](int) {  // a piece goes when it is copied: memory holds what is made once, not twice
    for (size_t i; (i = next.fetch_add(1)) < pieces.size();) {
      Piece& piece = pieces[i];
      copy_into(piece.text, made.text.data() + starts[i].text);
      copy_into(piece.begins, made.begins.data() + starts[i].tokens);
      copy_into(piece.ends, made.ends.data() + starts[i].tokens);
      int64_t end = joined ? starts[i].text : starts[i].tokens;
      for (int64_t r = 0; r < piece.counts.size(); ++r) made.offsets[piece.begin + r + 1] = end += piece.counts[r];
      piece = Piece{};
    }
  });
  return made;
}

template CutRows cut_rows(const Lexicon&, const Rows<int32_t>&, Way, bool, bool, int, const std::function<bool()>&);
template CutRows cut_rows(const Lexicon&, const Rows<int64_t>&, Way, bool, bool, int, const std::function<bool()>&);

}  // namespace ftcore
