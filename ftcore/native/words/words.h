// Packed words: a blob and where each begins, int64[words + 1]; what is done with all of them at once.
#pragma once

#include <cstdint>

#include "ground/buffer.h"
#include "words/ngrams.h"

namespace ftcore {

// Words `order` of these, packed one behind the other: PAD zeros behind the last, cuts int64[n + 1].
void take_words(const uint8_t* blob, const int64_t* offsets, const int64_t* order, int64_t n, Buffer<uint8_t>& out,
                int64_t* cuts);

// Which of the words start with the prefix.
void words_starting_with(const uint8_t* blob, const int64_t* offsets, int64_t words, const uint8_t* prefix,
                         int64_t prefix_size, bool* out);

// `fnv` of each word, as int32: the sign kept, as word n-grams need it.
void hash_words(const uint8_t* blob, const int64_t* offsets, int64_t words, int32_t* out);

// Buckets of each word's character n-grams (none of `</s>`): out, cuts int64[words + 1].
void ngram_buckets(const uint8_t* blob, const int64_t* offsets, int64_t words, const CharNgrams& chars,
                   Buffer<int32_t>& out, int64_t* cuts);

// Write row b of data, offsets int64[rows + 1], and a newline for each; one within a row becomes a space.
// Zeros fill what is left of out[:size], which has room for the rows and their newlines.
void join_rows(const uint8_t* data, const int64_t* offsets, int64_t rows, uint8_t* out, int64_t size);

}  // namespace ftcore
