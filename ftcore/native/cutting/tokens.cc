#include "cutting/tokens.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace ftcore {

namespace {

constexpr uint32_t HAN_FIRST = 0x4E00, HAN = 0x9FEF - 0x4E00 + 1;  // of every Unicode that Python 3.11 and later know
constexpr uint32_t SIGMA = 0x3A3, FINAL = 0x3C2, DOTTED = 0x130, APOSTROPHE = 0x2019, WIDE = 0xFEE0;
constexpr std::string_view LABEL = "__label__", EOS = "</s>";

// Whether a sigma at i ends a word: after a cased letter and before none, what is ignored apart.
// Source: CPython, Objects/unicodeobject.c, handle_capital_sigma.
bool final_sigma(const Letters& letters, const uint32_t* codes, int64_t size, int64_t i) {
  int64_t j = i - 1;
  while (j >= 0 && letters.is(codes[j], Letter::IGNORABLE)) --j;
  if (j < 0 || !letters.is(codes[j], Letter::CASED)) return false;
  j = i + 1;
  while (j < size && letters.is(codes[j], Letter::IGNORABLE)) ++j;
  return j == size || !letters.is(codes[j], Letter::CASED);
}

// str.lower; `plain`: İ becomes i, since its own lower case has two characters.
void lower(const Letters& letters, const uint32_t* codes, int64_t size, bool plain, Buffer<uint32_t>& out) {
  out.clear();
  out.reserve(2 * size);
  for (int64_t i = 0; i < size; ++i) {
    const uint32_t c = codes[i];
    if (c == SIGMA) {
      out.push(final_sigma(letters, codes, size, i) ? FINAL : letters[c].lower);
    } else if (c == DOTTED) {
      out.push('i');
      if (!plain) out.push(0x307);
    } else {
      out.push(letters[c].lower);
    }
  }
}

bool is(const uint32_t* codes, int64_t size, std::string_view word) {
  for (size_t i = 0; i < word.size(); ++i)
    if (static_cast<int64_t>(i) >= size || codes[i] != static_cast<uint8_t>(word[i])) return false;
  return true;
}

// ASCII in words that no rule but those of `Line::plain` is about.
enum : uint8_t { PLAIN_LETTER = 1, PLAIN_DIGIT = 2, PLAIN_ENDS = 4, PLAIN_JOINS = 8 };
constexpr std::string_view ENDS = ",;!?\"()", JOINS = "'&_-";

struct PlainKinds {
  uint8_t of[256] = {};
  constexpr PlainKinds() {
    for (int c = 0; c < 26; ++c) of['a' + c] = of['A' + c] = PLAIN_LETTER;
    for (int c = '0'; c <= '9'; ++c) of[c] = PLAIN_DIGIT;
    for (const char c : ENDS) of[static_cast<uint8_t>(c)] = PLAIN_ENDS;
    for (const char c : JOINS) of[static_cast<uint8_t>(c)] = PLAIN_JOINS;
  }
};
constexpr PlainKinds PLAIN;

uint64_t hash_of(const char* word, size_t size) {
  uint64_t a = 0, b = 0;
  if (size >= 8) {
    std::memcpy(&a, word, 8);
    std::memcpy(&b, word + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(&a, word, 4);
    std::memcpy(&b, word + size - 4, 4);
  } else if (size > 0) {
    const auto at = [&](size_t i) { return static_cast<uint64_t>(static_cast<uint8_t>(word[i])); };
    a = at(0) | at(size / 2) << 8 | at(size - 1) << 16;
  }
  uint64_t hash = (a + size) * 0x9E3779B97F4A7C15u;
  hash = ((hash ^ hash >> 32) + b) * 0xD6E8FEB86659FD93u;
  return hash ^ hash >> 29;
}

}  // namespace

WordSet::WordSet(std::vector<std::string> words) : words_(std::move(words)) {
  size_t slots = 16;
  while (slots < 4 * words_.size()) slots *= 2;
  slots_.resize(slots);
  for (const std::string& word : words_) {
    hashes_.push_back(hash_of(word.data(), word.size()));
    size_t at = hashes_.back() & (slots - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots - 1);
    slots_[at] = static_cast<uint32_t>(hashes_.size());
  }
}

bool WordSet::has(const char* word, size_t size) const {
  const uint64_t hash = hash_of(word, size);
  for (size_t at = hash & (slots_.size() - 1); slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    const size_t number = slots_[at] - 1;
    if (hashes_[number] == hash && words_[number] == std::string_view(word, size)) return true;
  }
  return false;
}

TokenCutter::TokenCutter(const Letters& letters, const TokenRules& rules, std::vector<std::string> stop)
    : letters_(letters), rules_(rules), stop_(std::move(stop)) {
  plain_ = rules.protect && rules.lower && rules.wide && rules.marks == TokenRules::REMOVE;
  for (const char c : ENDS) plain_ = plain_ && is_mark(c);
  plain_ = plain_ && is_mark('.');
}

bool TokenCutter::is_mark(char c) const {
  return (1u << (letters_[static_cast<uint8_t>(c)].flags & Letter::KIND) & rules_.speaking) == 0;
}

// One line on its way; what its tokens become is added as they are found.
class TokenCutter::Line {
 public:
  Line(const TokenCutter& by, const Lexicon* lexicon, Scratch& scratch, Lines& out)
      : by_(by), rules_(by.rules_), letters_(by.letters_), lexicon_(lexicon), scratch_(scratch), out_(out),
        begin_(out.text.size()) {}

