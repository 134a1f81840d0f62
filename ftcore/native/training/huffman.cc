#include "training/huffman.h"

namespace ftcore {

HuffmanTree huffman_tree(const int64_t* counts, int64_t size) {
  int64_t nodes = size > 0 ? 2 * size - 1 : 0;
  HuffmanTree tree{std::vector<int64_t>(nodes, -1), std::vector<uint8_t>(nodes, 0)};
  std::vector<uint64_t> total(nodes, UINT64_C(1000000000000000));  // the sentinel of nodes that are not yet built
  for (int64_t i = 0; i < size; ++i) total[i] = static_cast<uint64_t>(counts[i]);
  auto less = [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a) < static_cast<int64_t>(b); };
  int64_t leaf = size - 1, node = size;
  for (int64_t made = size; made < nodes; ++made) {
    uint64_t sum = 0;  // unsigned: a sum beyond 64 bits wraps, as in the original
    for (int side = 0; side < 2; ++side) {
      // counts out of order may leave no built node; then the leaves go first
      bool take_leaf = leaf >= 0 && (node >= made || less(total[leaf], total[node]));
      int64_t child = take_leaf ? leaf-- : node++;
      tree.parent[child] = made;
      tree.right[child] = side == 1;
      sum += total[child];
    }
    total[made] = sum;
  }
  return tree;
}

}  // namespace ftcore
