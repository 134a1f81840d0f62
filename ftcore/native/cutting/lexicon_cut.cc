#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "cutting/characters.h"
#include "cutting/lexicon.h"

namespace ftcore {

namespace {

constexpr uint8_t FROM_S_TO_B = 1, FROM_M_TO_E = 2, FROM_M_TO_M = 4, FROM_S_TO_S = 8;
const double INFINITE = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(size_t at) {
  throw std::invalid_argument("cut: the text is not UTF-8 at byte " + std::to_string(at));
}

// What Python's str.isspace and \s take.
bool is_space(uint32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

// Bytes of the letter of a block that begins with this one.
uint32_t width(char first) { return static_cast<uint8_t>(first) < 0x80 ? 1 : 3; }

}  // namespace

// What jieba's patterns take for one block, a letter a character.
struct Lexicon::Block {
  const Lexicon& lexicon;
  Scratch& scratch;
  const uint16_t* letters;
  const uint32_t* at;
  uint32_t* out;  // room for a token a character

  void route(uint32_t n) const {
    const Trie::Node* const nodes = lexicon.trie_.nodes();
    const double total = lexicon.log_total, unknown = 0.0 - total;
    uint32_t* const ends = scratch.ends.data();
    double* const best = scratch.best.data();
    best[n] = 0;
    for (uint32_t k = n; k-- > 0;) {
      double top = -INFINITE;
      uint32_t end = k + 1, i = k;
      uint32_t base = 0;
      do {
        const Trie::Node& node = nodes[base + letters[i]];
        if (node.letter != letters[i]) break;  // behind the last letter is a 0, which is nobody's
        base = node.base;
        ++i;
        const double score = (node.weight - total) + best[i];
        const bool better = score >= top;
        top = better ? score : top;
        end = better ? i : end;
      } while (base != 0);
      best[k] = top == -INFINITE ? unknown + best[k + 1] : top;
      ends[k] = end;
    }
  }

  void plain(uint32_t n) {
    const uint32_t* const ends = scratch.ends.data();
    bool english = false;  // a run of single letters and digits is open
    for (uint32_t x = 0; x < n; x = ends[x]) {
      const uint32_t y = ends[x];
      const bool one = y - x == 1 && (lexicon.latin_[letters[x]] & ALPHANUMERIC);
      if (english && !one) *out++ = at[x];
      if (!one) *out++ = at[y];
      english = one;
    }
    if (english) *out++ = at[n];
  }

  void modelled(uint32_t n) {
    const uint32_t* const ends = scratch.ends.data();
    uint32_t begin = 0, x = 0;  // from begin to x: characters alone, for the model to join
    while (x < n) {
      const uint32_t y = ends[x];
      if (y - x > 1) {
        recognize(begin, x);
        *out++ = at[y];
        begin = y;
      }
      x = y;
    }
    recognize(begin, n);
  }

  bool han(uint32_t i) const { return at[i + 1] - at[i] == 3; }

  void recognize(uint32_t begin, uint32_t end) {
    if (end - begin < 2) {
      if (end > begin) *out++ = at[end];
      return;
    }
    if (lexicon.known(letters + begin, end - begin)) {  // a word that the way did not take
      for (uint32_t i = begin; i < end;) *out++ = at[++i];
      return;
    }
    while (begin < end) {
      uint32_t i = begin;
      while (i < end && han(i)) ++i;
      if (i > begin) viterbi(begin, i);
      for (begin = i; i < end && !han(i);) ++i;
      if (i > begin) latin(begin, i);
      begin = i;
    }
  }

  // ([a-zA-Z0-9]+(?:\.\d+)?%?) and what is between
  void latin(uint32_t begin, uint32_t end) {
    const auto is = [&](uint32_t i, uint8_t flag) { return i < end && (lexicon.latin_[letters[i]] & flag) != 0; };
    while (begin < end) {
      uint32_t i = begin;
      while (i < end && !is(i, ALPHANUMERIC)) ++i;
      if (i > begin) *out++ = at[i];
      if (i == end) return;
      while (is(i, ALPHANUMERIC)) ++i;
      if (is(i, DOT) && is(i + 1, DIGIT))
        for (++i; is(i, DIGIT);) ++i;
      if (is(i, PERCENT)) ++i;
      *out++ = at[i];
      begin = i;
    }
  }

