// A chunk of supervised training on threads (kernels/supervised.h has the update itself).
//
// Of T threads each takes every T-th document. With a run of documents each, one would end the training at a
// rate far from the last, which costs 0.2 points of accuracy. One thread is sequential: the same bytes for the same seed.
// Several write to the tables without locks (hogwild), but for rows that all of them touch: of those each has
// copies (kernels/copies.h).
#pragma once

#include <functional>

#include "kernels/supervised.h"

namespace ftcore {

// Whether every document of the chunk is one that `train` can read: null, or what is wrong. Input ids are
// looked at while training. `ids`, `bags`, `spans`, `rows`: elements of the arrays of that meaning.
const char* misfit(const Documents& documents, int64_t ids, int64_t bags, const Truth& truth, int64_t spans,
                   int64_t rows, int64_t classes);

// Trains on the chunk. `go_on` is asked every 50 ms on the calling thread; where it says no the training stops within a
// document. Throws std::bad_alloc.
Trained train_chunk(const Tables& tables, const Documents& documents, const Truth& truth, const Update& update,
                    int threads, const std::function<bool()>& go_on);

}  // namespace ftcore
