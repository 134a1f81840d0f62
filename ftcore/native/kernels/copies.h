// A thread's own copies of rows that all threads write.
//
// A row that every document touches (the head with few labels, the commonest words) is worth a cache line's
// journey from another core with each write. So each thread writes to a copy, which it knows together with the
// row as it was when they last met, `base`; when the copy has moved by `enough` they meet again:
//
//   row += copy - base;  base = copy = row
//
// A row's motion is counted in updates of full size: an output row's is the sum of |error|, an input row's the
// document's, shared by its features. So common rows meet often and rare ones seldom, and all less as the errors fall.
// Rows that are due are asked for and meet a document later: they lie in another core's cache. Nothing is lost: one
// thread at a time meets a row, another leaves it for its next use.
#pragma once

#include <cstdint>

namespace ftcore {

constexpr int32_t MOST_DUE = 64;  // rows of a thread that wait for their meeting

struct Copies {
  int64_t slots = 0;      // 0: none, the thread works on the table itself
  int64_t stride = 0;     // floats from copy to copy, whole cache lines
  float* copy = nullptr;  // [slots, stride]
  float* base = nullptr;  // [slots, stride]
  float* moved = nullptr;  // [slots + 1] since they met; the last stands for all rows without a copy
  float enough = 0;
  const int32_t* row = nullptr;  // [slots] the table's row, -1: none; the same for all threads
  uint8_t* busy = nullptr;       // [slots] whether a thread is meeting that row now
  int32_t* due = nullptr;        // [MOST_DUE] slots that meet after the next document
  int32_t* waiting = nullptr;    // how many
};

struct CopyKernels {
  // Fetch: base = copy = row for all slots.
  void (*fetch)(const Copies& copies, const float* table, int64_t dim);
  // Bring every copy's motion home.
  void (*settle)(const Copies& copies, float* table, int64_t dim);
};

#ifdef FTCORE_VARIANT
namespace FTCORE_VARIANT {
// Slot s and its row meet, unless another thread is at it: false.
bool meet(const Copies& copies, int64_t s, float* table, int64_t dim);
// Slot s has moved enough: its rows are asked for, and it is put on the list of those that meet next time.
void put_on_list(const Copies& copies, int64_t s, float* table, int64_t dim);
// Those on the list meet, and it is empty.
void meet_listed(const Copies& copies, float* table, int64_t dim);
}  // namespace FTCORE_VARIANT
#endif

}  // namespace ftcore
