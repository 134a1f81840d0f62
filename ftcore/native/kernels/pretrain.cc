#include "kernels/pretrain.h"

namespace ftcore {
namespace FTCORE_VARIANT {

bool pretrain_exact(const Pretraining&, PretrainLoss, bool, Pretrained&);  // exact.cc
bool pretrain_skipgram(const Pretraining&, Pretrained&);                   // skipgram.cc
bool pretrain_cbow(const Pretraining&, Pretrained&);                       // cbow.cc

extern const PretrainKernels pretrain_kernels;
const PretrainKernels pretrain_kernels = {pretrain_exact, pretrain_skipgram, pretrain_cbow};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
