#include "words/entries.h"

#include <cstring>

namespace ftcore {

EntriesEnd scan_entries(const uint8_t* data, int64_t size, int64_t at, int64_t nwords, int64_t n, int64_t most,
                        int64_t* offsets, int64_t* counts) {
  offsets[0] = 0;
  for (int64_t i = 0; i < n; ++i) {
    int64_t start = at;
    const void* zero = at < size ? std::memchr(data + at, 0, static_cast<size_t>(size - at)) : nullptr;
    if (zero == nullptr) return {EntriesEnd::kNoEnd, i, start};
    at = static_cast<const uint8_t*>(zero) - data;
    if (size - at < kEntryFixed) return {EntriesEnd::kNoEnd, i, start};
    uint64_t count = 0;
    for (int j = 0; j < 8; ++j) count |= static_cast<uint64_t>(data[at + 1 + j]) << (8 * j);
    if (count > static_cast<uint64_t>(most)) return {EntriesEnd::kCount, i, at + 1};
    counts[i] = static_cast<int64_t>(count);
    if (data[at + 9] != (i >= nwords ? 1 : 0)) return {EntriesEnd::kType, i, at + 9};
    offsets[i + 1] = offsets[i] + at - start;
    at += kEntryFixed;
  }
  return {EntriesEnd::kNothing, 0, at};
}

void gather_entries(const uint8_t* data, int64_t begin, const int64_t* offsets, int64_t n, uint8_t* blob) {
  for (int64_t i = 0; i < n; ++i) {
    const uint8_t* source = data + begin + kEntryFixed * i;
    for (int64_t j = offsets[i]; j < offsets[i + 1]; ++j) blob[j] = source[j];  // words are short
  }
}

int64_t pack_entries(const uint8_t* blob, const int64_t* offsets, const int64_t* counts, int64_t n, uint8_t kind,
                     uint8_t* out) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = offsets[i]; j < offsets[i + 1]; ++j) {
      if (blob[j] == 0) return i;
      *out++ = blob[j];
    }
    *out++ = 0;
    uint64_t count = static_cast<uint64_t>(counts[i]);
    for (int j = 0; j < 8; ++j) *out++ = static_cast<uint8_t>(count >> (8 * j));
    *out++ = kind;
  }
  return -1;
}

std::vector<int64_t> line_starts(const uint8_t* data, int64_t size) {
  while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == '\r' || data[size - 1] == ' ')) --size;
  int64_t lines = 0;
  for (int64_t i = 0; i < size; ++i) lines += data[i] == '\n';
  std::vector<int64_t> starts;
  starts.reserve(static_cast<size_t>(lines) + 2);
  starts.push_back(0);
  for (const uint8_t* at = data; at < data + size;) {
    const void* found = std::memchr(at, '\n', static_cast<size_t>(data + size - at));
    if (found == nullptr) break;
    at = static_cast<const uint8_t*>(found) + 1;
    starts.push_back(at - data);
  }
  starts.push_back(size);
  return starts;
}

}  // namespace ftcore
