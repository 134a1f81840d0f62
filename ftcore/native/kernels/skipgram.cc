// Skip-gram with negative sampling where neighbouring centres share negatives; faster, not fastText's sequence.
//
// The 16 centres of a block share a pool of 8 * neg negatives, each weighted so that a centre has as much of them
// as `neg` drawn for each of its pairs would give. The pool's rows stay in the nearest cache, where a draw a pair
// reads a distant row each time. (Few negatives with large weights ruin the vectors: 5 for one centre halved every
// similarity; 40 for 16 lose nothing.) For a centre with hidden h, the mean of its input rows,
//   for each context word's row o:       step = lr * (1 - sigmoid(o . h))
//   for each eight of the pool's rows:   step_k = -lr * weight_k * sigmoid(o_k . h)
// and then h += gain * sum step_k * o_k,  o_k += step_k * h  (both sides as they were): hidden moves as the mean of
// its rows would. Leaving that to the centre's end is a tenth faster and a point worse in analogies. What the rows
// are owed at the end is how far h came, over the gain (gains.h).
#include "kernels/output.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

constexpr int64_t BLOCK = 16;  // centres that share negatives
constexpr int POOL = 8;        // times neg: negatives they share
constexpr int64_t AHEAD = 2;   // centres between asking for rows and reading them

// Negatives of a block, all different.
struct Pool {
  int32_t* rows;    // [size]
  float* times;     // [size], how often each was drawn
  float share = 0;  // neg over the draws
  int64_t size;

  // Draws until as many different rows are found as there is room for; what rows of no weight leave is filled up.
  void draw(const Pretraining& data, uint64_t& state) {
    int64_t found = 0, draws = 0, next = 0;
    while (found < size) {
      int32_t drawn = draws < size << 12 ? draw_row(data, state) : static_cast<int32_t>(next++);
      bool seen = false;
      for (int64_t k = 0; k < found; ++k) {
        times[k] += rows[k] == drawn ? 1.0f : 0.0f;
        seen |= rows[k] == drawn;
      }
      ++draws;
      if (!seen) {
        rows[found] = drawn;
        times[found++] = 1;
      }
    }
    share = static_cast<float>(data.neg) / static_cast<float>(draws);
  }
};

template <class Dim> bool skipgram(const Pretraining& data, Dim dim, Pretrained& trained) {
  const int64_t size = POOL * data.neg;
  Scratch<float> hidden(dim), start(dim), weight(size), times(2 * size);
  Scratch<int32_t> rows(2 * size);
  if (!(hidden.data && start.data && weight.data && times.data && rows.data)) return false;
  Pool pools[2] = {{rows, times, 0, size}, {rows + size, times + size, 0, size}};  // this block's and the next's
  const float truth[POOL] = {}, one[1] = {1};

  uint64_t state = data.seed;
  trained = {0, 0, 0, -1};
  for (int64_t block = -1; block * BLOCK < data.centres && !stopped(data); ++block) {
    if ((block + 1) * BLOCK < data.centres) {
      Pool& coming = pools[(block + 1) & 1];
      coming.draw(data, state);
      for (int64_t k = 0; k < size; ++k) fetch(data.output + coming.rows[k] * dim, dim);
    }
    if (block < 0) continue;
    const Pool& pool = pools[block & 1];
    const int64_t end = (block + 1) * BLOCK < data.centres ? (block + 1) * BLOCK : data.centres;
    for (int64_t i = block * BLOCK; i < end; ++i) {
      if (i + AHEAD < data.centres) {
        const int32_t word = data.centre[i + AHEAD];
        for (int64_t k = data.offsets[word]; k < data.offsets[word + 1]; ++k) {
          fetch(data.input + data.rows[k] * dim, dim);
        }
        fetch(data.output + data.centre[data.last[i + AHEAD] - 1] * dim, dim);
      }
      const int64_t first = data.first[i], last = data.last[i], pairs = last - first - 1;
      if (pairs < 1) continue;
      const float lr = data.rate + data.slope * static_cast<float>(data.place[i]);
      const int32_t word = data.centre[i];
      const int32_t* features = data.rows + data.offsets[word];
      const int64_t count = data.offsets[word + 1] - data.offsets[word];
      const float gain = data.gain[word];
      Loss loss, against;

      clear(hidden, dim);
      sum_rows(data.input, features, count, hidden, dim);
      scaled(hidden, 1.0f / static_cast<float>(count), hidden, dim);
      scaled(hidden, 1.0f, start, dim);
      for (int64_t k = 0; k < size; ++k) weight[k] = pool.share * static_cast<float>(pairs);

      for (int64_t j = first; j < last; ++j) {
        if (j == i) continue;
        const int32_t target = data.centre[j];
        float* row[1] = {data.output + target * dim};
        float step[1];
        score_rows<1>(row, hidden, step, dim);
        loss.times(judge<1>(step, one, lr));
        move_rows<1>(row, step, gain, hidden, dim);
        for (int64_t k = 0; k < size; ++k) {  // a pair's target is none of its negatives
          weight[k] -= pool.rows[k] == target ? pool.share : 0.0f;
        }
      }

      for (int64_t at = 0; at < size; at += POOL) {
        float* row[POOL];
        float step[POOL];
        for (int k = 0; k < POOL; ++k) row[k] = data.output + pool.rows[at + k] * dim;
        score_rows<POOL>(row, hidden, step, dim);
        against.times(judge<POOL>(step, truth, lr));
        for (int k = 0; k < POOL; ++k) step[k] *= weight[at + k] * pool.times[at + k];
        move_rows<POOL>(row, step, gain, hidden, dim);
      }

      difference(hidden, start, 1.0f / gain, start, dim);
      add_to_rows(data.input, features, count, start, dim);
      const double nats = loss.sum() + static_cast<double>(pool.share) * static_cast<double>(pairs) * against.sum();
      if (trained.broken < 0 && !(__builtin_fabs(nats) < 1e300)) trained.broken = trained.updates;
      trained.loss += nats;
      trained.examples += pairs;
      ++trained.updates;
    }
  }
  return true;
}

}  // namespace

bool pretrain_skipgram(const Pretraining& data, Pretrained& trained) {
  return data.dim == 100 ? skipgram(data, Fixed<100>(), trained) : skipgram(data, data.dim, trained);
}

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
