#include "training/machines.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "ground/splitmix.h"
#include "ground/team.h"

namespace ftcore {

namespace {

constexpr int64_t WIDEST = 16;  // labels solved side by side: floats of a cache line
constexpr float INFINITE = std::numeric_limits<float>::infinity();

// What a thread works in; K labels side by side.
struct Bench {
  std::vector<float> weight, dual, length;  // [features, K], [documents, K] twice
  std::vector<uint8_t> resting;             // [documents, K]: the document teaches the label nothing
  std::vector<uint8_t> skipped;             // [documents]: nor any other
  std::vector<int32_t> order;

  Bench(int64_t documents, int64_t features, int64_t k)
      : weight(static_cast<size_t>(features * k)), dual(static_cast<size_t>(documents * k)), length(dual.size()),
        resting(dual.size()), skipped(static_cast<size_t>(documents)), order(skipped.size()) {}
};

template <int64_t K>
using Lanes = std::array<float, static_cast<size_t>(K)>;

// Some labels, `first` to `first + width - 1`, in K lanes.
template <int64_t K>
class Block {
 public:
  Block(const SparseRows& documents, const Machines& machines, int64_t first, int64_t width, Bench& bench)
      : docs_(documents), all_(machines), first_(first), width_(width), bench_(bench) {}

  int64_t solve(float tolerance, int64_t passes, uint64_t seed, const int* stop) {
    begin();
    if (!start(stop)) return 0;
    uint64_t state = seed;
    std::vector<int32_t>& order = bench_.order;
    int64_t pass = 0;
    while (pass < passes && working_ > 0) {
      ++pass;
      for (size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[static_cast<size_t>((next_bits(state) >> 32) * i >> 32)]);
      }
      top_.fill(-INFINITE), low_.fill(INFINITE);
      for (int32_t document : order) {
        if (bench_.skipped[static_cast<size_t>(document)]) continue;
        if (__atomic_load_n(stop, __ATOMIC_RELAXED)) return pass;
        visit(document);
      }
      end_pass(tolerance);
    }
    finish();
    return pass;
  }

 private:
  const bool* gold(int64_t i) const { return all_.gold + i * all_.labels + first_; }

  void begin() {
    std::fill(bench_.weight.begin(), bench_.weight.end(), 0.0f);
    std::fill(bench_.resting.begin(), bench_.resting.end(), uint8_t{0});
    for (size_t i = 0; i < bench_.order.size(); ++i) bench_.order[i] = static_cast<int32_t>(i);
    limit_.fill(INFINITE);
    busy_.fill(0);
    rests_.fill(0);
    for (int64_t k = 0; k < width_; ++k) busy_[static_cast<size_t>(k)] = 1;
    working_ = width_;
  }

  // Weights of the duals that are given, and each document's length as a label sees it.
  bool start(const int* stop) {
    for (int64_t i = 0; i < docs_.count; ++i) {
      if (__atomic_load_n(stop, __ATOMIC_RELAXED)) return false;
      float* dual = &bench_.dual[static_cast<size_t>(i * K)];
      float* length = &bench_.length[static_cast<size_t>(i * K)];
      const float cost = all_.cost[i];
      bench_.skipped[static_cast<size_t>(i)] = !(cost > 0);
      Lanes<K> pull{}, sum{};
      bool any = false;
      for (int64_t k = 0; k < width_; ++k) {
        dual[k] = cost > 0 ? all_.dual[i * all_.labels + first_ + k] : 0;
        pull[static_cast<size_t>(k)] = gold(i)[k] ? dual[k] : -dual[k];
        any |= dual[k] != 0;
      }
      for (int64_t j = docs_.offsets[i]; j < docs_.offsets[i + 1]; ++j) {
        const float square = docs_.values[j] * docs_.values[j];
        for (int64_t k = 0; k < width_; ++k) sum[static_cast<size_t>(k)] += square * scale(docs_.ids[j], k);
      }
      for (int64_t k = 0; k < width_; ++k) length[k] = sum[static_cast<size_t>(k)] + 0.5f / cost;
      if (any && cost > 0) add(i, pull);
    }
    return true;
  }

  float scale(int64_t feature, int64_t k) const {
    return all_.squares == nullptr ? 1.0f : all_.squares[feature * all_.labels + first_ + k];
  }

  // Adds a document, each label's times its own number.
  void add(int64_t i, const Lanes<K>& pull) {
    for (int64_t j = docs_.offsets[i]; j < docs_.offsets[i + 1]; ++j) {
      const int64_t id = docs_.ids[j];
      const float value = docs_.values[j];
      float* row = &bench_.weight[static_cast<size_t>(id * K)];
      if (all_.squares == nullptr) {
        for (size_t k = 0; k < static_cast<size_t>(K); ++k) row[k] += value * pull[k];
      } else {
        const float* square = all_.squares + id * all_.labels + first_;
        for (int64_t k = 0; k < width_; ++k) row[k] += value * pull[static_cast<size_t>(k)] * square[k];
      }
    }
  }

