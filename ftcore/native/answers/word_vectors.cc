#include "answers/word_vectors.h"

#include <algorithm>

#include "processor.h"

namespace ftcore {

namespace {

inline bool blank(uint8_t byte) { return byte == ' ' || (9 <= byte && byte <= 13); }

void mean(const WordVectors& model, const int32_t* ids, int64_t n, RowScratch& scratch, float* out) {
  const int64_t offsets[] = {0, n};
  means(model.rows, known_places(model.rows, ids, offsets, 1, scratch), scratch, out);
}

}  // namespace

void word_vector(const WordVectors& model, const uint8_t* word, int64_t size, VectorScratch& s, float* out) {
  s.ids.clear();
  word_features(*model.vocabulary, word, size, s.ids);
  const int64_t unknown = s.ids[0] < 0;
  mean(model, s.ids.data() + unknown, s.ids.size() - unknown, s.rows, out);
}

void sentence_vector(const WordVectors& model, const uint8_t* text, int64_t size, VectorScratch& s, float* out) {
  const int64_t dim = model.rows.dim;
  s.vector.resize(dim);
  std::fill_n(out, dim, 0.0f);
  int64_t count = 0;
  for (int64_t begin = 0, end; begin < size; begin = end) {
    end = begin + 1;
    if (blank(text[begin])) continue;
    while (end < size && !blank(text[end])) ++end;
    word_vector(model, text + begin, end - begin, s, s.vector.data());
    count += kernels().means->add_unit(s.vector.data(), dim, out);
  }
  if (count == 0) return;
  const float scale = 1.0f / static_cast<float>(count);
  for (int64_t j = 0; j < dim; ++j) out[j] *= scale;
}

void line_vector(const WordVectors& model, const uint8_t* text, int64_t size, VectorScratch& s, float* out) {
  line_features(*model.vocabulary, text, size, true, false, s.lines);
  mean(model, s.lines.features.data(), s.lines.offsets[1], s.rows, out);
}

}  // namespace ftcore
