// The best of many scores, chosen and ordered as the original does it, equal ones too.
//
// fastText keeps its k best in a heap of the standard library and so orders equal scores as libstdc++'s
// push_heap, pop_heap and sort_heap leave them; `Best` is that heap, the least score first.
// Source: fastText 0.9.3 src/loss.cc (findKBest, predict, dfs, computeOutput), src/fasttext.cc (getNN).
//
// Shapes: B lines, C labels, k of them wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ftcore {

enum Output : int64_t { SOFTMAX = 0, SIGMOID = 1, TREE = 2 };  // what makes probabilities of scores

class Best {
 public:
  explicit Best(int64_t k = 1) { keep(k); }

  void keep(int64_t k) {  // empty, and of k from here on
    k_ = k;
    size_ = 0;
    if (static_cast<int64_t>(values_.size()) <= k) {
      values_.resize(static_cast<size_t>(k) + 1);
      items_.resize(static_cast<size_t>(k) + 1);
    }
  }

  void clear() { size_ = 0; }
  int64_t size() const { return size_; }
  bool full() const { return size_ == k_; }
  float least() const { return values_[0]; }
  int32_t least_item() const { return items_[0]; }
  float value(int64_t i) const { return values_[i]; }
  int32_t item(int64_t i) const { return items_[i]; }

  void offer(float value, int32_t item);  // push; of more than k the least is dropped
  void finish();                          // sort_heap: the greatest first

 private:
  void sift(int64_t hole, float value, int32_t item);
  void pop(int64_t size);

  int64_t k_ = 1, size_ = 0;
  std::vector<float> values_;
  std::vector<int32_t> items_;
};

// A Huffman tree: left[i] and right[i] are the children of inner node C + i; below C they are labels.
struct Tree {
  const int32_t* left;
  const int32_t* right;
};

// What is chosen of each line: ids, probabilities + 1e-5 as the original's, but at most 1, the best first.
struct Chosen {
  int32_t* labels;  // room for k a line
  float* found;     // the same
  int64_t* ends;    // B + 1
};

// The k most probable labels of each line with any feature, of those whose probability is at least
// `threshold`. scores: [B, C], become the probabilities. sigmoid: 513 values (Loss::Loss). Returns whether all
// probabilities are numbers.
bool best_labels(float* scores, const int64_t* offsets, int64_t lines, int64_t count, int64_t kind,
                 const float* sigmoid, float threshold, Best& best, Chosen chosen);

// The same from a tree: hidden [B, D] and output [C, D]; or, where output is null, the nodes' scores [B, C].
// `stack` has room for C + 1 nodes and their sums.
struct Pending {
  int32_t node;
  float sum;
};
bool best_leaves(const float* hidden, const float* output, const int64_t* offsets, int64_t lines,
                 int64_t count, int64_t dim, Tree tree, float threshold, Best& best,
                 std::vector<Pending>& stack, Chosen chosen);

// The greatest of n scores but for the banned places.
void best_of(const float* scores, int64_t n, const int32_t* banned, int64_t nbanned, Best& best);

}  // namespace ftcore
