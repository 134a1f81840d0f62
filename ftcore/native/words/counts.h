// Words of a text and how often they occur, with the place where each was first seen.
//
// Word 0 is the end of line, counted at every newline; a word of the list need not have occurred yet.
#pragma once

#include <cstdint>

#include "ground/buffer.h"
#include "words/table.h"

namespace ftcore {

class WordCounts {
 public:
  WordCounts();

  // As if these words, the first of which is the end of line, had been counted so often, first seen there.
  WordCounts(const uint8_t* blob, const int64_t* offsets, int64_t words, const int64_t* counts, const int64_t* seen);

  int64_t words() const { return counts_.size(); }
  int64_t live() const { return live_; }  // words that have occurred

  // Count the words of text[start:stop], which begins and ends between words; a word's place is `base` + its
  // first byte's. Stops behind the word with which more than `limit` words have occurred. Returns where.
  int64_t count(const uint8_t* text, int64_t start, int64_t stop, int64_t base, int64_t limit);

  // Add another's words and counts; of two places the earlier one stays.
  void merge(const WordCounts& other);

  // Packed words (with PAD zeros behind), offsets, counts and places: the object is then as new.
  struct Arrays {
    Buffer<uint8_t> blob;
    Buffer<int64_t> offsets, counts, seen;
  };
  Arrays take();

 private:
  // The number of a word, which becomes one if it is none.
  int64_t number_of(const uint8_t* word, int64_t size, uint64_t key, uint64_t first);
  void add(const uint8_t* word, int64_t size);
  void enter();  // words, into slots with room for as many again

  Slots slots_{0};
  WordTable table_;  // of the arrays below, wherever they lie now
  int64_t room_ = 0;  // words for which the slots are
  Buffer<uint8_t> blob_;
  Buffer<int64_t> offsets_, counts_, seen_;
  int64_t live_ = 0;
};

}  // namespace ftcore
