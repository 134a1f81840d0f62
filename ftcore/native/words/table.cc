#include "words/table.h"

#include <cstdlib>
#include <new>
#include <utility>

namespace ftcore {

void WordTable::find(const Batch& batch, const uint8_t* text, int64_t eos, int64_t* numbers) const {
  for (int64_t k = 0; k < batch.size; ++k) __builtin_prefetch(slots + (batch.keys[k] & mask));
  for (int64_t k = 0; k < batch.size; ++k) {
    int64_t begin = batch.begins[k], size = batch.ends[k] - begin;
    numbers[k] = size > 0 ? find(text + begin, size, batch.keys[k], batch.firsts[k]) : eos;
  }
}

Slots::Slots(int64_t words) {
  size_ = 16;
  while (size_ <= words + words / 2) size_ *= 2;
  slots_ = static_cast<WordTable::Slot*>(std::calloc(static_cast<size_t>(size_), sizeof(WordTable::Slot)));
  if (slots_ == nullptr) throw std::bad_alloc();
}

Slots& Slots::operator=(Slots&& other) noexcept {
  std::swap(slots_, other.slots_);
  std::swap(size_, other.size_);
  return *this;
}

Slots::~Slots() { std::free(slots_); }

void Slots::enter(const WordTable& table) {
  constexpr int64_t AHEAD = 16;  // words whose slots are fetched before they are asked for
  uint64_t keys[AHEAD], firsts[AHEAD];
  for (int64_t at = 0; at < table.words; at += AHEAD) {
    int64_t n = table.words - at < AHEAD ? table.words - at : AHEAD;
    for (int64_t k = 0; k < n; ++k) {
      const uint8_t* word = table.blob + table.offsets[at + k];
      int64_t size = table.offsets[at + k + 1] - table.offsets[at + k];
      firsts[k] = first8(word, size);
      keys[k] = key_of(word, size, firsts[k]);
      __builtin_prefetch(slots_ + (keys[k] & table.mask), 1);
    }
    for (int64_t k = 0; k < n; ++k) {
      const uint8_t* word = table.blob + table.offsets[at + k];
      int64_t size = table.offsets[at + k + 1] - table.offsets[at + k];
      put(table.find_slot(word, size, keys[k], firsts[k]), keys[k], firsts[k], at + k);
    }
  }
}

}  // namespace ftcore
