// Words and phrases sought in texts, all at once: the automaton of A. Aho and M. Corasick, "Efficient string matching:
// an aid to bibliographic search", 1975.
//
// Letters of ASCII match in either case. Where a phrase begins or ends with a Latin letter or a digit, the text must
// have none beside it; Chinese has no such borders.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ftcore {

class Phrases {
 public:
  explicit Phrases(const std::vector<std::string>& phrases);

  struct Found {
    int64_t times = 0, distinct = 0, first = -1;  // `first`: the number of the one that ends first
  };
  // `met` tells the phrases of this text from those of others: a vector of `size()`, and a number that no text had.
  Found in(const uint8_t* text, int64_t size, std::vector<int64_t>& met, int64_t number) const;
  int64_t size() const { return static_cast<int64_t>(phrases_.size()); }

 private:
  int32_t next(int32_t node, uint8_t byte) const;  // -1: none
  bool free(const uint8_t* text, int64_t size, int64_t end, int32_t phrase) const;

  std::vector<std::string> phrases_;
  std::vector<int32_t> begins_;                   // of a node's children in bytes_ and nodes_
  std::vector<uint8_t> bytes_;
  std::vector<int32_t> nodes_, fails_, ends_, outputs_;  // ends_: the phrase; outputs_: the next node behind that ends one
  int32_t roots_[256];
};

}  // namespace ftcore