  // What stands between spaces, of ASCII, as far as it is words, numbers and marks that each rule sees alike, whatever
  // stands behind; how far that is. Words are joined by one of '&_- at a time; behind stands one of ,;!?"() or nothing,
  // or a full stop and then one of these.
  int64_t plain(const uint8_t* chunk, int64_t size) {
    out_.text.reserve(2 * size + 1);
    const auto kind = [&](int64_t i) -> uint32_t { return i < size ? PLAIN.of[chunk[i]] : uint32_t{PLAIN_ENDS}; };
    for (int64_t i = 0, end; i < size; i = end) {
      end = i + 1;
      const uint32_t first = kind(i);
      if (first == PLAIN_ENDS) {
        ++out_.marks;
        continue;
      }
      if (first != PLAIN_LETTER && first != PLAIN_DIGIT) return i;
      while (end < size && PLAIN.of[chunk[end]] == first) ++end;
      if (first == PLAIN_LETTER) {
        while (kind(end) == PLAIN_JOINS && kind(end + 1) == PLAIN_LETTER)
          for (end += 2; end < size && PLAIN.of[chunk[end]] == PLAIN_LETTER;) ++end;
      } else if (end + 1 < size && chunk[end] == ',' && kind(end + 1) == PLAIN_DIGIT) {
        return i;
      }
      bool stop = false;
      if (kind(end) != PLAIN_ENDS) {
        stop = chunk[end] == '.' && kind(end + 1) == PLAIN_ENDS;
        if (!stop || (end - i == 3 && (chunk[i] | 32) == 'w' && (chunk[i + 1] | 32) == 'w')) return i;  // www.
      }
      word(chunk + i, end - i);
      out_.marks += stop;
      end += stop;
    }
    return size;
  }

  // What stands between white space, from a character on; false where a lexicon is needed and there is none.
  bool chunk(const uint8_t* line, uint32_t seen, int64_t from = 0) {
    const int64_t size = scratch_.codes.size();
    uint32_t* codes = scratch_.codes.data();
    if (!rules_.protect) return segmented(line, 0, size);
    const Spans spans(letters_, codes, size, rules_.wide && (seen & Letter::RARE) != 0);
    if ((seen & Letter::HAN) == 0) {
      for (int64_t i = from, end; i < size; i = end) protect(codes, i, end = spans.token(i));
      return true;
    }
    int64_t at = 0;
    for (int64_t begin, end; spans.find(at, begin, end); at = end) {
      if (begin > at && !segmented(line, at, begin)) return false;
      protect(codes, begin, end);
    }
    return at == size || segmented(line, at, size);
  }

