// Skip-gram and CBOW in fastText's own sequence, one centre at a time.
//
// An update scores its output rows o_k against hidden h and moves them: with step_k = lr * (truth_k - sigmoid(o_k . h)),
//   grad = sum step_k * o_k,    o_k += step_k * h,    every input row of the bag += grad.
// In skip-gram a centre has an update for each context word, and each moves the input rows before the next reads
// them. Since h is the mean of rows that all move by the same gradient, h += gain * grad has the same effect
// (gains.h): one gather and one scatter a centre reproduce all its updates. In CBOW a centre is one update.
//
// Negatives are drawn a centre ahead, so that their rows are on their way from memory while the centre before is
// worked on. Within an update the output rows are scored together and moved together, which is fastText's one
// after another, since hidden stays and the rows differ; where a negative was drawn twice they go one by one.
#include "kernels/output.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

// Scores and moves the rows of one update: rows ids[0:count] of the output table.
class Update {
 public:
  Update(const Pretraining& data, const float* hidden, float* grad, Loss& loss)
      : data_(data), hidden_(hidden), grad_(grad), loss_(loss) {}

  // truth: of each row; null: 1 for the first, 0 for the others.
  void together(const int32_t* ids, const float* truth, int64_t count, float lr) {
    int64_t k = 0;
    for (; k + 6 <= count; k += 6) group<6>(ids, truth, k, lr);
    for (; k + 3 <= count; k += 3) group<3>(ids, truth, k, lr);
    for (; k < count; ++k) group<1>(ids, truth, k, lr);
  }
  void one_by_one(const int32_t* ids, int64_t count, float lr) {
    for (int64_t k = 0; k < count; ++k) group<1>(ids, nullptr, k, lr);
  }
  // All rows. score: float[V].
  void softmax(int64_t target, float lr, float* score) {
    constexpr int GROUP = 8;
    int64_t words = data_.words, whole = words - words % GROUP;
    for (int64_t k = 0; k < whole; k += GROUP) score_all<GROUP>(k, score);
    for (int64_t k = whole; k < words; ++k) score_all<1>(k, score);
    float top = score[0], sum = 0, at_target = score[target];
    for (int64_t k = 1; k < words; ++k) top = score[k] > top ? score[k] : top;
    for (int64_t k = 0; k < words; ++k) sum += score[k] = exponential(score[k] - top);
    loss_.plus(__builtin_log(static_cast<double>(sum)) - static_cast<double>(at_target - top));
    float factor = -lr / sum;
    for (int64_t k = 0; k < words; ++k) score[k] *= factor;
    score[target] += lr;
    for (int64_t k = 0; k < whole; k += GROUP) move_all<GROUP>(k, score);
    for (int64_t k = whole; k < words; ++k) move_all<1>(k, score);
  }

 private:
  template <int K> void group(const int32_t* ids, const float* truth, int64_t at, float lr) {
    float* rows[K];
    float step[K], truths[K];
    for (int k = 0; k < K; ++k) {
      rows[k] = data_.output + ids[at + k] * data_.dim;
      truths[k] = truth ? truth[at + k] : (at + k == 0 ? 1.0f : 0.0f);
    }
    score_rows<K>(rows, hidden_, step, data_.dim);
    loss_.times(judge<K>(step, truths, lr));
    move_rows<K>(rows, step, hidden_, grad_, data_.dim);
  }
  template <int K> void rows_from(int64_t at, float** rows) {
    for (int k = 0; k < K; ++k) rows[k] = data_.output + (at + k) * data_.dim;
  }
  template <int K> void score_all(int64_t at, float* score) {
    float* rows[K];
    rows_from<K>(at, rows);
    score_rows<K>(rows, hidden_, score + at, data_.dim);
  }
  template <int K> void move_all(int64_t at, const float* score) {
    float* rows[K];
    rows_from<K>(at, rows);
    move_rows<K>(rows, score + at, hidden_, grad_, data_.dim);
  }

  const Pretraining& data_;
  const float* hidden_;
  float* grad_;
  Loss& loss_;
};

}  // namespace

