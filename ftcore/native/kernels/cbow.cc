// CBOW with negative sampling where neighbouring centres share windows; faster, not fastText's sequence.
//
// A word is in the contexts of some ten centres in a row. Its rows are summed once, when it comes into reach; the
// gradients of its centres are collected and reach the rows once, when it leaves. For a centre whose context words w
// have the sums s_w of G_w rows each,
//   h = sum s_w / sum G_w,  step_k = lr * (truth_k - sigmoid(o_k . h)),  grad = sum step_k * o_k,  o_k += step_k * h,
//   owed_w += grad,  s_w += gain_w * G_w * grad
// for the sum moves as its rows would (gains.h); only a row that two words in reach have in common is read a few
// centres late.
#include "kernels/output.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

// How far the widest window goes to either side.
int64_t reach_of(const Pretraining& data) {
  int64_t reach = 1;
  for (int64_t i = 0; i < data.centres; ++i) {
    if (i - data.first[i] > reach) reach = i - data.first[i];
    if (data.last[i] - 1 - i > reach) reach = data.last[i] - 1 - i;
  }
  return reach;
}

template <int K, class Dim>
ALWAYS_INLINE void update(const Pretraining& data, const int32_t* ids, bool target, float lr, const float* hidden,
                          float* grad, Loss& loss, Dim dim) {
  float* rows[K];
  float step[K], truth[K] = {target ? 1.0f : 0.0f};
  for (int k = 0; k < K; ++k) rows[k] = data.output + ids[k] * static_cast<int64_t>(dim);
  score_rows<K>(rows, hidden, step, dim);
  loss.times(judge<K>(step, truth, lr));
  move_rows<K>(rows, step, hidden, grad, dim);
}

template <class Dim> bool cbow(const Pretraining& data, Dim dim, Pretrained& trained) {
  const int64_t each = data.neg + 1, reach = reach_of(data);
  int64_t slots = 1;
  while (slots < 2 * reach + 2) slots *= 2;
  Scratch<float> hidden(dim), grad(dim), sums(slots * dim), owed(slots * dim);  // the latter two of words in reach
  Scratch<int32_t> near(2 * reach + 1);                                         // slots of a centre's context
  Scratch<int32_t> drawn(2 * each);
  if (!(hidden.data && grad.data && sums.data && owed.data && near.data && drawn.data)) return false;
  bool twice[2] = {};

  uint64_t state = data.seed;
  int64_t fed = 0, loaded = 0, left = 0;  // the next word to come into reach, and the next to leave it
  Loss loss;
  trained = {0, 0, 0, -1};
  for (int64_t i = -1; i < data.centres + reach + 1; ++i) {
    // ---- what comes next is drawn, and asked for
    const int64_t coming = i + 1;
    if (coming < data.centres && data.last[coming] - data.first[coming] > 1) {
      int32_t* rows = drawn + (coming & 1) * each;
      twice[coming & 1] = draw_example(data, data.centre[coming], fed++, rows, state);
      for (int64_t k = 0; k < each; ++k) fetch(data.output + rows[k] * dim, dim);
    }
    if (coming + reach + 1 < data.centres) {
      const int32_t word = data.centre[coming + reach + 1];
      for (int64_t k = data.offsets[word]; k < data.offsets[word + 1]; ++k) fetch(data.input + data.rows[k] * dim, dim);
    }
    if (i < 0) continue;

    // ---- words leave reach, and others come into it
    for (; left < i - reach && left < loaded; ++left) {
      const int32_t word = data.centre[left];
      const int64_t start = data.offsets[word];
      add_to_rows(data.input, data.rows + start, data.offsets[word + 1] - start, owed + (left & (slots - 1)) * dim, dim);
    }
    if (i >= data.centres) continue;
    const int64_t first = data.first[i], last = data.last[i];
    if (last - first < 2) continue;
    if (stopped(data)) break;
    for (; loaded < last; ++loaded) {
      const int32_t word = data.centre[loaded];
      const int64_t start = data.offsets[word], slot = loaded & (slots - 1);
      clear(owed + slot * dim, dim);
      clear(sums + slot * dim, dim);
      sum_rows(data.input, data.rows + start, data.offsets[word + 1] - start, sums + slot * dim, dim);
    }

    // ---- the update
    int64_t features = 0, context = 0;
    for (int64_t j = first; j < last; ++j) {
      if (j == i) continue;
      near[context++] = static_cast<int32_t>(j & (slots - 1));
      features += data.offsets[data.centre[j] + 1] - data.offsets[data.centre[j]];
    }
    const float lr = data.rate + data.slope * static_cast<float>(data.place[i]);
    clear(hidden, dim);
    clear(grad, dim);
    sum_rows(sums, near, context, hidden, dim);
    scaled(hidden, 1.0f / static_cast<float>(features), hidden, dim);
    const int32_t* rows = drawn + (i & 1) * each;
    int64_t k = 0;
    if (!twice[i & 1]) {
      for (; k + 6 <= each; k += 6) update<6>(data, rows + k, k == 0, lr, hidden, grad, loss, dim);
      for (; k + 3 <= each; k += 3) update<3>(data, rows + k, k == 0, lr, hidden, grad, loss, dim);
    }
    for (; k < each; ++k) update<1>(data, rows + k, k == 0, lr, hidden, grad, loss, dim);
    add_to_rows(owed, near, context, grad, dim);
    for (int64_t j = first; j < last; ++j) {
      if (j == i) continue;
      const int32_t word = data.centre[j];
      const float moved = data.gain[word] * static_cast<float>(data.offsets[word + 1] - data.offsets[word]);
      add_scaled(grad, moved, sums + (j & (slots - 1)) * dim, dim);
    }
    if (trained.broken < 0 && !loss.is_number()) trained.broken = trained.updates;
    ++trained.updates;
  }
  trained.examples = trained.updates;
  trained.loss = loss.sum();
  return true;
}

}  // namespace

bool pretrain_cbow(const Pretraining& data, Pretrained& trained) {
  return data.dim == 100 ? cbow(data, Fixed<100>(), trained) : cbow(data, data.dim, trained);
}

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
