// A classifier's answers to lines of text: from bytes to the best labels.
//
//   line -> features (features.h) -> mean of their rows, float32[D] -> scores = output · mean, float32[C]
//        -> probabilities -> the k best (choice.h)
//
// Where the labels are few, the head is folded into the table: output · row, float32[C], is entered when a
// feature first occurs, and a line's scores are the mean of those. A row's folded value depends on nothing
// else, so that a line has the same bits whatever was asked before, with it, or on how many threads.
//
// Source: fastText 0.9.3 src/fasttext.cc (FastText::predict), src/loss.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "answers/choice.h"
#include "answers/feature_rows.h"
#include "words/features.h"

namespace ftcore {

struct Classifier {  // borrowed: whoever makes one keeps the arrays
  const Vocabulary* vocabulary = nullptr;
  FeatureRows rows;
  const loose_float* output = nullptr;  // [C, D]
  int64_t labels = 0;                   // C
  float* folded = nullptr;              // [places, C], or null: not folded
  int64_t kind = SOFTMAX;
  const float* sigmoid = nullptr;  // 513 values
  Tree tree{nullptr, nullptr};     // of a kind TREE
};

// What a call needs beside the model, used again by the next one.
struct PredictScratch {
  Buffer<uint8_t> text;
  Lines lines;
  RowScratch rows;
  Buffer<int32_t> missing;
  Buffer<float> hidden, scores;
  Best best;
  std::vector<Pending> stack;
};

struct Answers {  // of B lines; those of line b are labels[ends[b]:ends[b + 1]]
  Buffer<int32_t> labels;
  Buffer<float> found;
  Buffer<int64_t> ends;
};

enum class Outcome {
  GIVEN,
  NOT_A_NUMBER,  // the model holds numbers that are none
  CODED,         // a row has to be folded that is codes: scratch.missing are the places
};

// The k best labels of each line of text[:stop], PAD bytes behind it. 1 <= k <= C.
Outcome predict(const Classifier& model, const uint8_t* text, int64_t stop, int64_t k, float threshold,
                PredictScratch& scratch, Answers& answers);

// Scores of all labels of each line: answers.found is float32[B, C], output · mean in the order of the labels (of a
// tree: of its inner nodes); answers.labels is int32[B], 1 where the line has a word or an n-gram with a row.
Outcome score(const Classifier& model, const uint8_t* text, int64_t stop, PredictScratch& scratch, Answers& answers);

}  // namespace ftcore
