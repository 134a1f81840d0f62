// Ids that encoding made of a text: cut into lines, and turned into rows of a table.
#pragma once

#include <cstdint>

#include "ground/buffer.h"

namespace ftcore {

// Cut a stream of word ids into lines as skip-gram and CBOW read them; labels (below 0) count and go.
//
// A line ends behind an end of line or its `longest`th word, labels among them. Lines of labels alone leave
// nothing. Source: fastText 0.9.3 src/dictionary.cc, getLine (358-385).
//
// ids: int32[n], those left are moved to the front. eos: number of the end of line, -1 where it is none.
// length: of the line still open, labels included; changed. ends: of the lines that close here, added.
// Returns how many ids are left.
int64_t break_lines(int32_t* ids, int64_t n, int64_t eos, int64_t longest, int64_t& length, Buffer<int64_t>& ends);

// Mark the buckets that occur: seen[id - nwords] of ids from `nwords` on. False where one is none.
bool mark_buckets(const int32_t* ids, int64_t n, int64_t nwords, bool* seen, int64_t buckets);

// Full numbering to rows of a table in place, -1 - bucket where the bucket has no row.
// rows: int32[buckets], the row of each or -1. False where an id names no bucket; ids before it are changed.
bool to_signed_rows(int32_t* ids, int64_t n, int64_t nwords, const int32_t* rows, int64_t buckets);

}  // namespace ftcore
