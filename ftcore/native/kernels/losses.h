// Scores become errors, probability - truth, and a loss in nats. Exact to float32, where the original reads
// tables of 512 bins.
//
// Source: fastText 0.9.3 src/loss.cc (SoftmaxLoss::computeOutput, BinaryLogisticLoss::binaryLogistic).
#pragma once

#include <cstdint>

namespace ftcore {

struct LossKernels {
  // value = exp(value) for values up to 0, within 1e-6 of themselves (below -87: exp(-87)).
  void (*exponential)(float* value, int64_t size);
  // score[T] of one document; returns the loss of its label, no number if a score is none.
  double (*softmax)(float* score, int64_t size, int64_t label);
  // score[T] against yes[T], 1 where the answer is yes; the sum of the logistic losses. part[T]: scratch.
  double (*logistic)(float* score, const float* yes, float* part, int64_t size);
};

#ifdef FTCORE_VARIANT
namespace FTCORE_VARIANT {
double softmax(float* score, int64_t size, int64_t label);
double logistic(float* score, const float* yes, float* part, int64_t size);
}  // namespace FTCORE_VARIANT
#endif

}  // namespace ftcore
