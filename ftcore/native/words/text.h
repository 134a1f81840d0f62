// Text to words: where they begin and end, the hash that finds them in a table, and fastText's own.
//
// A text is bytes with PAD more behind the last one that counts, so that eight can be read anywhere. Words
// stand between separators: space, \n, \r, \t, \v, \f and \0, no other; a newline is an end of line, a word
// too. A word never holds a zero byte: its first eight bytes, padded by zeros, tell words of up to seven apart.
//
// Words are split a batch at a time, eight bytes at once and without a jump that depends on a word's length
// up to eight; the table's lines are then fetched, all at once: to wait for them costs more than to split.
//
// Source of the rules: fastText 0.9.3 src/dictionary.cc, readWord (209-236), hash (162-170).
#pragma once

#include <cstdint>
#include <cstring>

namespace ftcore {

constexpr int64_t PAD = 8;
constexpr uint64_t EOS_FIRST = 0x3E732F3C;   // "</s>", the end of line, as its first eight bytes
constexpr uint32_t EOS_HASH = 3617362777u;  // fnv("</s>")

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte of eight is the lowest");

inline bool separates(uint8_t byte) {
  constexpr uint64_t separators = 1ull << 0 | 1ull << 9 | 1ull << 10 | 1ull << 11 | 1ull << 12 | 1ull << 13 | 1ull << 32;
  return byte <= 32 && (separators >> byte & 1);
}

// Eight bytes from `at` on, the first one lowest.
inline uint64_t load8(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

// The first eight of `size` bytes, zeros behind fewer.
inline uint64_t first8(const uint8_t* word, int64_t size) {
  if (size >= 8) return load8(word);
  return size > 0 ? load8(word) & ~uint64_t{0} >> (64 - 8 * size) : 0;
}

inline uint64_t scrambled(uint64_t h) { return (h ^ h >> 32) * 0x9E3779B97F4A7C15ull; }

// The hash of a word by which a table finds it, 32 bits; eight bytes a step. `first`: its `first8`.
inline uint64_t key_of(const uint8_t* word, int64_t size, uint64_t first) {
  uint64_t h = scrambled(first ^ static_cast<uint64_t>(size));
  for (int64_t i = 8; i < size; i += 8) h = scrambled(h ^ first8(word + i, size - i));
  return h >> 32;
}

// One step of FNV-1a over a *sign-extended* byte: fastText's models were trained where char is signed.
inline uint32_t mix(uint32_t h, uint8_t byte) {
  return (h ^ static_cast<uint32_t>(static_cast<int8_t>(byte))) * 16777619u;
}

// FNV-1a of a word, a byte a step, each waiting for the one before: only made where n-grams need it.
inline uint32_t fnv(const uint8_t* word, int64_t size, uint64_t first) {
  uint32_t h = 2166136261u;
  for (int j = 0; j < 8; ++j) {
    uint32_t more = mix(h, static_cast<uint8_t>(first >> 8 * j));
    h = j < size ? more : h;
  }
  for (int64_t i = 8; i < size; ++i) h = mix(h, word[i]);
  return h;
}

inline uint32_t fnv(const uint8_t* word, int64_t size) {
  uint32_t h = 2166136261u;
  for (int64_t i = 0; i < size; ++i) h = mix(h, word[i]);
  return h;
}

inline bool starts_with(const uint8_t* word, int64_t size, const uint8_t* prefix, int64_t prefix_size) {
  return prefix_size <= size && std::memcmp(word, prefix, static_cast<size_t>(prefix_size)) == 0;
}

// Words of a text that were split together.
struct Batch {
  static constexpr int SIZE = 256;
  int64_t begins[SIZE], ends[SIZE];     // of an end of line: both at its newline
  uint64_t keys[SIZE], firsts[SIZE];    // `key_of` (not of an end of line) and `first8` (EOS_FIRST of one)
  int64_t size = 0;

  // Take the next words of text[i:stop]; returns where to go on.
  int64_t split(const uint8_t* text, int64_t i, int64_t stop);
};

}  // namespace ftcore
