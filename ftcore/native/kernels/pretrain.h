// Skip-gram and CBOW over centres whose discards and windows are drawn (draws.h).
//
// Shapes: R rows of the input table, V words, D columns, K centres, N rows that words name in all.
// Source: fastText 0.9.3 src/fasttext.cc (skipgram, cbow), src/model.cc, src/loss.cc.
#pragma once

#include <cstdint>

namespace ftcore {

enum class PretrainLoss { ns, hs, softmax };

// What the kernels read and change. Every id, row, node and offset has been checked (bind_pretrain.cc).
struct Pretraining {
  float* input;   // [R, D]
  float* output;  // [V, D]
  int64_t words, dim;
  // the input side: table rows of every word, its own, then its n-grams'
  const int32_t* rows;     // [N]
  const int64_t* offsets;  // [V + 1]
  const float* gain;       // [V], see gains.h
  // the output side; what a loss does not read is null
  const uint32_t* alias;  // [V, 2], see negatives.h (ns)
  const int32_t* given;   // [examples * neg] negatives to take instead of drawing them, or null
  const int32_t* nodes;  // output rows from each leaf to the root (hs)
  const float* codes;    // of each, 1 where the node is a right child
  const int64_t* paths;  // [V + 1], where each word's nodes start
  int64_t neg;
  // the centres: the context of centre i is centre[first[i] : last[i]] without i
  const int32_t *centre, *place, *first, *last;  // [K]
  int64_t centres;
  float rate, slope;  // the learning rate of a centre is rate + slope * place
  uint64_t seed;      // of the negatives
  const int32_t* stop;  // becomes other than 0 where the caller wants the kernel to return early
};

struct Pretrained {
  double loss;       // nats, summed over examples
  int64_t examples;  // pairs, in CBOW bags
  int64_t updates;   // centres
  int64_t broken;    // the first centre whose loss is no number; -1: none
};

// Each returns false where memory is short, before anything was changed.
struct PretrainKernels {
  bool (*exact)(const Pretraining& data, PretrainLoss loss, bool cbow, Pretrained& trained);
  bool (*skipgram)(const Pretraining& data, Pretrained& trained);  // negative sampling; 8 * neg words at least
  bool (*cbow)(const Pretraining& data, Pretrained& trained);      // negative sampling
};

}  // namespace ftcore
