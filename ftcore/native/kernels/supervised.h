// Supervised training: fastText's sequential updates, a document at a time, over the tables' own memory.
//
//   hidden = mean of the bag's rows
//   error of each scored output row = probability - truth
//   gradient += error * output row, as it was;  output row -= head rate * error * hidden
//   input rows -= rate * gradient / bag size, a row named twice moving twice
//
// Shapes: R input rows, C output rows, D dim, N features of a bag, T output rows a document is scored against,
// E documents of a chunk.
// Source: fastText 0.9.3 src/model.cc (Model::update), src/loss.cc, src/fasttext.cc (FastText::supervised).
#pragma once

#include <cstdint>

#include "kernels/bag.h"
#include "kernels/copies.h"

namespace ftcore {

struct Tables {
  float* input;   // [R, D]
  float* output;  // [C, D]
  int64_t rows, classes, dim;
};

// The documents: bag k is ids[offsets[order[k]] : offsets[order[k] + 1]], which is not empty.
struct Documents {
  const int32_t* ids;
  const int64_t* offsets;
  const int64_t* order;  // [E]
  const float* rate;     // [E] learning rate of the input table
  const float* weight;   // [E] of the document's loss, null: 1
  int64_t count;         // E

  int64_t size_of(int64_t k) const { return offsets[order[k] + 1] - offsets[order[k]]; }
};

// What document k is scored against; place[k] finds it.
//   softmax: place[k] is the label. ova: the labels are row[offsets[place[k]] : offsets[place[k] + 1]].
//   ns: that span is the label and its negatives. hs: it is the nodes of the label's path, `code` its turns.
struct Truth {
  enum Loss : int64_t { SOFTMAX, OVA, NS, HS };

  int64_t loss;
  const int64_t* place;    // [E]
  const int32_t* row;      // output rows
  const float* code;       // 1 for a right turn
  const int64_t* offsets;
};

// What fine-tuning adds to an update.
struct Update {
  float head_rate;  // learning rate of the head over that of the table
  float decay, clip;
  bool train_input;
  const bool* frozen;  // [R] rows that stay, null: none
};

// The memory of one thread, which writes to it with every document: its cache lines, and those beside that a processor
// fetches along, are no other's.
struct alignas(128) Thread {
  Bag bag;                           // room for the longest bag
  float *hidden, *gradient;          // [D]
  int64_t* row;                      // [T] output rows, at first 0, 1, 2, ...
  float *yes, *error, *part;         // [T]; yes: 1 where the answer is yes, 0 before and after
  Copies input_copies, head_copies;  // head: a slot is a row
};

struct Trained {
  double loss;     // sum, in nats
  int64_t broken;  // first document whose loss is no number, -1: none
  int64_t wrong;   // document with an id that names no row, where the training stopped; -1: none
};

struct SupervisedKernels {
  // The documents of a chunk that this thread claims, `block` in a row, one update each, until *stop is set.
  // *claimed, the same for all threads, is 0 at first.
  Trained (*train)(const Tables& tables, const Documents& documents, const Truth& truth, const Update& update,
                   int64_t block, int64_t* claimed, Thread& own, const int* stop);
};

}  // namespace ftcore
