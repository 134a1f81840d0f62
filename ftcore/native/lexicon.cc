#include "lexicon.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace ftcore {

namespace {

constexpr uint8_t ALPHANUMERIC = 1, DIGIT = 2, DOT = 4, PERCENT = 8;  // of letters that are ASCII
constexpr uint8_t FROM_S_TO_B = 1, FROM_M_TO_E = 2, FROM_M_TO_M = 4, FROM_S_TO_S = 8;
const double INFINITE = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(size_t at) {
  throw std::invalid_argument("cut: the text is not UTF-8 at byte " + std::to_string(at));
}

bool more(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The character at `at`, of more than one byte, and how many it has; 0 where there is none.
uint32_t decode(const uint8_t* at, size_t left, uint32_t& size) {
  const uint8_t a = at[0];
  size = 0;
  if (a >= 0xC2 && a < 0xE0 && left >= 2 && more(at[1])) {
    size = 2;
    return (a & 0x1Fu) << 6 | (at[1] & 0x3Fu);
  }
  if ((a & 0xF0) == 0xE0 && left >= 3 && more(at[1]) && more(at[2])) {
    const uint32_t c = (a & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
    size = c >= 0x800 && (c < 0xD800 || c > 0xDFFF) ? 3 : 0;
    return c;
  }
  if ((a & 0xF8) == 0xF0 && left >= 4 && more(at[1]) && more(at[2]) && more(at[3])) {
    const uint32_t c = (a & 0x07u) << 18 | (at[1] & 0x3Fu) << 12 | (at[2] & 0x3Fu) << 6 | (at[3] & 0x3Fu);
    size = c >= 0x10000 && c <= 0x10FFFF ? 4 : 0;
    return c;
  }
  return 0;
}

// What Python's str.isspace and \s take.
bool is_space(uint32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool alphanumeric(uint8_t c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

Lexicon::Lexicon(const char* words, const int64_t* offsets, int64_t size, const double* counts, const double* weights,
                 bool prefixes, const Model& model, const int32_t* characters, const double* emissions, int64_t emitted)
    : model_(model), han_(HAN, 0), latin_(LETTERS + 1, 0) {
  // letters: what words are made of most gets the lowest numbers
  std::vector<uint32_t> seen(0x10000, 0), chars;
  const auto* bytes = reinterpret_cast<const uint8_t*>(words);
  for (int64_t i = offsets[0]; i < offsets[size]; ++i) {
    if (bytes[i] < 0x80) ++seen[bytes[i]];
    else if ((bytes[i] & 0xF0) == 0xE0 && i + 2 < offsets[size])
      ++seen[(bytes[i] & 0x0Fu) << 12 | (bytes[i + 1] & 0x3Fu) << 6 | (bytes[i + 2] & 0x3Fu)];
  }
  for (uint32_t c = 0; c < HAN; ++c) chars.push_back(HAN_FIRST + c);
  for (uint32_t c = 1; c < 0x80; ++c)
    if (alphanumeric(static_cast<uint8_t>(c)) || std::string_view("+#&._%-").find(static_cast<char>(c)) != std::string_view::npos)
      chars.push_back(c);
  std::stable_sort(chars.begin(), chars.end(), [&](uint32_t a, uint32_t b) { return seen[a] > seen[b]; });
  for (size_t i = 0; i < chars.size(); ++i) {
    const auto letter = static_cast<uint16_t>(i + 1);
    const uint32_t c = chars[i];
    if (c < 0x80) {
      ascii_[c] = letter;
      latin_[letter] = static_cast<uint8_t>((alphanumeric(static_cast<uint8_t>(c)) ? ALPHANUMERIC : 0) |
                                            (c >= '0' && c <= '9' ? DIGIT : 0) | (c == '.' ? DOT : 0) |
                                            (c == '%' ? PERCENT : 0));
    } else {
      han_[c - HAN_FIRST] = letter;
    }
  }

  std::vector<uint16_t> letters, word;
  std::vector<int64_t> cuts{0};
  std::vector<double> kept_counts, kept_weights;
  letters.reserve(static_cast<size_t>(offsets[size] - offsets[0]) / 2);
  std::vector<int64_t> apart;
  for (int64_t w = 0; w < size; ++w) {
    if (!spell({words + offsets[w], static_cast<size_t>(offsets[w + 1] - offsets[w])}, word)) {
      apart.push_back(w);
      continue;
    }
    letters.insert(letters.end(), word.begin(), word.end());
    cuts.push_back(static_cast<int64_t>(letters.size()));
    kept_counts.push_back(counts[w]);
    kept_weights.push_back(weights[w]);
  }
  trie_.build(letters.data(), cuts.data(), static_cast<int64_t>(cuts.size()) - 1, kept_counts.data(), kept_weights.data(),
              prefixes, LETTERS);
  for (const int64_t w : apart)
    set({words + offsets[w], static_cast<size_t>(offsets[w + 1] - offsets[w])}, counts[w], weights[w], prefixes);

  emissions_.assign((LETTERS + 1) * 4, model.missing);
  for (int64_t i = 0; i < emitted; ++i) {
    const auto c = static_cast<uint32_t>(characters[i]);
    if (c - HAN_FIRST < HAN) std::copy_n(emissions + 4 * i, 4, emissions_.data() + 4 * han_[c - HAN_FIRST]);
  }
}

// Letters of a word up to the first character that no block holds; whether there is none.
bool Lexicon::spell(std::string_view word, std::vector<uint16_t>& letters) const {
  letters.clear();
  const auto* at = reinterpret_cast<const uint8_t*>(word.data());
  const uint8_t* const stop = at + word.size();
  while (at < stop) {
    uint32_t size = 1;
    const uint32_t c = *at < 0x80 ? *at : decode(at, static_cast<size_t>(stop - at), size);
    const uint16_t letter = c < 0x80 ? ascii_[c] : size > 0 && c - HAN_FIRST < HAN ? han_[c - HAN_FIRST] : 0;
    if (letter == 0) return false;
    letters.push_back(letter);
    at += size;
  }
  return true;
}

double Lexicon::count(std::string_view word) const {
  std::vector<uint16_t> letters;
  if (spell(word, letters)) {
    const size_t slot = trie_.find(letters.data(), letters.size());
    return slot == 0 ? -1 : trie_.counts()[slot];
  }
  const auto found = others_.find(std::string(word));
  return found == others_.end() ? -1 : found->second;
}

void Lexicon::set(std::string_view word, double count, double weight, bool prefixes) {
  std::vector<uint16_t> letters;
  const bool whole = spell(word, letters);
  if (prefixes) trie_.enter(letters.data(), letters.size());
  if (whole) {
    trie_.set(letters.data(), letters.size(), count, weight);
    return;
  }
  if (prefixes)
    for (size_t i = 1; i < word.size(); ++i)
      if (!more(static_cast<uint8_t>(word[i])) && !spell(word.substr(0, i), letters))
        others_.emplace(word.substr(0, i), 0);
  others_[std::string(word)] = count;
}

void Lexicon::erase(std::string_view word) {
  std::vector<uint16_t> letters;
  if (spell(word, letters)) trie_.erase(letters.data(), letters.size());
  else others_.erase(std::string(word));
}

void Lexicon::force_split(std::string_view word) {
  std::vector<uint16_t> letters;
  if (spell(word, letters)) forced_.emplace(letters.begin(), letters.end());
}

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

  bool known(uint32_t begin, uint32_t end) const {
    const size_t slot = lexicon.trie_.find(letters + begin, end - begin);
    return slot != 0 && lexicon.trie_.counts()[slot] != 0;
  }

  bool han(uint32_t i) const { return at[i + 1] - at[i] == 3; }

  void recognize(uint32_t begin, uint32_t end) {
    if (end - begin < 2) {
      if (end > begin) *out++ = at[end];
      return;
    }
    if (known(begin, end)) {  // a word that the way did not take
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

bool Lexicon::forced(const uint16_t* letters, uint32_t n) const {
  return forced_.count(std::u16string(letters, letters + n)) != 0;
}

void Lexicon::cut(const char* given, size_t size, bool hmm, Scratch& scratch, std::vector<uint32_t>& ends) const {
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
      const size_t before = ends.size();
      ends.resize(before + static_cast<size_t>(n));
      Block block{*this, scratch, letters, at, ends.data() + before};
      block.route(static_cast<uint32_t>(n));
      if (hmm) block.modelled(static_cast<uint32_t>(n));
      else block.plain(static_cast<uint32_t>(n));
      ends.resize(static_cast<size_t>(block.out - ends.data()));
    }
    while (p < stop) {  // between blocks each character is a token, \r\n is one
      uint32_t step = 1, c = *p;
      if (c >= 0x80) {
        c = decode(p, static_cast<size_t>(stop - p), step);
        if (step == 0) refuse(static_cast<size_t>(p - text));
        if (c - HAN_FIRST < HAN) break;
      } else if (ascii_[c] != 0) {
        break;
      }
      if (c == '\r' && p + 1 < stop && p[1] == '\n') step = 2;
      p += step;
      ends.push_back(static_cast<uint32_t>(p - text) | (is_space(c) ? SPACE : 0));
    }
  }
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
