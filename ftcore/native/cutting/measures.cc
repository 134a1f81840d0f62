#include "cutting/measures.h"

#include <algorithm>
#include <cstring>

namespace ftcore {

namespace {

constexpr uint64_t CHAIN = 0x9E3779B97F4A7C15ull;
constexpr int64_t SHORT_LINE = 30;

uint64_t mixed(uint64_t h) {
  h = (h ^ h >> 32) * CHAIN;
  return h ^ h >> 29;
}

// Of bytes behind which nothing may be read.
uint64_t hash_of(const uint8_t* bytes, int64_t size) {
  uint64_t h = mixed(static_cast<uint64_t>(size) + CHAIN);
  for (int64_t i = 0; i < size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, static_cast<size_t>(std::min<int64_t>(8, size - i)));
    h = mixed(h ^ word);
  }
  return h;
}

bool is_bullet(uint32_t code) {
  switch (code) {
    case '-': case '*': case 0xB7: case 0x2013: case 0x2022: case 0x2023: case 0x25A0: case 0x25A1: case 0x25AA:
    case 0x25AB: case 0x25B6: case 0x25C0: case 0x25CF: case 0x25E6:
      return true;
    default:
      return false;
  }
}

// Whether a sentence ends with it: its marks, and quotes and brackets that close behind them.
bool is_end(uint32_t code) {
  switch (code) {
    case '.': case '!': case '?': case ';': case '"': case '\'': case ')': case 0x2019: case 0x201D: case 0x2026:
    case 0x3002: case 0x300B: case 0x300D: case 0x300F: case 0xFF01: case 0xFF09: case 0xFF1B: case 0xFF1F:
      return true;
    default:
      return false;
  }
}

bool is_latin(uint32_t code) { return (code | 0x20) - 'a' < 26 || (code >= 0xC0 && code < 0x250); }

// Whether lower-case ASCII stands there, in any case.
bool stands(const uint8_t* at, int64_t left, const char* what) {
  for (int64_t i = 0; what[i] != 0; ++i) {
    if (i >= left) return false;
    const uint8_t c = at[i];
    if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != what[i]) return false;
  }
  return true;
}

// Where an address of the web that begins at i ends, 0 where none does.
int64_t link_end(const uint8_t* text, int64_t size, int64_t i) {
  const uint8_t c = text[i] | 0x20;
  if (c != 'h' && c != 'w') return 0;
  if (!stands(text + i, size - i, "http://") && !stands(text + i, size - i, "https://") &&
      !stands(text + i, size - i, "www."))
    return 0;
  while (i < size && text[i] > 0x20 && text[i] < 0x7F) ++i;
  return i;
}

// Lines or paragraphs that are equal to an earlier one, and their characters.
void count_repeated(std::vector<std::pair<uint64_t, int64_t>>& found, int64_t& repeated, int64_t& characters) {
  std::sort(found.begin(), found.end());
  for (size_t i = 1; i < found.size(); ++i)
    if (found[i].first == found[i - 1].first) ++repeated, characters += found[i].second;
}

}  // namespace

struct Measures::Line {
  int64_t begin = -1, end = 0;           // bytes, without white space around
  int64_t characters = 0, all = 0;       // without and with white space, up to the last that is none
  int64_t spaces = 0;                    // since then
  uint32_t first = 0, last = 0;
  int64_t dots = 0;                      // that it ends with
};

void Measures::end_line(const uint8_t* text, Line& line, int64_t* out) {
  if (line.begin < 0) {
    end_paragraph(text, out);
  } else {
    ++out[LINES];
    out[BULLETS] += is_bullet(line.first);
    out[TRAILING] += line.last == 0x2026 || line.dots >= 3;
    out[ENDED] += is_end(line.last);
    out[SHORT] += line.all <= SHORT_LINE;
    lines_.emplace_back(hash_of(text + line.begin, line.end - line.begin), line.characters);
    if (held_ == 0) begin_ = line.begin;
    end_ = line.end;
    held_ += line.characters;
  }
  line = Line();
}

void Measures::end_paragraph(const uint8_t* text, int64_t* out) {
  if (held_ == 0) return;
  ++out[PARAGRAPHS];
  paragraphs_.emplace_back(hash_of(text + begin_, end_ - begin_), held_);
  held_ = 0;
}

