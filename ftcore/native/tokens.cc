#include "tokens.h"

#include <cstring>
#include <utility>

namespace ftcore {

namespace {

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

}  // namespace

TokenCutter::TokenCutter(const Letters& letters, const TokenRules& rules, std::vector<std::string> stop)
    : letters_(letters), rules_(rules) {
  for (std::string& word : stop) {
    kept_.push_back(std::move(word));
    stop_.insert(kept_.back());
  }
}

// One line on its way; what its tokens become is added as they are found.
class TokenCutter::Line {
 public:
  Line(const TokenCutter& by, const Lexicon* lexicon, Scratch& scratch, Lines& out)
      : by_(by), rules_(by.rules_), letters_(by.letters_), lexicon_(lexicon), scratch_(scratch), out_(out),
        begin_(out.text.size()) {}

  // What stands between white space; false where a lexicon is needed and there is none.
  bool chunk(const uint8_t* line, uint32_t seen) {
    const int64_t size = scratch_.codes.size();
    uint32_t* codes = scratch_.codes.data();
    if (!rules_.protect) return segmented(line, 0, size);
    const Spans spans(letters_, codes, size, rules_.wide && (seen & Letter::RARE) != 0);
    if ((seen & Letter::HAN) == 0) {
      for (int64_t i = 0, end; i < size; i = end) protect(codes, i, end = spans.token(i));
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
      while (next < end && places[next] < from + stop) ++next;
      if (next > at) token(scratch_.codes.data() + at, next - at);
      at = next;
    }
    return true;
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
    Buffer<uint8_t>& text = out_.text;
    text.reserve(4 * item.size() + 1);
    const int64_t before = text.size();
    if (before > begin_) text.push(' ');
    const int64_t from = text.size();
    for (int64_t i = 0; i < item.size(); ++i) text.extend(encode(item[i], text.data() + text.size()));
    if (!by_.stop_.empty() && stopped(reinterpret_cast<const char*>(text.data()) + from, text.size() - from)) {
      ++out_.stops;
      text.resize(before);
    }
  }

  bool stopped(const char* text, int64_t size) {
    if (by_.stop_.count({text, static_cast<size_t>(size)}) != 0) return true;
    if (!rules_.cased) return false;
    Buffer<uint32_t>& folded = scratch_.folded;  // stopwords are in lower case and match The and THE
    lower(letters_, scratch_.item.data(), scratch_.item.size(), false, folded);
    std::string& bytes = scratch_.bytes;
    bytes.clear();
    for (int64_t i = 0; i < folded.size(); ++i) {
      uint8_t four[4];
      bytes.append(reinterpret_cast<const char*>(four), static_cast<size_t>(encode(folded[i], four)));
    }
    return by_.stop_.count(bytes) != 0;
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
  for (int64_t i = 0, at = 0; at < size;) {
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
      if (!tokens.chunk(line, seen)) return Outcome::NO_LEXICON;
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
