// A table of words: the number of a word by its bytes.
//
// Words are packed (blob, offsets, PAD bytes behind the last); slots are an open hash table, at most two
// thirds full, so that a search ends. Of equal words the last is found, as in fastText's Dictionary::load.
#pragma once

#include <cstdint>

#include "words/text.h"

namespace ftcore {

struct WordTable {
  struct Slot {
    uint64_t first;  // first8 of the word
    uint64_t entry;  // key << 32 | number + 1; 0: empty
  };
  const Slot* slots = nullptr;
  uint64_t mask = 0;  // slots - 1, a power of two - 1
  const uint8_t* blob = nullptr;
  const int64_t* offsets = nullptr;  // words + 1
  int64_t words = 0;

  // The slot that holds a word or, where none does, the empty one for it. key, first: see text.h.
  uint64_t find_slot(const uint8_t* word, int64_t size, uint64_t key, uint64_t first) const {
    for (uint64_t s = key & mask;; s = (s + 1) & mask) {
      const Slot& slot = slots[s];
      if (slot.entry == 0) return s;
      if (slot.first != first || slot.entry >> 32 != key) continue;
      if (size < 8) return s;
      int64_t w = number_at(s);
      const uint8_t* known = blob + offsets[w];
      if (offsets[w + 1] - offsets[w] == size && std::memcmp(known + 8, word + 8, static_cast<size_t>(size - 8)) == 0)
        return s;
    }
  }
  // The word at a slot, -1 where it is empty.
  int64_t number_at(uint64_t s) const { return static_cast<int64_t>(slots[s].entry & 0xFFFFFFFFu) - 1; }

  int64_t find(const uint8_t* word, int64_t size, uint64_t key, uint64_t first) const {
    return number_at(find_slot(word, size, key, first));
  }
  // Of a word with 8 readable bytes from its first on.
  int64_t find(const uint8_t* word, int64_t size) const {
    uint64_t first = first8(word, size);
    return find(word, size, key_of(word, size, first), first);
  }
  // Numbers of a batch's words, -1 where there is none, `eos` for a newline: int64[batch.size].
  void find(const Batch& batch, const uint8_t* text, int64_t eos, int64_t* numbers) const;
};

// The slots of a table, which it owns.
class Slots {
 public:
  // Empty ones for so many words. Throws std::bad_alloc.
  explicit Slots(int64_t words);
  Slots(const Slots&) = delete;
  Slots(Slots&& other) noexcept : slots_(other.slots_), size_(other.size_) { other.slots_ = nullptr; }
  Slots& operator=(Slots&& other) noexcept;
  ~Slots();

  WordTable::Slot* data() const { return slots_; }
  int64_t size() const { return size_; }
  void put(uint64_t s, uint64_t key, uint64_t first, int64_t number) {
    slots_[s] = {first, key << 32 | static_cast<uint64_t>(number + 1)};
  }
  // Enter the words of a table whose slots these are.
  void enter(const WordTable& table);

 private:
  WordTable::Slot* slots_ = nullptr;
  int64_t size_ = 0;
};

constexpr int64_t MAX_WORDS = INT32_MAX;  // numbers are int32

}  // namespace ftcore
