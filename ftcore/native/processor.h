// Which of the compiled variants of the kernels runs: the widest that this processor has, or the one that
// the environment variable FTCORE_PROCESSOR names.
#pragma once

#include <string>
#include <vector>

#include "kernels.h"

namespace ftcore {

struct Variant {
  const char* name;  // v2, v3, v4 (the levels of the x86-64 ABI) or neon
  const Kernels* kernels;
  bool supported;  // by this processor
};

// All that were compiled, the narrowest first.
const std::vector<Variant>& variants();

// The one in use. Throws std::runtime_error where FTCORE_PROCESSOR names none, or one this machine lacks.
const Variant& variant();

inline const Kernels& kernels() { return *variant().kernels; }

}  // namespace ftcore
