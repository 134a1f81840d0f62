#include "words/features.h"

#include <algorithm>

namespace ftcore {

void line_features(const Vocabulary& v, const uint8_t* text, int64_t stop, bool with_eos, bool rest, Lines& out) {
  static constexpr uint8_t EOS[] = {'<', '/', 's', '>', 0, 0, 0, 0};
  const bool eos_is_label = v.prefix_size > 0 && starts_with(EOS, 4, v.prefix, v.prefix_size);
  const bool chars = v.chars.maxn > 0, pairs = v.word_ngrams > 1;
  const uint64_t plain = chars || pairs ? 0 : static_cast<uint64_t>(v.nwords);  // words that are one feature
  Batch batch;
  int64_t numbers[Batch::SIZE];
  Buffer<int32_t>&features = out.features, &hashes = out.hashes_;
  features.clear(), out.labels.clear(), out.offsets.clear(), out.label_offsets.clear(), hashes.clear();
  out.offsets.add(0), out.label_offsets.add(0);
  bool open = false, dropping = false;
  auto close = [&] {
    if (pairs) add_word_ngrams(hashes.data(), hashes.size(), v.word_ngrams, v.chars.base, v.chars.bucket, features);
    out.offsets.push(features.size()), out.label_offsets.push(out.labels.size());
    hashes.clear();
    open = dropping = false;
  };
  for (int64_t i = 0; i < stop;) {
    i = batch.split(text, i, stop);
    v.table.find(batch, text, v.eos, numbers);
    features.reserve(batch.size), out.labels.reserve(batch.size), hashes.reserve(batch.size);
    out.offsets.reserve(batch.size + 1), out.label_offsets.reserve(batch.size + 1);
    for (int64_t k = 0; k < batch.size; ++k) {
      const int64_t w = numbers[k];
      const bool eos = batch.firsts[k] == EOS_FIRST;
      if (static_cast<uint64_t>(w) < plain && !eos && !dropping) {
        features.push(static_cast<int32_t>(w));  // as below, in few steps
        open = true;
        continue;
      }
      const uint8_t* word = text + batch.begins[k];
      const int64_t size = batch.ends[k] - batch.begins[k];
      const bool newline = size == 0;
      bool closes = newline;
      open = true;
      if (!dropping && (with_eos || !newline)) {
        if (w >= v.nwords) {
          out.labels.push(static_cast<int32_t>(w - v.nwords));
        } else if (w >= 0 || v.prefix_size == 0 ||
                   !(newline ? eos_is_label : starts_with(word, size, v.prefix, v.prefix_size))) {
          if (pairs) hashes.push(static_cast<int32_t>(newline ? EOS_HASH : fnv(word, size, batch.firsts[k])));
          if (!chars) {
            if (w >= 0) features.add(static_cast<int32_t>(w));
          } else if (w >= 0 && v.cuts != nullptr) {
            const int64_t more = v.cuts[w + 1] - v.cuts[w];
            features.reserve(more);
            std::copy_n(v.known + v.cuts[w], more, features.extend(more));
          } else if (w >= 0 && v.kept != nullptr) {
            const int32_t* ids = v.kept->of(w, word, size, eos, v.chars);
            features.reserve(ids[0]);
            std::copy_n(ids + 1, ids[0], features.extend(ids[0]));
          } else {
            if (w >= 0) features.add(static_cast<int32_t>(w));
            if (!eos) v.chars.add(word, size, features);
          }
        }
        if (eos && !newline) {
          dropping = !rest;
          closes = rest;
        }
      }
      if (closes) close();
    }
  }
  if (open) {  // the last line has no newline
    out.offsets.reserve(1), out.label_offsets.reserve(1);
    close();
  }
}

void word_features(const Vocabulary& v, const uint8_t* word, int64_t size, Buffer<int32_t>& out) {
  const int64_t w = v.table.find(word, size);
  out.add(w < v.nwords ? static_cast<int32_t>(w) : -1);
  if (first8(word, size) != EOS_FIRST || size != 4) v.chars.add(word, size, out);
}

void subwords(const uint8_t* blob, const int64_t* offsets, int64_t words, const CharNgrams& chars, int64_t eos,
              Buffer<int32_t>& out, int64_t* cuts) {
  int64_t total = 0;  // first how many: the array is large, and made at its size
  for (int64_t w = 0; w < words; ++w) {
    cuts[w] = total;
    total += 1 + (w == eos ? 0 : chars.count(blob + offsets[w], offsets[w + 1] - offsets[w]));
  }
  cuts[words] = total;
  out.reserve(total);
  int32_t* to = out.extend(total);
  for (int64_t w = 0; w < words; ++w) {
    *to++ = static_cast<int32_t>(w);
    if (w != eos) to = chars.write(blob + offsets[w], offsets[w + 1] - offsets[w], to);
  }
}

int64_t word_ids(const WordTable& table, int64_t nwords, int64_t eos, const uint8_t* text, int64_t stop,
                 Buffer<int32_t>& out) {
  Batch batch;
  int64_t numbers[Batch::SIZE];
  int64_t total = 0;
  for (int64_t i = 0; i < stop;) {
    i = batch.split(text, i, stop);
    table.find(batch, text, eos, numbers);
    out.reserve(batch.size);
    int32_t* to = out.data() + out.size();
    for (int64_t k = 0; k < batch.size; ++k) {
      const int64_t w = numbers[k];
      *to = w < nwords ? static_cast<int32_t>(w) : -1;
      to += w >= 0;
    }
    out.resize(to - out.data());
    total += batch.size;
  }
  return total;
}

}  // namespace ftcore
