// Words of a dictionary as Python hands them over once, checked, for functions that then trust them.
#pragma once

#include <memory>
#include <string>

#include "binding/array.h"
#include "words/features.h"

namespace ftcore {

// `native.WordTable(blob, offsets)`: packed words, and the slots that find them.
class HeldTable {
 public:
  HeldTable(nb::handle blob, nb::handle offsets);
  const WordTable& operator*() const { return table_; }
  const WordTable* operator->() const { return &table_; }

 private:
  Held<const uint8_t, 1> blob_;
  Held<const int64_t, 1> offsets_;
  Slots slots_{0};
  WordTable table_;
};

// `native.Vocabulary(table, nwords, eos, prefix, known, cuts, minn, maxn, word_ngrams, bucket)`.
class HeldVocabulary {
 public:
  HeldVocabulary(nb::handle_t<HeldTable> table, int64_t nwords, int64_t eos, nb::bytes prefix, nb::handle known, nb::handle cuts,
                 int64_t minn, int64_t maxn, int64_t word_ngrams, int64_t bucket);
  const Vocabulary& operator*() const { return vocabulary_; }
  const Vocabulary* operator->() const { return &vocabulary_; }

 private:
  nb::object table_;
  std::string prefix_;
  Held<const int32_t, 1> known_;
  Held<const int64_t, 1> cuts_;
  std::unique_ptr<KeptSubwords> kept_;
  Vocabulary vocabulary_;
};

// Which character n-grams count; refuses more buckets than 32 bits number behind `base`.
CharNgrams char_ngrams(int64_t minn, int64_t maxn, int64_t bucket, int64_t base);

// The bytes of a text that count: all but the PAD behind them. Refuses fewer.
int64_t text_size(const Vector<const uint8_t>& text);

// Refuses packed words without PAD bytes behind the last, or whose offsets do not rise within them.
void require_words(const Vector<const uint8_t>& blob, const Vector<const int64_t>& offsets, const char* name);

}  // namespace ftcore
