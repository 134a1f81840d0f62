#include "words/kept_subwords.h"

#include <cstdlib>
#include <new>

namespace ftcore {

KeptSubwords::KeptSubwords(int64_t words)
    : words_(words), kept_(static_cast<int32_t**>(std::calloc(static_cast<size_t>(words) + 1, sizeof(int32_t*)))) {
  if (kept_ == nullptr) throw std::bad_alloc();
}

KeptSubwords::~KeptSubwords() {
  for (int64_t w = 0; w < words_; ++w) std::free(kept_[w]);
  std::free(kept_);
}

const int32_t* KeptSubwords::made(int64_t w, const uint8_t* word, int64_t size, bool eos, const CharNgrams& chars) {
  const int64_t more = eos ? 0 : chars.count(word, size);
  auto* fresh = static_cast<int32_t*>(std::malloc((static_cast<size_t>(more) + 2) * sizeof(int32_t)));
  if (fresh == nullptr) throw std::bad_alloc();
  fresh[0] = static_cast<int32_t>(1 + more);
  fresh[1] = static_cast<int32_t>(w);
  if (more > 0) chars.write(word, size, fresh + 2);
  int32_t* found = nullptr;
  if (__atomic_compare_exchange_n(kept_ + w, &found, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return fresh;
  std::free(fresh);
  return found;
}

}  // namespace ftcore
