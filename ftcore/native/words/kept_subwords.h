// Character n-grams of the words of a vocabulary, made when a word is first met and kept for the next time.
//
// A model that answers one text would else wait for those of all its words. Threads meet words at once: whoever
// publishes first is believed, the other's, which are the same, go. Nothing is locked, so that a forked child
// finds nothing locked.
#pragma once

#include <cstdint>

#include "words/ngrams.h"

namespace ftcore {

class KeptSubwords {
 public:
  // Of so many words. Throws std::bad_alloc.
  explicit KeptSubwords(int64_t words);
  KeptSubwords(const KeptSubwords&) = delete;
  ~KeptSubwords();

  // How many and which: the word's number `w`, then those of its n-grams; of `</s>` (`eos`) the first alone.
  const int32_t* of(int64_t w, const uint8_t* word, int64_t size, bool eos, const CharNgrams& chars) {
    const int32_t* found = __atomic_load_n(kept_ + w, __ATOMIC_ACQUIRE);
    return found != nullptr ? found : made(w, word, size, eos, chars);
  }

 private:
  const int32_t* made(int64_t w, const uint8_t* word, int64_t size, bool eos, const CharNgrams& chars);

  int64_t words_;
  int32_t** kept_;  // null: not met yet
};

}  // namespace ftcore
