// The kernels that exist once for each processor, as tables of functions that `kernels()` (processor.h) chooses.
//
// Each file in kernels/ has its own table, declared in its header and defined in namespace FTCORE_VARIANT;
// kernels/kernels.cc puts them together. Such files use plain pointers and sizes, no templates of the
// standard library (see CMakeLists.txt), and all their own helpers lie in FTCORE_VARIANT too.
#pragma once

#include "kernels/copies.h"
#include "kernels/initial.h"
#include "kernels/losses.h"
#include "kernels/means.h"
#include "kernels/minhash.h"
#include "kernels/nearest.h"
#include "kernels/pretrain.h"
#include "kernels/supervised.h"

namespace ftcore {

struct Kernels {
  const MeanKernels* means;
  const NearestKernels* nearest;
  const CopyKernels* copies;
  const LossKernels* losses;
  const SupervisedKernels* supervised;
  const PretrainKernels* pretrain;
  const MinhashKernels* minhash;
  const InitialKernels* initial;
};

}  // namespace ftcore
