#include "kernels.h"

namespace ftcore {
namespace FTCORE_VARIANT {

extern const CopyKernels copy_kernels;
extern const InitialKernels initial_kernels;
extern const LossKernels loss_kernels;
extern const MeanKernels mean_kernels;
extern const MinhashKernels minhash_kernels;
extern const NearestKernels nearest_kernels;
extern const PretrainKernels pretrain_kernels;
extern const SupervisedKernels supervised_kernels;

extern const Kernels kernels;
const Kernels kernels = {
    &mean_kernels,        //
    &nearest_kernels,     //
    &copy_kernels,        //
    &loss_kernels,        //
    &supervised_kernels,  //
    &pretrain_kernels,    //
    &minhash_kernels,     //
    &initial_kernels,     //
};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
