// Words as a double-array trie: the node that letter c of node x leads to lies in slot base(x) + c, and is x's where
// it says c. No two nodes share a base, so that a letter is enough to tell whose a slot is, and moving a node's
// children moves nothing else.
//
// Letters are numbers from 1 on, frequent ones low: what is asked often lies close together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace ftcore {

class Trie {
 public:
  static constexpr uint16_t FREE = 0xFFFF, ABSENT = 0x8000;
  static constexpr double NONE = std::numeric_limits<double>::quiet_NaN();

  struct Node {
    uint32_t base;    // 0: no children
    uint16_t letter;  // FREE; with ABSENT: on the way to a word, but no entry itself, so that `letter == c` fails
    uint16_t unused;
    double weight;    // of a word; NaN, which no comparison takes, of what only begins words
  };
  static_assert(sizeof(Node) == 16);

  // letters: of all words, 1 to `alphabet`, word w's from offsets[w] on; of equal words the last one counts.
  // weights: those of words with a count of 0 do not matter. prefixes: beginnings of words are entries of count 0.
  void build(const uint16_t* letters, const int64_t* offsets, int64_t words, const double* counts, const double* weights,
             bool prefixes, int alphabet);

  // Nodes and counts that somebody else keeps. False where they would lead out of their array.
  bool borrow(const Node* nodes, const double* counts, size_t slots, int alphabet);

  void set(const uint16_t* word, size_t size, double count, double weight);
  void enter(const uint16_t* word, size_t size);  // it and its beginnings become entries, of count 0 where they are new
  void erase(const uint16_t* word, size_t size);

  // Slot of an entry, 0 where there is none.
  size_t find(const uint16_t* word, size_t size) const {
    size_t slot = 0;
    for (size_t i = 0; i < size; ++i) {
      const uint32_t base = nodes_[slot].base;
      if (i > 0 && base == 0) return 0;
      slot = base + word[i];
      if ((nodes_[slot].letter & ~ABSENT) != word[i]) return 0;
    }
    return nodes_[slot].letter & ABSENT ? 0 : slot;
  }

  const Node* nodes() const { return nodes_; }
  const double* counts() const { return counts_; }
  size_t slots() const { return slots_; }

 private:
  void own();
  void reserve_root();
  void grow(size_t slots);
  void take(size_t slot, uint16_t letter);
  uint32_t place(const uint16_t* letters, size_t n, size_t& hint);
  size_t walk(const uint16_t* word, size_t size, bool entries);
  size_t child(size_t parent, uint16_t letter);

  const Node* nodes_ = nullptr;
  const double* counts_ = nullptr;
  size_t slots_ = 0;
  int alphabet_ = 0;

  // of a trie of its own
  std::vector<Node> own_;
  std::vector<double> own_counts_;
  std::vector<uint64_t> free_, unused_bases_;  // a bit a slot, a bit a base
  size_t hint_ = 0;
};

}  // namespace ftcore
