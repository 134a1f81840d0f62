// jieba 0.42.1's cut, token for token: a dictionary as a trie over the characters that jieba's blocks are made of,
// and the tables of its hidden Markov model.
//
// The most probable way through a block is found from its end, as jieba finds it: sums of the same doubles in the
// same order, (log(count) - log(total)) + best[end], and among equals the longer word. Characters that are left alone
// go to the model, whose ties go to the larger of the letters B, E, M and S.
//
// Source: jieba/__init__.py (cut, get_DAG, calc, __cut_DAG, __cut_DAG_NO_HMM) and jieba/finalseg/__init__.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ground/buffer.h"
#include "cutting/trie.h"

namespace ftcore {

class Lexicon {
 public:
  static constexpr uint32_t HAN_FIRST = 0x4E00, HAN = 0x9FD5 - 0x4E00 + 1;  // jieba's Han characters
  static constexpr int LETTERS = static_cast<int>(HAN) + 26 + 26 + 10 + 7;  // and a-zA-Z0-9+#&._%-
  static constexpr uint32_t SPACE = uint32_t{1} << 31;                      // marks the end of a token of white space
  static constexpr size_t MOST = SPACE - 64;                                // bytes of a text

  struct Model {  // jieba.finalseg's tables, states in the order B E M S
    double start[4];
    double steps[8];   // log probabilities of E-B, S-B, B-E, M-E, B-M, M-M, E-S, S-S
    double missing;    // of a character that was never seen in a state
  };

  // Reusable buffers, one a thread.
  struct Scratch {
    Buffer<uint16_t> letters;  // of a block, and a 0
    Buffer<uint32_t> at;       // where each begins, and where the block ends
    Buffer<uint32_t> ends;     // of the word that begins at each, in characters
    Buffer<double> best;
    Buffer<uint8_t> back;
    void grow(int64_t used);
  };

  // Words: UTF-8, word w's bytes from offsets[w] on. Words of characters that no block has are only counted.
  // emissions: four log probabilities for each of `characters`. prefixes: see `Trie::build`.
  Lexicon(const char* words, const int64_t* offsets, int64_t size, const double* counts, const double* weights,
          bool prefixes, const Model& model, const int32_t* characters, const double* emissions, int64_t emitted);

  // Itself as bytes, without `force_split`; and the other way round from bytes that stay where they are, aligned to 8.
  // False where they are not whole.
  void dump(Buffer<uint8_t>& out) const;
  Lexicon() = default;
  bool load(const uint8_t* bytes, size_t size);

  double log_total = 0;

  // Appends to `ends` the byte end (offset from `text`) of every token of jieba's lcut(text, HMM=hmm); with SPACE
  // where the token is white space. Throws std::invalid_argument where the text is not UTF-8 or too long.
  void cut(const char* text, size_t size, bool hmm, Scratch& scratch, std::vector<uint32_t>& ends) const;

  // Tokens that need not be a text's own bytes, one behind the other.
  struct Pieces {
    Buffer<uint8_t> text;
    std::vector<uint32_t> ends;   // with SPACE, as those of `cut`
    std::vector<uint32_t> marks;  // for `cut_for_search` itself
    void clear() {
      text.clear();
      ends.clear();
    }
    void add(const char* token, size_t size, bool space);
  };

  // Tokens of jieba's lcut_for_search(text, HMM=hmm), and of its lcut(text, cut_all=True), empty ones too.
  void cut_for_search(const char* text, size_t size, bool hmm, Scratch& scratch, Pieces& pieces) const;
  void cut_all(const char* text, size_t size, Scratch& scratch, Pieces& pieces) const;

  // How often a word occurs in the dictionary; -1 where it is no entry.
  double count(std::string_view word) const;
  void set(std::string_view word, double count, double weight, bool prefixes);
  void erase(std::string_view word);
  void force_split(std::string_view word);  // the model does not join it

 private:
  struct Block;
  bool spell(std::string_view word, std::vector<uint16_t>& letters) const;
  // Blocks, as (letters, where they begin, how many), and what is between: characters, \r\n as one, as (begin, end,
  // whether it is white space, whether it is the first since a block).
  template <class OnBlock, class OnChar>
  void walk(const char* text, size_t size, Scratch& scratch, OnBlock&& on_block, OnChar&& on_char) const;
  void note_latin();
  bool known(const uint16_t* letters, size_t n) const;
  bool forced(const uint16_t* letters, uint32_t n) const;

  Trie trie_;
  Model model_{};
  std::vector<uint16_t> han_;      // character - HAN_FIRST -> letter
  uint16_t ascii_[128] = {};       // 0: not in a block
  std::vector<uint8_t> latin_;     // what a letter is that is ASCII
  std::vector<double> emissions_;  // four a letter
  std::map<std::string, double> others_;             // counts of words that no block holds
  std::unordered_set<std::u16string> forced_;        // in letters
};

}  // namespace ftcore
