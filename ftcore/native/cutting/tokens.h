// Text to tokens with spaces between: at white space, at protected spans, by the lexicon, without punctuation and
// stopwords. See ftcore/text/tokenizer.py for the rules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ground/buffer.h"
#include "cutting/letters.h"
#include "cutting/lexicon.h"
#include "cutting/spans.h"

namespace ftcore {

struct TokenRules {
  enum Marks : int64_t { REMOVE, KEEP, SPLIT };
  bool protect, hmm, lower;
  bool wide;          // rules since version 2: spans of every script, and emoji
  int64_t marks;      // what becomes of punctuation
  uint32_t speaking;  // bit of each kind of character (Letter::KIND) that makes a token more than punctuation
  bool pictures;      // emoji are no punctuation
  bool cased;         // stopwords match in any case
};

// Words to ask for often: most answers are no, and short.
class WordSet {
 public:
  explicit WordSet(std::vector<std::string> words);
  bool empty() const { return words_.empty(); }
  bool has(const char* word, size_t size) const;

 private:
  std::vector<std::string> words_;
  std::vector<uint64_t> hashes_;  // of each word
  std::vector<uint32_t> slots_;   // a word's number + 1, or 0; as many as a power of two
};

class TokenCutter {
 public:
  // stop: tokens to leave out, in UTF-8.
  TokenCutter(const Letters& letters, const TokenRules& rules, std::vector<std::string> stop);

  struct Scratch {
    Buffer<uint32_t> codes, item, folded;
    Buffer<int64_t> places;
    std::string bytes;
    std::vector<uint32_t> ends;
    Lexicon::Scratch lexicon;
    const int* stop = nullptr;  // becomes 1 where the caller has lost interest: what is made is then not whole
  };
  struct Lines {
    Buffer<uint8_t> text;    // of all lines, one behind the other
    Buffer<int64_t> ends;
    int64_t marks = 0, stops = 0;  // left out
  };
  enum class Outcome { DONE, NO_LEXICON, NOT_UTF8 };

  // Adds a line's tokens. `lexicon` may be null for text that needs none.
  Outcome add(const uint8_t* line, int64_t size, const Lexicon* lexicon, Scratch& scratch, Lines& out) const;

 private:
  class Line;
  bool is_mark(char c) const;
  const Letters& letters_;
  const TokenRules rules_;
  const WordSet stop_;
  bool plain_;  // words of ASCII can be taken as they stand: the rules keep no mark
};

}  // namespace ftcore
