#include <algorithm>
#include <utility>
#include <vector>

#include "binding/require.h"
#include "answers/choice.h"

namespace ftcore {

void require_tree(const Vector<const int32_t>& left, const Vector<const int32_t>& right) {
  int64_t inner = left.size(), leaves = inner + 1;
  require(right.size() == inner && leaves < int64_t{1} << 30, "tree: left and right differ in length");
  std::vector<bool> seen(2 * leaves);
  for (int64_t i = 0; i < inner; ++i) {
    for (int64_t child : {int64_t{left[i]}, int64_t{right[i]}}) {
      // made before its parent, by one parent: no walk goes round, or by a way twice
      require(0 <= child && child < leaves + i && !seen[child], "tree: a node is the child of two, or of a later one");
      seen[child] = true;
    }
  }
}

namespace {

void require_choice(int64_t lines, int64_t k, const Vector<const int64_t>& offsets, const Vector<int32_t>& labels,
                    const Vector<float>& found, const Vector<int64_t>& ends) {
  require(k >= 1 && k < int64_t{1} << 31, "k must be 1 or more");
  require(offsets.size() == lines + 1 && ends.size() == lines + 1, "offsets and ends: one more than lines");
  require(labels.size() / k >= lines && found.size() / k >= lines, "labels and found: room for k a line");
}

bool labels_of(Matrix<float> scores, Vector<const int64_t> offsets, int64_t kind, Vector<const float> sigmoid,
               int64_t k, float threshold, Vector<int32_t> labels, Vector<float> found, Vector<int64_t> ends) {
  require(scores.shape[1] > 0 && scores.shape[1] < int64_t{1} << 31, "scores: at least a label");
  require(kind == SOFTMAX || kind == SIGMOID, "kind: 0 (softmax) or 1 (sigmoid)");
  require(sigmoid.size() == 513, "sigmoid: 513 values");
  require_choice(scores.shape[0], k, offsets, labels, found, ends);
  Best best(std::min(k, scores.shape[1]));
  return best_labels(scores.data, offsets.data, scores.shape[0], scores.shape[1], kind, sigmoid.data, threshold, best,
                     {labels.data, found.data, ends.data});
}

bool leaves_of(Matrix<const float> hidden, Table output, bool folded, Vector<const int64_t> offsets,
               Vector<const int32_t> left, Vector<const int32_t> right, int64_t k, float threshold,
               Vector<int32_t> labels, Vector<float> found, Vector<int64_t> ends) {
  int64_t count = left.size() + 1;
  require_tree(left, right);
  require(hidden.shape[1] == (folded ? count : output.shape[1]), "hidden: its columns do not fit");
  require(folded || output.shape[0] >= left.size(), "output: a row for each inner node");
  require_choice(hidden.shape[0], k, offsets, labels, found, ends);
  Best best(std::min(k, count));
  std::vector<Pending> stack(count + 1);
  return best_leaves(hidden.data, folded ? nullptr : output.data, offsets.data, hidden.shape[0], count,
                     output.shape[1], {left.data, right.data}, threshold, best, stack,
                     {labels.data, found.data, ends.data});
}

std::pair<std::vector<float>, std::vector<int64_t>> best_places(Vector<const float> scores,
                                                                Vector<const int32_t> banned, int64_t k) {
  require(k >= 0 && scores.size() < int64_t{1} << 31, "k must be 0 or more");
  std::vector<float> values;
  std::vector<int64_t> places;
  if (k == 0 || scores.size() == 0) return {values, places};
  Best best(std::min(k, scores.size()));
  best_of(scores.data, scores.size(), banned.data, banned.size(), best);
  for (int64_t i = 0; i < best.size(); ++i) {
    values.push_back(best.value(i));
    places.push_back(best.item(i));
  }
  return {std::move(values), std::move(places)};
}

}  // namespace

void bind_choice(nb::module_& m) {
  using guard = nb::call_guard<nb::gil_scoped_release>;
  m.attr("SOFTMAX") = static_cast<int64_t>(SOFTMAX);
  m.attr("SIGMOID") = static_cast<int64_t>(SIGMOID);
  m.attr("TREE") = static_cast<int64_t>(TREE);
  m.def("best_labels", labels_of, nb::arg("scores"), nb::arg("offsets"), nb::arg("kind"), nb::arg("sigmoid"),
        nb::arg("k"), nb::arg("threshold"), nb::arg("labels"), nb::arg("found"), nb::arg("ends"), guard(),
        "The k most probable labels of each line, as ``Loss::findKBest`` finds them: ids int32[B * k], probabilities "
        "+ 1e-5 but at most 1, float32[B * k], and where each line ends, int64[B + 1], are filled. scores: "
        "float32[B, C], become the probabilities. Returns whether all of them are numbers.");
  m.def("best_leaves", leaves_of, nb::arg("hidden"), nb::arg("output"), nb::arg("folded"), nb::arg("offsets"),
        nb::arg("left"), nb::arg("right"), nb::arg("k"), nb::arg("threshold"), nb::arg("labels"), nb::arg("found"),
        nb::arg("ends"), guard(),
        "The same from a Huffman tree, as ``HierarchicalSoftmaxLoss::dfs`` walks it. hidden: float32[B, D], or the "
        "nodes' scores float32[B, C] if ``folded``. left, right: int32[C - 1], children of inner node C + i.");
  m.def(
      "best_of",
      [](Vector<const float> scores, Vector<const int32_t> banned, int64_t k) {
        auto [values, places] = [&] {
          nb::gil_scoped_release released;
          return best_places(scores, banned, k);
        }();
        return nb::make_tuple(owned(std::move(values)), owned(std::move(places)));
      },
      nb::arg("scores"), nb::arg("banned"), nb::arg("k"),
      "The k greatest of float32[N] but for the banned places int32[]: (scores float32[n], places int64[n]), equal "
      "ones as ``FastText::getNN`` orders them.");
}

}  // namespace ftcore
