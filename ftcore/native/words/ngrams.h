// Numbers of n-grams: of a word's characters and of a line's words.
//
// Source: fastText 0.9.3 src/dictionary.cc, computeSubwords (172-194), addWordNgrams (311-323).
#pragma once

#include <cstdint>

#include "ground/buffer.h"
#include "words/text.h"

namespace ftcore {

// h % divisor by a multiplication: divisions are slow. divisor >= 1.
//
// With m = floor((2^64 - 1) / d), h m / 2^64 lies less than 1 below h / d: the quotient is off by one at most.
class Remainder {
 public:
  explicit Remainder(uint64_t divisor = 1) : divisor_(divisor), inverse_(~uint64_t{0} / divisor) {}
  uint64_t divisor() const { return divisor_; }
  uint64_t operator()(uint64_t h) const {
    __extension__ typedef unsigned __int128 wide;
    uint64_t r = h - static_cast<uint64_t>(static_cast<wide>(h) * inverse_ >> 64) * divisor_;
    return r >= divisor_ ? r - divisor_ : r;
  }

 private:
  uint64_t divisor_, inverse_;
};

// Which character n-grams count, and where their numbers begin: base + hash % bucket.
struct CharNgrams {
  int64_t minn = 0, maxn = 0;
  int64_t base = 0;
  Remainder bucket;

  // Add those of `<word>`, by start, then by length; a single mark is none. Characters are UTF-8's: bytes
  // 10xxxxxx go on with the one before. `</s>` has none: not called for it.
  void add(const uint8_t* word, int64_t size, Buffer<int32_t>& out) const;

  // How many these are.
  int64_t count(const uint8_t* word, int64_t size) const;

  // Write them where there is room for `count`; returns the place behind.
  int32_t* write(const uint8_t* word, int64_t size, int32_t* to) const;
};

// Add base + hash % bucket of the 2 to n words from each word on, by first word, then by length.
// hashes: `fnv` of the words.
void add_word_ngrams(const int32_t* hashes, int64_t size, int64_t n, int64_t base, const Remainder& bucket,
                     Buffer<int32_t>& out);

}  // namespace ftcore
