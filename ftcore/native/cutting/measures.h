// What filters measure a document by: characters by class, words, lines and their repetitions, and n-grams of tokens
// that come again.
//
// The measures are those of J. Rae et al., "Scaling Language Models: ... Training Gopher", 2021, appendix A1.1, and of
// FineWeb (G. Penedo et al., 2024). A character counts where it is no white space. ftcore/text/measures.py names the
// columns and makes shares of them, tests/reference/measures.py says the same in plain Python.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "ground/buffer.h"
#include "cutting/letters.h"

namespace ftcore {

class Measures {
 public:
  enum Column {
    CHARACTERS,            // other than white space
    WORDS,                 // between white space
    ALPHABETIC,            // words with a letter
    HAN,                   // characters
    LATIN,                 // runs of Latin letters
    FOREIGN,               // letters of other scripts
    DIGITS,                // characters
    MARKS,                 // characters that are neither letters nor digits, nor combine with one
    HASHES,                // # and ellipses
    LINKS,                 // characters in addresses of the web
    LINES,                 // that are not blank
    BULLETS,               // lines that begin with one
    TRAILING,              // lines that end in an ellipsis
    ENDED,                 // lines that end as a sentence does
    SHORT,                 // lines of at most 30 characters, spaces between them counted
    REPEATED_LINES,        // equal to an earlier one
    IN_REPEATED_LINES,     // characters
    PARAGRAPHS,            // between blank lines
    REPEATED_PARAGRAPHS,
    IN_REPEATED_PARAGRAPHS,
    COLUMNS
  };

  explicit Measures(const Letters& letters) : letters_(letters) {}

  void of(const uint8_t* text, int64_t size, int64_t* out);

 private:
  struct Line;
  void end_line(const uint8_t* text, Line& line, int64_t* out);
  void end_paragraph(const uint8_t* text, int64_t* out);

  const Letters& letters_;
  std::vector<std::pair<uint64_t, int64_t>> lines_, paragraphs_;  // hash and characters of each
  int64_t begin_ = 0, end_ = 0, held_ = 0;                        // of the paragraph; its characters
};

// Shares of a document's characters that stand in n-grams of its tokens (between spaces) that come again.
class Repetition {
 public:
  static constexpr int64_t TOP = 4, MOST = 10;  // n from 2 to TOP: of the commonest; from there to MOST: of all
  static constexpr int64_t COLUMNS = MOST - 1;

  void of(const uint8_t* tokens, int64_t size, double* out);

 private:
  struct Place {
    uint64_t hash;
    int64_t first;
    int64_t count;
  };
  Place& find(uint64_t hash);

  std::vector<uint64_t> words_, hashes_;
  std::vector<int64_t> characters_, at_;  // characters before each word; where n-grams begin that may come again
  std::vector<Place> table_;
  std::vector<char> marked_;
};

}  // namespace ftcore
