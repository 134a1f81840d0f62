// A vocabulary as a .bin holds it: bytes, 0, int64 count (little endian), int8 type (0 word, 1 label), one by one;
// and where a text's lines begin.
// Source: fastText 0.9.3 src/dictionary.cc, Dictionary::save and Dictionary::load.
#pragma once

#include <cstdint>
#include <vector>

namespace ftcore {

constexpr int64_t kEntryFixed = 10;  // bytes of an entry besides its word

struct EntriesEnd {
  enum Wrong : int { kNothing = 0, kNoEnd = 1, kCount = 2, kType = 3 };
  int wrong;
  int64_t entry;  // which is wrong
  int64_t at;     // the byte that is wrong, or the one behind the entries
};

// Lengths and counts of the n entries from data[at] on, words before labels: entry i will be
// blob[offsets[i]:offsets[i + 1]]. A count lies between 0 and `most`.
EntriesEnd scan_entries(const uint8_t* data, int64_t size, int64_t at, int64_t nwords, int64_t n, int64_t most,
                        int64_t* offsets, int64_t* counts);

// The words of n scanned entries, which begin at data[begin], without what stands between them.
void gather_entries(const uint8_t* data, int64_t begin, const int64_t* offsets, int64_t n, uint8_t* blob);

// Entries of one type into out[offsets[n] - offsets[0] + 10 n]: -1, or the first whose word holds a 0 byte.
int64_t pack_entries(const uint8_t* blob, const int64_t* offsets, const int64_t* counts, int64_t n, uint8_t kind,
                     uint8_t* out);

// Where lines begin, and the end of the last. Line ends and spaces at the end of the text belong to none.
std::vector<int64_t> line_starts(const uint8_t* data, int64_t size);

}  // namespace ftcore