void Measures::of(const uint8_t* text, int64_t size, int64_t* out) {
  std::fill(out, out + COLUMNS, int64_t{0});
  lines_.clear();
  paragraphs_.clear();
  held_ = 0;
  Line line;
  bool in_word = false, alphabetic = false, in_latin = false;
  int64_t link = 0, dots = 0;
  for (int64_t i = 0; i < size;) {
    const int64_t at = i;
    const uint32_t code = decode(text, size, i);
    if (i == at) ++i;  // no UTF-8
    const uint32_t flags = code == UINT32_MAX ? 0 : letters_[code].flags;
    if (code == '\n') {
      out[ALPHABETIC] += in_word && alphabetic;
      in_word = alphabetic = in_latin = false;
      dots = 0;
      end_line(text, line, out);
      continue;
    }
    if (flags & Letter::SPACE) {
      out[ALPHABETIC] += in_word && alphabetic;
      in_word = alphabetic = in_latin = false;
      dots = 0;
      line.spaces += line.begin >= 0;
      continue;
    }
    ++out[CHARACTERS];
    out[WORDS] += !in_word;
    in_word = true;
    const uint32_t kind = flags & Letter::KIND;
    const bool letter = (flags & Letter::WORD) && kind < 5;  // Lu Ll Lt Lm Lo: ftcore/text/letters.py
    if (letter) {
      const bool latin = is_latin(code), han = flags & Letter::HAN;
      alphabetic = true;
      out[HAN] += han;
      out[LATIN] += latin && !in_latin;
      out[FOREIGN] += !han && !latin;
      in_latin = latin;
    } else if (!(flags & Letter::MARK)) {
      in_latin = false;
      out[DIGITS] += kind == 5;
      out[MARKS] += !(flags & Letter::WORD);
    }
    dots = code == '.' ? dots + 1 : 0;
    out[HASHES] += code == '#' || code == 0x2026 || (dots > 0 && dots % 3 == 0);
    if (at >= link && code < 0x80) link = std::max(link, link_end(text, size, at));
    out[LINKS] += at < link;
    if (line.begin < 0) line.begin = at, line.first = code;
    line.end = i;
    line.all += line.spaces + 1;
    line.spaces = 0;
    ++line.characters;
    line.last = code;
    line.dots = dots;
  }
  out[ALPHABETIC] += in_word && alphabetic;
  if (line.begin >= 0) end_line(text, line, out);
  end_paragraph(text, out);
  count_repeated(lines_, out[REPEATED_LINES], out[IN_REPEATED_LINES]);
  count_repeated(paragraphs_, out[REPEATED_PARAGRAPHS], out[IN_REPEATED_PARAGRAPHS]);
}

// The place of a hash; a free one has count 0.
Repetition::Place& Repetition::find(uint64_t hash) {
  const size_t mask = table_.size() - 1;
  size_t i = hash & mask;
  while (table_[i].count != 0 && table_[i].hash != hash) i = (i + 1) & mask;
  return table_[i];
}

void Repetition::of(const uint8_t* tokens, int64_t size, double* out) {
  std::fill(out, out + COLUMNS, 0.0);
  words_.clear();
  characters_.assign(1, 0);
  for (int64_t i = 0; i < size;) {
    const void* space = std::memchr(tokens + i, ' ', static_cast<size_t>(size - i));
    const int64_t end = space == nullptr ? size : static_cast<const uint8_t*>(space) - tokens;
    if (end > i) {
      int64_t characters = 0;
      for (int64_t j = i; j < end; ++j) characters += (tokens[j] & 0xC0) != 0x80;
      words_.push_back(hash_of(tokens + i, end - i));
      characters_.push_back(characters_.back() + characters);
    }
    i = end + 1;
  }
  const auto total = static_cast<int64_t>(words_.size());
  if (total < 3 || characters_.back() == 0) return;
  const auto all = static_cast<double>(characters_.back());
  hashes_ = words_;
  at_.resize(words_.size());
  for (int64_t i = 0; i < total; ++i) at_[static_cast<size_t>(i)] = i;
  for (int64_t n = 1; n <= MOST; ++n) {
    // an n-gram comes again only where its first n - 1 words do
    size_t room = 16;
    while (room < 2 * at_.size()) room *= 2;
    table_.assign(room, Place{0, 0, 0});
    size_t kept = 0;
    for (const int64_t i : at_) {
      if (i + n > total) continue;
      auto& hash = hashes_[static_cast<size_t>(i)];
      if (n > 1) hash = mixed(hash + words_[static_cast<size_t>(i + n - 1)] * CHAIN);
      Place& place = find(hash);
      if (place.count++ == 0) place.hash = hash, place.first = i;
      at_[kept++] = i;
    }
    at_.resize(kept);
    marked_.assign(n > TOP ? words_.size() : 0, 0);
    int64_t most = 0, longest = 0;
    kept = 0;
    for (const int64_t i : at_) {
      const Place& place = find(hashes_[static_cast<size_t>(i)]);
      if (place.count < 2) continue;
      at_[kept++] = i;
      if (n > TOP && i != place.first) std::fill_n(marked_.begin() + i, n, 1);
      const int64_t length = characters_[static_cast<size_t>(i + n)] - characters_[static_cast<size_t>(i)];
      if (place.count > most || (place.count == most && length > longest)) most = place.count, longest = length;
    }
    at_.resize(kept);
    if (kept == 0) return;
    if (n == 1) continue;
    int64_t found = n > TOP ? 0 : std::min(most * longest, characters_.back());
    for (size_t i = 0; i < marked_.size(); ++i)
      if (marked_[i]) found += characters_[i + 1] - characters_[i];
    out[n - 2] = static_cast<double>(found) / all;
  }
}

}  // namespace ftcore
