#include "../kernels.h"

namespace ftcore {
namespace FTCORE_VARIANT {

extern const MeanKernels mean_kernels;
extern const NearestKernels nearest_kernels;

extern const Kernels kernels;
const Kernels kernels = {&mean_kernels, &nearest_kernels};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