 private:
  void protect(uint32_t* codes, int64_t begin, int64_t end) {
    if (end - begin > 1)  // don’t and don't are one word; no span looks back at either
      for (int64_t i = begin; i < end; ++i)
        if (codes[i] == APOSTROPHE) codes[i] = '\'';
    token(codes + begin, end - begin);
  }

  bool segmented(const uint8_t* line, int64_t begin, int64_t end) {
    if (lexicon_ == nullptr) return false;
    const int64_t* places = scratch_.places.data();
    const int64_t from = places[begin];
    scratch_.ends.clear();
    lexicon_->cut(reinterpret_cast<const char*>(line) + from, static_cast<size_t>(places[end] - from), rules_.hmm,
                  scratch_.lexicon, scratch_.ends);
    int64_t at = begin;
    for (const uint32_t marked : scratch_.ends) {
      const uint32_t stop = marked & ~Lexicon::SPACE;  // of white space there is none in a chunk
      int64_t next = at;
      const uint32_t* const codes = scratch_.codes.data();
      bool han = true;
      for (; next < end && places[next] < from + stop; ++next) han &= codes[next] - HAN_FIRST < HAN;
      if (next > at) {
        if (han) copied(line + places[at], 3 * (next - at));
        else token(scratch_.codes.data() + at, next - at);
      }
      at = next;
    }
    return true;
  }

  // A token behind those that are there, of which `write` makes the bytes, unless it is a stopword.
  template <class Write>
  void add(int64_t most, Write&& write) {
    Buffer<uint8_t>& text = out_.text;
    text.reserve(most + 1);
    uint8_t* const at = text.data() + text.size();
    const int64_t space = text.size() > begin_;
    *at = ' ';
    const int64_t size = write(at + space);
    if (!by_.stop_.empty() && stopped(reinterpret_cast<const char*>(at) + space, size)) ++out_.stops;
    else text.extend(space + size);
  }

  // ASCII in lower case.
  void word(const uint8_t* from, int64_t size) {
    add(size, [&](uint8_t* to) {
      for (int64_t i = 0; i < size; ++i) to[i] = static_cast<uint8_t>(from[i] | (static_cast<uint8_t>(from[i] - 'A') < 26 ? 32 : 0));
      return size;
    });
  }

  // Han characters.
  void copied(const uint8_t* from, int64_t size) {
    if (rules_.cased && !by_.stop_.empty()) {  // what `stopped` folds
      scratch_.item.clear();
      scratch_.item.reserve(size);
      for (int64_t i = 0; i < size;) scratch_.item.push(decode(from, size, i));
    }
    add(size, [&](uint8_t* to) {
      switch (size) {
        case 3: std::memcpy(to, from, 3); break;
        case 6: std::memcpy(to, from, 6); break;
        case 9: std::memcpy(to, from, 9); break;
        default: std::memcpy(to, from, static_cast<size_t>(size));
      }
      return size;
    });
  }

