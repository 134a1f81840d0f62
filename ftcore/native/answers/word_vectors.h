// Vectors of words and sentences: means of a word's row and those of its character n-grams.
//
// Source: fastText 0.9.3 src/fasttext.cc, getWordVector, getSentenceVector.
#pragma once

#include <cstdint>

#include "answers/feature_rows.h"
#include "words/features.h"

namespace ftcore {

struct WordVectors {  // borrowed; the rows must have a table
  const Vocabulary* vocabulary = nullptr;
  FeatureRows rows;
};

struct VectorScratch {
  Buffer<uint8_t> text;
  Buffer<int32_t> ids;
  Lines lines;
  RowScratch rows;
  Buffer<float> vector, sum;
};

// Mean of the word's row and its n-grams', float32[D]; of these alone out of the vocabulary, zero without any.
// word: PAD bytes behind it.
void word_vector(const WordVectors& model, const uint8_t* word, int64_t size, VectorScratch& scratch, float* out);

// Mean of the vectors of a text's words, each divided by its length, those without a length left out. Words
// stand between C++'s white space.
void sentence_vector(const WordVectors& model, const uint8_t* text, int64_t size, VectorScratch& scratch, float* out);

// Mean of a line's features in the supervised sense. text: the line and its newline.
void line_vector(const WordVectors& model, const uint8_t* text, int64_t size, VectorScratch& scratch, float* out);

}  // namespace ftcore