  // A document's product with each label's weights. Even and odd features are summed apart: two sums wait less.
  void scores(int64_t i, Lanes<K>& out) const {
    const int64_t last = docs_.offsets[i + 1];
    Lanes<K> odd{};
    out.fill(0);
    int64_t j = docs_.offsets[i];
    for (; j + 1 < last; j += 2) {
      const float *one = &bench_.weight[static_cast<size_t>(docs_.ids[j] * K)],
                  *two = &bench_.weight[static_cast<size_t>(docs_.ids[j + 1] * K)];
      for (size_t k = 0; k < static_cast<size_t>(K); ++k) {
        out[k] += docs_.values[j] * one[k];
        odd[k] += docs_.values[j + 1] * two[k];
      }
    }
    if (j < last) {
      const float* one = &bench_.weight[static_cast<size_t>(docs_.ids[j] * K)];
      for (size_t k = 0; k < static_cast<size_t>(K); ++k) out[k] += docs_.values[j] * one[k];
    }
    for (size_t k = 0; k < static_cast<size_t>(K); ++k) out[k] += odd[k];
  }

  void visit(int64_t i) {
    Lanes<K> score, pull{};
    scores(i, score);
    float* dual = &bench_.dual[static_cast<size_t>(i * K)];
    const float* length = &bench_.length[static_cast<size_t>(i * K)];
    uint8_t* resting = &bench_.resting[static_cast<size_t>(i * K)];
    const float own = 0.5f / all_.cost[i];
    bool moved = false, awake = false;
    for (size_t k = 0; k < static_cast<size_t>(K); ++k) {
      if (!busy_[k] || resting[k]) continue;
      const float yes = gold(i)[k] ? 1.0f : -1.0f;
      const float slope = yes * score[k] - 1.0f + dual[k] * own;
      float pulls = slope;
      if (dual[k] == 0) {
        if (slope > limit_[k]) {
          resting[k] = 1;
          ++rests_[k];
          continue;
        }
        pulls = std::min(slope, 0.0f);
      }
      awake = true;
      top_[k] = std::max(top_[k], pulls);
      low_[k] = std::min(low_[k], pulls);
      if (std::abs(pulls) > 1e-12f) {
        const float before = dual[k];
        dual[k] = std::max(before - slope / length[k], 0.0f);
        pull[k] = (dual[k] - before) * yes;
        moved |= pull[k] != 0;
      }
    }
    bench_.skipped[static_cast<size_t>(i)] = !awake;
    if (moved) add(i, pull);
  }

  // Labels whose documents pull no more are done, once those that rested have been looked at again.
  void end_pass(float tolerance) {
    bool woken = false;
    for (size_t k = 0; k < static_cast<size_t>(K); ++k) {
      if (!busy_[k]) continue;
      if (top_[k] - low_[k] > tolerance) {
        limit_[k] = top_[k] > 0 ? top_[k] : INFINITE;
      } else if (rests_[k] == 0) {
        busy_[k] = 0;
        --working_;
      } else {
        for (size_t i = k; i < bench_.resting.size(); i += static_cast<size_t>(K)) bench_.resting[i] = 0;
        rests_[k] = 0;
        limit_[k] = INFINITE;
        woken = true;
      }
    }
    if (woken) {
      for (int64_t i = 0; i < docs_.count; ++i) bench_.skipped[static_cast<size_t>(i)] = !(all_.cost[i] > 0);
    }
  }

  void finish() {
    for (int64_t j = 0; j < docs_.features; ++j) {
      std::copy_n(&bench_.weight[static_cast<size_t>(j * K)], width_, all_.weight + j * all_.labels + first_);
    }
    for (int64_t i = 0; i < docs_.count; ++i) {
      std::copy_n(&bench_.dual[static_cast<size_t>(i * K)], width_, all_.dual + i * all_.labels + first_);
    }
  }

  const SparseRows& docs_;
  const Machines& all_;
  const int64_t first_, width_;
  Bench& bench_;
  Lanes<K> top_, low_, limit_;  // the largest and smallest pull of this pass; what is above the limit rests
  std::array<uint8_t, static_cast<size_t>(K)> busy_;
  std::array<int64_t, static_cast<size_t>(K)> rests_;
  int64_t working_ = 0;
};

template <int64_t K>
int64_t solve(const SparseRows& documents, const Machines& machines, int64_t width, float tolerance, int64_t passes,
              uint64_t seed, int threads, const std::function<bool()>& go_on) {
  const int64_t blocks = (machines.labels + width - 1) / width;
  threads = static_cast<int>(std::min<int64_t>(threads, blocks));
  std::vector<std::unique_ptr<Bench>> benches;
  for (int t = 0; t < threads; ++t) {
    benches.push_back(std::make_unique<Bench>(documents.count, documents.features, K));
  }
  int stop = 0;
  int64_t next = 0;
  std::vector<int64_t> took(static_cast<size_t>(threads));
  auto work = [&](int t) {
    for (;;) {
      const int64_t block = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED), first = block * width;
      if (block >= blocks || __atomic_load_n(&stop, __ATOMIC_RELAXED)) return;
      Block<K> labels(documents, machines, first, std::min(width, machines.labels - first), *benches[static_cast<size_t>(t)]);
      int64_t& most = took[static_cast<size_t>(t)];
      most = std::max(most, labels.solve(tolerance, passes, seed, &stop));
    }
  };
  run_team(threads, work, go_on, &stop);
  return *std::max_element(took.begin(), took.end());
}

}  // namespace

int64_t solve_machines(const SparseRows& documents, const Machines& machines, float tolerance, int64_t passes,
                       uint64_t seed, int threads, const std::function<bool()>& go_on) {
  if (machines.labels == 0) return 0;
  const int64_t width = std::min((machines.labels + threads - 1) / threads, WIDEST);
  auto with = width == 1 ? solve<1> : width <= 4 ? solve<4> : width <= 8 ? solve<8> : solve<16>;
  return with(documents, machines, width, tolerance, passes, seed, threads, go_on);
}

}  // namespace ftcore