bool pretrain_exact(const Pretraining& data, PretrainLoss kind, bool cbow, Pretrained& trained) {
  const int64_t dim = data.dim, each = data.neg + 1;
  int64_t widest = 1;  // the longest context plus its centre
  for (int64_t i = 0; i < data.centres; ++i) {
    if (data.last[i] - data.first[i] > widest) widest = data.last[i] - data.first[i];
  }
  const bool ns = kind == PretrainLoss::ns;
  const int64_t most = cbow ? 1 : widest;  // examples of a centre
  Scratch<float> hidden(dim), grad(dim), total(dim), score(kind == PretrainLoss::softmax ? data.words : 0);
  Scratch<int32_t> drawn(ns ? 2 * most * each : 0);  // output rows of this centre's examples and the next's
  Scratch<bool> twice(2 * most);                     // which examples name a row twice
  if (!(hidden.data && grad.data && total.data && score.data && drawn.data && twice.data)) return false;

  uint64_t state = data.seed;
  int64_t fed = 0;
  Loss loss;
  Update update(data, hidden, grad, loss);
  trained = {0, 0, 0, -1};
  for (int64_t i = -1; i < data.centres && !stopped(data); ++i) {
    // ---- what comes next is drawn, and asked for
    const int64_t coming = i + 1;
    if (ns && coming < data.centres && data.last[coming] - data.first[coming] > 1) {
      int32_t* rows = drawn + (coming & 1) * most * each;
      bool* same = twice + (coming & 1) * most;
      for (int64_t j = cbow ? coming : data.first[coming]; j < (cbow ? coming + 1 : data.last[coming]); ++j) {
        if (j == coming && !cbow) continue;
        *same++ = draw_example(data, data.centre[j], fed++, rows, state);
        for (int64_t k = 0; k < each; ++k) fetch(data.output + rows[k] * dim, dim);
        rows += each;
      }
    }
    const int64_t nearby = cbow ? coming + widest / 2 + 1 : coming + 1;
    if (nearby < data.centres) {
      const int32_t word = data.centre[nearby];
      for (int64_t k = data.offsets[word]; k < data.offsets[word + 1]; ++k) fetch(data.input + data.rows[k] * dim, dim);
    }
    if (i < 0) continue;
    const int64_t first = data.first[i], last = data.last[i];
    if (last - first < 2) continue;

    // ---- hidden: the mean of the bag's rows
    const float lr = data.rate + data.slope * static_cast<float>(data.place[i]);
    const float gain = data.gain[data.centre[i]];
    const int64_t begin = cbow ? first : i, end = cbow ? last : i + 1;  // words of the bag, in CBOW without i
    int64_t features = 0;
    clear(hidden, dim);
    clear(total, dim);
    for (int64_t j = begin; j < end; ++j) {
      if (j == i && cbow) continue;
      const int64_t start = data.offsets[data.centre[j]], size = data.offsets[data.centre[j] + 1] - start;
      sum_rows(data.input, data.rows + start, size, hidden, dim);
      features += size;
    }
    scaled(hidden, 1.0f / static_cast<float>(features), hidden, dim);

    // ---- its examples
    const int32_t* rows = drawn + (i & 1) * most * each;
    const bool* same = twice + (i & 1) * most;
    for (int64_t j = cbow ? i : first; j < (cbow ? i + 1 : last); ++j) {
      if (j == i && !cbow) continue;
      const int32_t target = data.centre[j];
      clear(grad, dim);
      if (kind == PretrainLoss::hs) {
        const int64_t start = data.paths[target];
        update.together(data.nodes + start, data.codes + start, data.paths[target + 1] - start, lr);
      } else if (kind == PretrainLoss::softmax) {
        if (stopped(data)) break;
        update.softmax(target, lr, score);
      } else if (*same++) {
        update.one_by_one(rows, each, lr);
      } else {
        update.together(rows, nullptr, each, lr);
      }
      add_scaled(grad, 1.0f, total, dim);
      add_scaled(grad, gain, hidden, dim);
      rows += each;
      ++trained.examples;
    }

    // ---- the full gradient to every row, as often as it is named
    for (int64_t j = begin; j < end; ++j) {
      if (j == i && cbow) continue;
      const int64_t start = data.offsets[data.centre[j]];
      add_to_rows(data.input, data.rows + start, data.offsets[data.centre[j] + 1] - start, total, dim);
    }
    if (trained.broken < 0 && !loss.is_number()) trained.broken = trained.updates;
    ++trained.updates;
  }
  trained.loss = loss.sum();
  return true;
}

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
