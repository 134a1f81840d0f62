// A lexicon as Python holds it: threads that cut share it, one that changes it waits until they are through.
#pragma once

#include <mutex>
#include <shared_mutex>

#include "binding/array.h"
#include "cutting/lexicon.h"

namespace ftcore {

struct HeldLexicon {
  Held<const uint8_t, 1> bytes;  // that the lexicon borrows, where it was loaded
  Lexicon lexicon;
  std::shared_mutex lock;  // taken without the interpreter's
};

}  // namespace ftcore
