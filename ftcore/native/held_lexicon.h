// A lexicon as Python holds it: threads that cut share it, one that changes it waits until they are through.
#pragma once

#include <mutex>
#include <shared_mutex>

#include "lexicon.h"

namespace ftcore {

struct HeldLexicon {
  Lexicon lexicon;
  std::shared_mutex lock;  // taken without the interpreter's
};

}  // namespace ftcore