  void viterbi(uint32_t begin, uint32_t end) {
    const uint32_t n = end - begin;
    if (n == 1) {
      *out++ = at[end];
      return;
    }
    const double* const emissions = lexicon.emissions_.data();
    const Model& model = lexicon.model_;
    const auto [eb, sb, be, me, bm, mm, es, ss] = model.steps;
    uint8_t* const back = scratch.back.data();
    const double* seen = emissions + 4 * letters[begin];
    double b = model.start[0] + seen[0], e = model.start[1] + seen[1];
    double m = model.start[2] + seen[2], s = model.start[3] + seen[3];
    for (uint32_t i = 1; i < n; ++i) {
      seen = emissions + 4 * letters[begin + i];
      const double b1 = e + eb + seen[0], b2 = s + sb + seen[0];
      const double e1 = b + be + seen[1], e2 = m + me + seen[1];
      const double m1 = b + bm + seen[2], m2 = m + mm + seen[2];
      const double s1 = e + es + seen[3], s2 = s + ss + seen[3];
      back[i] = static_cast<uint8_t>((b2 >= b1 ? FROM_S_TO_B : 0) | (e2 >= e1 ? FROM_M_TO_E : 0) |
                                     (m2 >= m1 ? FROM_M_TO_M : 0) | (s2 >= s1 ? FROM_S_TO_S : 0));
      b = b2 >= b1 ? b2 : b1;
      e = e2 >= e1 ? e2 : e1;
      m = m2 >= m1 ? m2 : m1;
      s = s2 >= s1 ? s2 : s1;
    }
    enum { B, E, M, S } state = s >= e ? S : E;
    for (uint32_t i = n - 1; i > 0; --i) {  // back[i]: whether a word begins there
      const uint8_t from = back[i];
      back[i] = state == B || state == S;
      if (state == B) state = from & FROM_S_TO_B ? S : E;
      else if (state == S) state = from & FROM_S_TO_S ? S : E;
      else state = from & (state == E ? FROM_M_TO_E : FROM_M_TO_M) ? M : B;
    }
    uint32_t start = 0;
    for (uint32_t i = 1; i <= n; ++i) {
      if (i < n && !back[i]) continue;
      if (lexicon.forced_.empty() || i - start == 1 || !lexicon.forced(letters + begin + start, i - start))
        *out++ = at[begin + i];
      else
        while (start < i) *out++ = at[begin + ++start];
      start = i;
    }
  }
};

template <class OnBlock, class OnChar>
void Lexicon::walk(const char* given, size_t size, Scratch& scratch, OnBlock&& on_block, OnChar&& on_char) const {
  if (size >= MOST) throw std::invalid_argument("cut: a text of 2 GB and more");
  const auto* const text = reinterpret_cast<const uint8_t*>(given);
  const uint8_t *p = text, *const stop = text + size;
  while (p < stop) {
    int64_t n = 0, room = scratch.letters.room();
    uint16_t* letters = scratch.letters.data();
    uint32_t* at = scratch.at.data();
    while (p < stop) {
      uint32_t step = 1, letter;
      if (*p < 0x80) {
        letter = ascii_[*p];
      } else if (*p >= 0xE4 && *p <= 0xE9) {
        const uint32_t c = decode(p, static_cast<size_t>(stop - p), step);
        if (step == 0) refuse(static_cast<size_t>(p - text));
        letter = c - HAN_FIRST < HAN ? han_[c - HAN_FIRST] : 0;
      } else {
        break;
      }
      if (letter == 0) break;
      if (n + 2 > room) {
        scratch.grow(n);
        room = scratch.letters.room();
        letters = scratch.letters.data();
        at = scratch.at.data();
      }
      letters[n] = static_cast<uint16_t>(letter);
      at[n++] = static_cast<uint32_t>(p - text);
      p += step;
    }
    if (n > 0) {
      letters[n] = 0;
      at[n] = static_cast<uint32_t>(p - text);
      on_block(letters, at, static_cast<uint32_t>(n));
    }
    for (bool first = true; p < stop; first = false) {
      uint32_t step = 1, c = *p;
      if (c >= 0x80) {
        c = decode(p, static_cast<size_t>(stop - p), step);
        if (step == 0) refuse(static_cast<size_t>(p - text));
        if (c - HAN_FIRST < HAN) break;
      } else if (ascii_[c] != 0) {
        break;
      }
      if (c == '\r' && p + 1 < stop && p[1] == '\n') step = 2;
      on_char(static_cast<uint32_t>(p - text), static_cast<uint32_t>(p - text) + step, is_space(c), first);
      p += step;
    }
  }
}

void Lexicon::cut(const char* text, size_t size, bool hmm, Scratch& scratch, std::vector<uint32_t>& ends) const {
  walk(
      text, size, scratch,
      [&](const uint16_t* letters, const uint32_t* at, uint32_t n) {
        const size_t before = ends.size();
        ends.resize(before + n);
        Block block{*this, scratch, letters, at, ends.data() + before};
        block.route(n);
        if (hmm) block.modelled(n);
        else block.plain(n);
        ends.resize(static_cast<size_t>(block.out - ends.data()));
      },
      [&](uint32_t, uint32_t end, bool space, bool) { ends.push_back(end | (space ? SPACE : 0)); });
}

void Lexicon::cut_for_search(const char* text, size_t size, bool hmm, Scratch& scratch, Pieces& pieces) const {
  std::vector<uint32_t>& ends = pieces.marks;
  ends.clear();
  cut(text, size, hmm, scratch, ends);
  std::vector<uint16_t> letters;
  uint32_t begin = 0;
  for (const uint32_t mark : ends) {
    const uint32_t end = mark & ~SPACE;
    // what is longer than two characters is of a block: letters of one byte or three
    if (end - begin > 2 && spell({text + begin, end - begin}, letters)) {
      for (const uint32_t gram : {2u, 3u}) {
        if (letters.size() <= gram) continue;
        uint32_t from = begin;
        for (size_t i = 0; i + gram <= letters.size(); ++i) {
          if (known(letters.data() + i, gram)) {
            uint32_t to = from;
            for (uint32_t j = 0; j < gram; ++j) to += width(text[to]);
            pieces.add(text + from, to - from, false);
          }
          from += width(text[from]);
        }
      }
    }
    pieces.add(text + begin, end - begin, mark != end);
    begin = end;
  }
}

// jieba's __cut_all. What it collects of a text's letters and digits need not stand together in it.
void Lexicon::cut_all(const char* text, size_t size, Scratch& scratch, Pieces& pieces) const {
  std::string english;
  std::vector<uint32_t> found;  // ends of the words that begin at a character
  uint32_t run = 0, last = 0;   // what is between white space, outside of blocks
  bool open = false;
  const auto close = [&] {
    if (open) pieces.add(text + run, last - run, false);  // often nothing
    open = false;
  };
  walk(
      text, size, scratch,
      [&](const uint16_t* letters, const uint32_t* at, uint32_t n) {
        close();
        const Trie::Node* const nodes = trie_.nodes();
        const auto add = [&](uint32_t i, uint32_t j) { pieces.add(text + at[i], at[j] - at[i], false); };
        int64_t old = -1;
        bool scanning = false;
        for (uint32_t k = 0; k < n; ++k) {
          found.clear();
          uint32_t base = 0, i = k;
          do {
            const Trie::Node& node = nodes[base + letters[i]];
            if (node.letter != letters[i]) break;
            base = node.base;
            ++i;
            if (node.weight == node.weight) found.push_back(i - 1);
          } while (base != 0);
          if (found.empty()) found.push_back(k);
          const bool latin = latin_[letters[k]] & ALPHANUMERIC;
          if (scanning && !latin) {
            scanning = false;
            pieces.add(english.data(), english.size(), false);
          }
          if (found.size() == 1 && static_cast<int64_t>(k) > old) {
            if (latin) {
              if (!scanning) english.clear();
              scanning = true;
              english.append(text + at[k], at[found[0] + 1] - at[k]);
            }
            if (!scanning) add(k, found[0] + 1);
            old = found[0];
          } else {
            for (const uint32_t j : found) {
              if (j <= k) continue;
              add(k, j + 1);
              old = j;
            }
          }
        }
        if (scanning) pieces.add(english.data(), english.size(), false);
      },
      [&](uint32_t begin, uint32_t end, bool space, bool first) {
        if (first) {
          open = true;
          run = begin;
        }
        if (space) {
          pieces.add(text + run, begin - run, false);
          pieces.add(text + begin, end - begin, true);
          run = end;
        }
        last = end;
      });
  close();
}

void Lexicon::Pieces::add(const char* token, size_t size, bool space) {
  if (static_cast<size_t>(text.size()) + size >= MOST) throw std::invalid_argument("cut: tokens of 2 GB and more");
  text.reserve(static_cast<int64_t>(size));
  if (size > 0) std::memcpy(text.extend(static_cast<int64_t>(size)), token, size);
  ends.push_back(static_cast<uint32_t>(text.size()) | (space ? SPACE : 0));
}

void Lexicon::Scratch::grow(int64_t used) {
  const int64_t room = std::max<int64_t>(2 * letters.room(), 1 << 12);
  // the first `used` stay; Buffer moves what it counts
  letters.resize(used), at.resize(used);
  letters.reserve(room - used), at.reserve(room - used);
  ends.resize(0), best.resize(0), back.resize(0);
  ends.reserve(room), best.reserve(room), back.reserve(room);
}

}  // namespace ftcore
