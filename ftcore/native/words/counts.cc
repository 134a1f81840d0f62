#include "words/counts.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace ftcore {

namespace {

constexpr int64_t FEW = 1 << 14;  // words for which there is room at first

// Sums that wrap: a caller may give any number.
inline int64_t plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace

WordCounts::WordCounts() {
  const uint8_t eos[8] = {'<', '/', 's', '>'};
  offsets_.add(0);
  add(eos, 4);
  enter();
}

WordCounts::WordCounts(const uint8_t* blob, const int64_t* offsets, int64_t words, const int64_t* counts,
                       const int64_t* seen) {
  offsets_.add(0);
  for (int64_t w = 0; w < words; ++w) {
    add(blob + offsets[w], offsets[w + 1] - offsets[w]);
    counts_[w] = counts[w];
    seen_[w] = seen[w];
    live_ += counts[w] != 0;
  }
  enter();
}

// Behind the last, not counted yet; not in the slots.
void WordCounts::add(const uint8_t* word, int64_t size) {
  blob_.reserve(size + PAD);
  table_.blob = blob_.data();
  offsets_.reserve(1);
  table_.offsets = offsets_.data();
  counts_.reserve(1), seen_.reserve(1);  // all there is to throw lies behind
  std::memcpy(blob_.extend(size), word, static_cast<size_t>(size));
  offsets_.push(blob_.size());
  counts_.push(0), seen_.push(0);
  table_.words = counts_.size();
}

void WordCounts::enter() {
  const int64_t room = std::max(FEW, 2 * words());
  slots_ = Slots(room);
  room_ = room;
  table_.slots = slots_.data();
  table_.mask = static_cast<uint64_t>(slots_.size() - 1);
  slots_.enter(table_);
}

int64_t WordCounts::number_of(const uint8_t* word, int64_t size, uint64_t key, uint64_t first) {
  uint64_t s = table_.find_slot(word, size, key, first);
  int64_t w = table_.number_at(s);
  if (w >= 0) return w;
  if (words() >= MAX_WORDS) throw std::bad_alloc();
  if (words() >= room_) {
    enter();
    s = table_.find_slot(word, size, key, first);
  }
  w = words();
  add(word, size);
  slots_.put(s, key, first, w);
  return w;
}

int64_t WordCounts::count(const uint8_t* text, int64_t start, int64_t stop, int64_t base, int64_t limit) {
  Batch batch;
  int64_t i = start;
  while (i < stop) {
    i = batch.split(text, i, stop);
    for (int64_t k = 0; k < batch.size; ++k) __builtin_prefetch(slots_.data() + (batch.keys[k] & table_.mask));
    for (int64_t k = 0; k < batch.size; ++k) {
      const int64_t begin = batch.begins[k], size = batch.ends[k] - begin;
      const int64_t w = size == 0 ? 0 : number_of(text + begin, size, batch.keys[k], batch.firsts[k]);
      if (counts_[w] == 0) {
        seen_[w] = plus(base, begin);
        ++live_;
      }
      counts_[w] = plus(counts_[w], 1);
      if (live_ > limit) return std::max(batch.ends[k], begin + (size == 0));
    }
  }
  return i;
}

void WordCounts::merge(const WordCounts& other) {
  for (int64_t v = 0; v < other.words(); ++v) {
    if (other.counts_[v] == 0) continue;
    const uint8_t* word = other.blob_.data() + other.offsets_[v];
    const int64_t size = other.offsets_[v + 1] - other.offsets_[v];
    const uint64_t first = first8(word, size);
    const int64_t w = number_of(word, size, key_of(word, size, first), first);
    live_ += counts_[w] == 0;
    if (counts_[w] == 0 || other.seen_[v] < seen_[w]) seen_[w] = other.seen_[v];
    counts_[w] = plus(counts_[w], other.counts_[v]);
  }
}

WordCounts::Arrays WordCounts::take() {
  WordCounts fresh;
  blob_.reserve(PAD);
  std::memset(blob_.extend(PAD), 0, PAD);
  Arrays made;
  made.blob.swap(blob_), made.offsets.swap(offsets_), made.counts.swap(counts_), made.seen.swap(seen_);
  *this = std::move(fresh);
  return made;
}

}  // namespace ftcore
