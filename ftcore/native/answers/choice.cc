#include "answers/choice.h"

#include <cmath>

#include "processor.h"

namespace ftcore {

void Best::sift(int64_t hole, float value, int32_t item) {  // __push_heap
  while (hole > 0) {
    int64_t parent = (hole - 1) / 2;
    if (!(values_[parent] > value)) break;
    values_[hole] = values_[parent];
    items_[hole] = items_[parent];
    hole = parent;
  }
  values_[hole] = value;
  items_[hole] = item;
}

void Best::pop(int64_t size) {  // pop_heap: the least goes behind the others, which are a heap again
  int64_t last = size - 1;
  float value = values_[last];
  int32_t item = items_[last];
  values_[last] = values_[0];
  items_[last] = items_[0];
  int64_t hole = 0, child = 0;
  while (child < (last - 1) / 2) {
    child = 2 * child + 2;
    if (values_[child] > values_[child - 1]) --child;
    values_[hole] = values_[child];
    items_[hole] = items_[child];
    hole = child;
  }
  if (last % 2 == 0 && last > 0 && child == (last - 2) / 2) {
    child = 2 * child + 1;
    values_[hole] = values_[child];
    items_[hole] = items_[child];
    hole = child;
  }
  sift(hole, value, item);
}

void Best::offer(float value, int32_t item) {
  sift(size_, value, item);
  if (size_ == k_) {
    pop(size_ + 1);
  } else {
    ++size_;
  }
}

void Best::finish() {
  for (int64_t left = size_; left > 1; --left) pop(left);
}

namespace {

float std_log(float p) { return static_cast<float>(std::log(static_cast<double>(p) + 1e-5)); }

void probabilities(float* scores, int64_t count, int64_t kind, const float* sigmoid) {
  if (kind == SOFTMAX) {
    float top = scores[0];
    for (int64_t c = 1; c < count; ++c) top = scores[c] > top ? scores[c] : top;
    float total = 0;
    for (int64_t c = 0; c < count; ++c) {
      scores[c] = std::exp(scores[c] - top);
      total += scores[c];
    }
    for (int64_t c = 0; c < count; ++c) scores[c] /= total;
    return;
  }
  for (int64_t c = 0; c < count; ++c) {
    float x = scores[c];
    if (x < -8) {
      scores[c] = 0;
    } else if (x > 8) {
      scores[c] = 1;
    } else if (x == x) {  // NaN stays
      scores[c] = sigmoid[static_cast<int64_t>((x + 8) * 512 / 8 / 2)];
    }
  }
}

int64_t write(const Best& best, int64_t at, Chosen chosen) {
  for (int64_t i = 0; i < best.size(); ++i) {
    float p = std::exp(best.value(i));
    chosen.labels[at + i] = best.item(i);
    chosen.found[at + i] = !(p > 1) ? p : 1;
  }
  return at + best.size();
}

}  // namespace

bool best_labels(float* scores, const int64_t* offsets, int64_t lines, int64_t count, int64_t kind,
                 const float* sigmoid, float threshold, Best& best, Chosen chosen) {
  bool sound = true;
  int64_t at = 0;
  chosen.ends[0] = 0;
  for (int64_t b = 0; b < lines; ++b) {
    float* line = scores + b * count;
    best.clear();
    if (offsets[b + 1] > offsets[b]) {
      probabilities(line, count, kind, sigmoid);
      for (int64_t c = 0; c < count; ++c) {
        float p = line[c];
        sound &= p == p;
        if (p < threshold) continue;
        if (best.full()) {
          float least = line[best.least_item()];
          if (p + 1e-5f < (least + 1e-5f) * 0.9999f) continue;  // the logarithm, rounded, is less too
        }
        float value = std_log(p);
        if (best.full() && value < best.least()) continue;
        best.offer(value, static_cast<int32_t>(c));
      }
      best.finish();
    }
    at = write(best, at, chosen);
    chosen.ends[b + 1] = at;
  }
  return sound;
}

bool best_leaves(const float* hidden, const float* output, const int64_t* offsets, int64_t lines,
                 int64_t count, int64_t dim, Tree tree, float threshold, Best& best,
                 std::vector<Pending>& stack, Chosen chosen) {
  auto dots = kernels().means->dots;
  float low = std_log(threshold);
  bool sound = true;
  int64_t at = 0, width = output == nullptr ? count : dim;
  chosen.ends[0] = 0;
  for (int64_t b = 0; b < lines; ++b) {
    best.clear();
    int64_t depth = 0;
    if (offsets[b + 1] > offsets[b]) stack[depth++] = {static_cast<int32_t>(2 * count - 2), 0};
    while (depth > 0) {
      auto [node, sum] = stack[--depth];
      if (sum < low || (best.full() && sum < best.least())) continue;
      if (node < count) {
        best.offer(sum, node);
        continue;
      }
      int64_t inner = node - count;
      float score;
      if (output == nullptr) {
        score = hidden[b * width + inner];
      } else {
        dots(hidden + b * width, output + inner * dim, 1, dim, &score);
      }
      sound &= score == score;
      float p = static_cast<float>(1.0 / static_cast<double>(1 + std::exp(-score)));
      stack[depth++] = {tree.right[inner], sum + std_log(p)};
      float other = static_cast<float>(1.0 - static_cast<double>(p));
      stack[depth++] = {tree.left[inner], sum + std_log(other)};  // walked first
    }
    best.finish();
    at = write(best, at, chosen);
    chosen.ends[b + 1] = at;
  }
  return sound;
}

void best_of(const float* scores, int64_t n, const int32_t* banned, int64_t nbanned, Best& best) {
  for (int64_t i = 0; i < n; ++i) {
    if (best.full() && scores[i] < best.least()) continue;
    bool free = true;
    for (int64_t j = 0; j < nbanned; ++j) free &= banned[j] != i;
    if (free) best.offer(scores[i], static_cast<int32_t>(i));
  }
  best.finish();
}

}  // namespace ftcore
