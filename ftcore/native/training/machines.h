// Linear support vector machines, one label's documents against the rest, by coordinate descent in the dual.
//
// For each label: min over w of 1/2 sum_j w_j^2 / square_j + sum_i cost_i max(0, 1 - y_i w.x_i)^2, y_i = 1 where document i
// has the label, else -1. Labels are solved side by side: a feature's weights of up to 16 labels are one cache line, so
// that one read of the documents serves them all. Every label visits the documents in the same order, drawn anew each
// pass, and rests from those that teach it nothing any more (shrinking), so that its weights are the same bits
// with however many labels and threads it is solved.
//
// Source: Hsieh, Chang, Lin, Keerthi, Sundararajan, "A dual coordinate descent method for large-scale linear SVM",
// ICML 2008; LIBLINEAR (solve_l2r_l1l2_svc).
#pragma once

#include <cstdint>
#include <functional>

namespace ftcore {

// Documents by their features, rows of a sparse matrix; ids from 0 to features - 1.
struct SparseRows {
  const int32_t* ids;
  const int64_t* offsets;
  const float* values;
  int64_t count, features;
};

struct Machines {
  const bool* gold;      // [documents, labels]
  const float* cost;     // [documents], of a mistake; a document of 0 does not take part
  const float* squares;  // [features, labels], of what each feature is multiplied by for a label; null: 1
  int64_t labels;
  float* dual;           // [documents, labels], where the descent starts (from 0 up) and ends
  float* weight;         // [features, labels], the result
};

// Solves them until no document pulls at a label by more than `tolerance`, in at most `passes` over the documents;
// returns the most that a label took. `go_on` is asked every 50 ms on the calling thread; where it says no, the
// descent stops within a document. Throws std::bad_alloc.
int64_t solve_machines(const SparseRows& documents, const Machines& machines, float tolerance, int64_t passes,
                       uint64_t seed, int threads, const std::function<bool()>& go_on);

}  // namespace ftcore
