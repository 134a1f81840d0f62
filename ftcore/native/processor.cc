#include "processor.h"

#include <cstdlib>
#include <stdexcept>

namespace ftcore {

#ifdef FTCORE_HAS_v2
namespace v2 { extern const Kernels kernels; }
namespace v3 { extern const Kernels kernels; }
namespace v4 { extern const Kernels kernels; }
#else
namespace neon { extern const Kernels kernels; }
#endif

const std::vector<Variant>& variants() {
  static const std::vector<Variant> found = [] {
#ifdef FTCORE_HAS_v2
    __builtin_cpu_init();
    // the levels by what they add (x86-64 psABI); clang knows their names from 12 on, gcc from 12
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
              __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
    return std::vector<Variant>{{"v2", &v2::kernels, true}, {"v3", &v3::kernels, v3}, {"v4", &v4::kernels, v4}};
#else
    return std::vector<Variant>{{"neon", &neon::kernels, true}};
#endif
  }();
  return found;
}

const Variant& variant() {
  static const Variant& chosen = []() -> const Variant& {
    const char* wanted = std::getenv("FTCORE_PROCESSOR");
    std::string known;
    const Variant* widest = nullptr;
    for (const Variant& one : variants()) {
      if (!one.supported) continue;
      widest = &one;
      if (wanted != nullptr && std::string(wanted) == one.name) return one;
      known += (known.empty() ? "" : ", ") + std::string(one.name);
    }
    if (wanted == nullptr || *wanted == 0) return *widest;
    throw std::runtime_error("FTCORE_PROCESSOR=" + std::string(wanted) + ": this processor has " + known +
                             "; name one of them, or unset it");
  }();
  return chosen;
}

}  // namespace ftcore
