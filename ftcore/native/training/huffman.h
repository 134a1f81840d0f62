// fastText's Huffman tree over classes. Source: fastText 0.9.3 src/loss.cc, HierarchicalSoftmaxLoss::buildTree.
#pragma once

#include <cstdint>
#include <vector>

namespace ftcore {

struct HuffmanTree {
  std::vector<int64_t> parent;  // of each of the 2C - 1 nodes, -1 for the root; the first C are the classes
  std::vector<uint8_t> right;   // whether a node is the right child: the second one that was taken
};

// counts: int64[C], descending. Where a class and an inner node tie, the inner node is taken.
HuffmanTree huffman_tree(const int64_t* counts, int64_t size);

}  // namespace ftcore
