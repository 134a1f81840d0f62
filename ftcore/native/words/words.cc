#include "words/words.h"

#include <cstring>

namespace ftcore {

void take_words(const uint8_t* blob, const int64_t* offsets, const int64_t* order, int64_t n, Buffer<uint8_t>& out,
                int64_t* cuts) {
  cuts[0] = 0;
  for (int64_t k = 0; k < n; ++k) cuts[k + 1] = cuts[k] + offsets[order[k] + 1] - offsets[order[k]];
  out.resize(cuts[n] + PAD);
  for (int64_t k = 0; k < n; ++k)
    std::memcpy(out.data() + cuts[k], blob + offsets[order[k]], static_cast<size_t>(cuts[k + 1] - cuts[k]));
  std::memset(out.data() + cuts[n], 0, PAD);
}

void words_starting_with(const uint8_t* blob, const int64_t* offsets, int64_t words, const uint8_t* prefix,
                         int64_t prefix_size, bool* out) {
  for (int64_t w = 0; w < words; ++w)
    out[w] = starts_with(blob + offsets[w], offsets[w + 1] - offsets[w], prefix, prefix_size);
}

void hash_words(const uint8_t* blob, const int64_t* offsets, int64_t words, int32_t* out) {
  for (int64_t w = 0; w < words; ++w)
    out[w] = static_cast<int32_t>(fnv(blob + offsets[w], offsets[w + 1] - offsets[w]));
}

void ngram_buckets(const uint8_t* blob, const int64_t* offsets, int64_t words, const CharNgrams& chars,
                   Buffer<int32_t>& out, int64_t* cuts) {
  cuts[0] = 0;
  for (int64_t w = 0; w < words; ++w) {
    const uint8_t* word = blob + offsets[w];
    const int64_t size = offsets[w + 1] - offsets[w];
    if (size != 4 || std::memcmp(word, "</s>", 4) != 0) chars.add(word, size, out);
    cuts[w + 1] = out.size();
  }
}

void join_rows(const uint8_t* data, const int64_t* offsets, int64_t rows, uint8_t* out, int64_t size) {
  uint8_t* to = out;
  for (int64_t b = 0; b < rows; ++b) {
    const uint8_t* row = data + offsets[b];
    const int64_t length = offsets[b + 1] - offsets[b];
    for (int64_t j = 0; j < length; ++j) to[j] = row[j] == '\n' ? ' ' : row[j];
    to += length;
    *to++ = '\n';
  }
  std::memset(to, 0, static_cast<size_t>(out + size - to));
}

}  // namespace ftcore