  // A token goes on as it is, in lower case, in signs, or not at all.
  void token(const uint32_t* codes, int64_t size) {
    uint32_t kinds = 0, all = ~0u, any = 0;
    for (int64_t i = 0; i < size; ++i) {
      const uint32_t flags = letters_[codes[i]].flags;
      kinds |= 1u << (flags & Letter::KIND);
      all &= flags;
      any |= flags | (codes[i] >= 0x1F000 ? 1u << 31 : 0);
    }
    bool mark = false, picture = false;
    if ((all & Letter::WORD) == 0) {
      picture = size == 1 ? (all & Letter::EMOJI) != 0 : Spans(letters_, codes, size, true).emoji(0) == size;
      if (!rules_.wide) mark = (any & (Letter::SPOKEN | 1u << 31)) == 0;
      else mark = picture ? !rules_.pictures : (kinds & rules_.speaking) == 0;
    }
    Buffer<uint32_t>& item = scratch_.item;
    if (mark && rules_.marks == TokenRules::REMOVE) {
      ++out_.marks;
      return;
    }
    if (mark && rules_.marks == TokenRules::SPLIT) {
      item.clear();
      item.reserve(2 * size);
      for (int64_t i = 0; i < size; ++i) {
        if (i > 0 && !picture) item.push(' ');
        item.push(codes[i]);
      }
    } else {
      if (rules_.lower && !mark) {
        lower(letters_, codes, size, true, item);
      } else {
        item.clear();
        item.reserve(size);
        std::memcpy(item.extend(size), codes, static_cast<size_t>(size) * sizeof(*codes));
      }
      // apart from what fastText takes for a label or for the end of a line
      if (is(item.data(), item.size(), LABEL) || (item.size() == 4 && is(item.data(), 4, EOS))) item[0] += WIDE;
    }
    add(4 * item.size(), [&](uint8_t* to) {
      int64_t size = 0;
      for (int64_t i = 0; i < item.size(); ++i) size += encode(item[i], to + size);
      return size;
    });
  }

  bool stopped(const char* text, int64_t size) {
    if (by_.stop_.has(text, static_cast<size_t>(size))) return true;
    if (!rules_.cased) return false;
    Buffer<uint32_t>& folded = scratch_.folded;  // stopwords are in lower case and match The and THE
    lower(letters_, scratch_.item.data(), scratch_.item.size(), false, folded);
    std::string& bytes = scratch_.bytes;
    bytes.clear();
    for (int64_t i = 0; i < folded.size(); ++i) {
      uint8_t four[4];
      bytes.append(reinterpret_cast<const char*>(four), static_cast<size_t>(encode(folded[i], four)));
    }
    return by_.stop_.has(bytes.data(), bytes.size());
  }

  const TokenCutter& by_;
  const TokenRules& rules_;
  const Letters& letters_;
  const Lexicon* lexicon_;
  Scratch& scratch_;
  Lines& out_;
  const int64_t begin_;
};

TokenCutter::Outcome TokenCutter::add(const uint8_t* line, int64_t size, const Lexicon* lexicon, Scratch& scratch,
                                      Lines& out) const {
  Line tokens(*this, lexicon, scratch, out);
  scratch.codes.clear();
  scratch.places.clear();
  scratch.codes.reserve(size);
  scratch.places.reserve(size + 1);
  uint32_t seen = 0;
  int64_t done = 0;  // characters of the chunk that are
  for (int64_t i = 0, at = 0; at < size;) {
    if (plain_ && scratch.codes.size() == 0) {
      int64_t end = at;
      while (end < size && line[end] > ' ' && line[end] < 0x7F) ++end;
      if (end == size || line[end] == ' ') {
        done = tokens.plain(line + at, end - at);
        if (done == end - at) {
          if (scratch.stop != nullptr && __atomic_load_n(scratch.stop, __ATOMIC_RELAXED)) return Outcome::DONE;
          at = i = end + (end < size);
          done = 0;
          continue;
        }
      }
    }
    const uint32_t code = decode(line, size, i);
    if (code == UINT32_MAX) return Outcome::NOT_UTF8;
    const uint32_t flags = letters_[code].flags;
    const bool space = (flags & Letter::SPACE) != 0;
    if (!space) {
      scratch.codes.push(code);
      scratch.places.push(at);
      seen |= flags;
    }
    if ((space || i == size) && scratch.codes.size() > 0) {
      scratch.places.push(space ? at : size);
      if (!tokens.chunk(line, seen, done)) return Outcome::NO_LEXICON;
      done = 0;
      if (scratch.stop != nullptr && __atomic_load_n(scratch.stop, __ATOMIC_RELAXED)) return Outcome::DONE;
      scratch.codes.clear();
      scratch.places.clear();
      seen = 0;
    }
    at = i;
  }
  out.ends.add(out.text.size());
  return Outcome::DONE;
}

}  // namespace ftcore
