// What a dictionary makes of a text: ids of its words, and features and labels of its lines.
//
// Features are numbered in full: a word by its number, an n-gram by nwords + its hash % bucket. A line gives
// its words' numbers and character n-grams, word by word, then its word n-grams.
//
// Source: fastText 0.9.3 src/dictionary.cc, addSubwords (325-349), getLine (358-421).
#pragma once

#include <cstdint>

#include "ground/buffer.h"
#include "words/kept_subwords.h"
#include "words/ngrams.h"
#include "words/table.h"

namespace ftcore {

// Borrowed: whoever makes one keeps the arrays.
struct Vocabulary {
  WordTable table;
  int64_t nwords = 0;  // numbers from here on in the table are labels
  int64_t eos = -1;    // number of the end of line, -1 where it has none
  const uint8_t* prefix = nullptr;  // a word out of the vocabulary that starts so is a label nobody knows
  int64_t prefix_size = 0;          // 0: there are no such
  // `subwords` of the words, int32[cuts[nwords]], int64[nwords + 1]; null: made when a word is met
  const int32_t* known = nullptr;
  const int64_t* cuts = nullptr;
  KeptSubwords* kept = nullptr;  // where they are then kept; null: nowhere
  CharNgrams chars;             // maxn 0: none
  int64_t word_ngrams = 1;      // the longest
};

// Lines of a text; its arrays are used again by the next call.
struct Lines {
  Buffer<int32_t> features, labels;           // labels: number - nwords
  Buffer<int64_t> offsets, label_offsets;     // lines + 1 each

  int64_t size() const { return offsets.size() - 1; }

 private:
  friend void line_features(const Vocabulary&, const uint8_t*, int64_t, bool, bool, Lines&);
  Buffer<int32_t> hashes_;  // of the open line
};

// Features and labels of the lines of text[:stop], PAD bytes behind it.
//
// A newline is an end of line, a word too, if `with_eos`. Behind a literal one the rest of the line is a line
// of its own if `rest` (training), else dropped (prediction). A last line needs no newline.
void line_features(const Vocabulary& vocabulary, const uint8_t* text, int64_t stop, bool with_eos, bool rest,
                   Lines& out);

// Add a word's number (-1: in no vocabulary) and those of its character n-grams. word: PAD bytes behind it.
void word_features(const Vocabulary& vocabulary, const uint8_t* word, int64_t size, Buffer<int32_t>& out);

// Each packed word's own number, then those of its character n-grams: out int32[N], cuts int64[words + 1].
// Word `eos` (-1: none) has no n-grams.
void subwords(const uint8_t* blob, const int64_t* offsets, int64_t words, const CharNgrams& chars, int64_t eos,
              Buffer<int32_t>& out, int64_t* cuts);

// Words of text[:stop] that the table has, ends of line included, in order: adds their numbers, -1 for those
// from `nwords` on (labels). Returns how many words were read.
int64_t word_ids(const WordTable& table, int64_t nwords, int64_t eos, const uint8_t* text, int64_t stop,
                 Buffer<int32_t>& out);

}  // namespace ftcore
