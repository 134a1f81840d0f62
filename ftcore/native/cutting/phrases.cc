#include "cutting/phrases.h"

#include <algorithm>
#include <numeric>

namespace ftcore {

namespace {

uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c + 32) : c; }

bool plain(uint8_t c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'); }

// Whether the character that ends before `end`, or that begins at `begin`, is a Latin letter or a digit.
bool word_before(const uint8_t* text, int64_t end) {
  if (end <= 0) return false;
  if (text[end - 1] < 0x80) return plain(text[end - 1]);
  return end >= 2 && text[end - 2] >= 0xC3 && text[end - 2] <= 0xC9;
}

bool word_after(const uint8_t* text, int64_t size, int64_t begin) {
  if (begin >= size) return false;
  return plain(text[begin]) || (text[begin] >= 0xC3 && text[begin] <= 0xC9);
}

}  // namespace

Phrases::Phrases(const std::vector<std::string>& phrases) : phrases_(phrases) {
  for (std::string& phrase : phrases_)
    for (char& c : phrase) c = static_cast<char>(lower(static_cast<uint8_t>(c)));
  struct Node {
    std::vector<std::pair<uint8_t, int32_t>> children;
    int32_t end = -1;
  };
  std::vector<Node> tree(1);
  for (size_t p = 0; p < phrases_.size(); ++p) {
    int32_t node = 0;
    for (const char c : phrases_[p]) {
      const auto byte = static_cast<uint8_t>(c);
      auto& children = tree[static_cast<size_t>(node)].children;
      const auto at = std::lower_bound(children.begin(), children.end(), std::make_pair(byte, int32_t{0}));
      if (at != children.end() && at->first == byte) {
        node = at->second;
      } else {
        const auto made = static_cast<int32_t>(tree.size());
        children.insert(at, {byte, made});
        tree.emplace_back();
        node = made;
      }
    }
    if (node != 0 && tree[static_cast<size_t>(node)].end < 0) tree[static_cast<size_t>(node)].end = static_cast<int32_t>(p);
  }
  for (const Node& node : tree) {
    begins_.push_back(static_cast<int32_t>(bytes_.size()));
    ends_.push_back(node.end);
    for (const auto& [byte, child] : node.children) bytes_.push_back(byte), nodes_.push_back(child);
  }
  begins_.push_back(static_cast<int32_t>(bytes_.size()));
  std::fill(roots_, roots_ + 256, 0);
  for (const auto& [byte, child] : tree[0].children) roots_[byte] = child;
  fails_.assign(tree.size(), 0);
  outputs_.assign(tree.size(), 0);
  std::vector<int32_t> queue;
  for (const auto& [byte, child] : tree[0].children) queue.push_back(child);
  for (size_t at = 0; at < queue.size(); ++at) {
    const int32_t node = queue[at];
    for (const auto& [byte, child] : tree[static_cast<size_t>(node)].children) {
      int32_t behind = fails_[static_cast<size_t>(node)], found = next(behind, byte);
      while (behind != 0 && found < 0) behind = fails_[static_cast<size_t>(behind)], found = next(behind, byte);
      fails_[static_cast<size_t>(child)] = std::max(found, 0);
      queue.push_back(child);
    }
    const auto behind = static_cast<size_t>(fails_[static_cast<size_t>(node)]);
    outputs_[static_cast<size_t>(node)] = ends_[behind] >= 0 ? static_cast<int32_t>(behind) : outputs_[behind];
  }
}

int32_t Phrases::next(int32_t node, uint8_t byte) const {
  if (node == 0) return roots_[byte] != 0 ? roots_[byte] : -1;
  const auto first = bytes_.begin() + begins_[static_cast<size_t>(node)];
  const auto last = bytes_.begin() + begins_[static_cast<size_t>(node) + 1];
  const auto at = std::lower_bound(first, last, byte);
  return at != last && *at == byte ? nodes_[static_cast<size_t>(at - bytes_.begin())] : -1;
}

bool Phrases::free(const uint8_t* text, int64_t size, int64_t end, int32_t phrase) const {
  const std::string& given = phrases_[static_cast<size_t>(phrase)];
  const auto* bytes = reinterpret_cast<const uint8_t*>(given.data());
  const auto length = static_cast<int64_t>(given.size());
  if (word_after(bytes, length, 0) && word_before(text, end - length)) return false;
  return !(word_before(bytes, length) && word_after(text, size, end));
}

Phrases::Found Phrases::in(const uint8_t* text, int64_t size, std::vector<int64_t>& met, int64_t number) const {
  Found found;
  int32_t node = 0;
  for (int64_t i = 0; i < size; ++i) {
    const uint8_t byte = lower(text[i]);
    int32_t then = next(node, byte);
    while (then < 0 && node != 0) node = fails_[static_cast<size_t>(node)], then = next(node, byte);
    node = std::max(then, 0);
    for (int32_t end = node; end != 0; end = outputs_[static_cast<size_t>(end)]) {
      const int32_t phrase = ends_[static_cast<size_t>(end)];
      if (phrase < 0 || !free(text, size, i + 1, phrase)) continue;
      ++found.times;
      if (found.first < 0) found.first = phrase;
      int64_t& last = met[static_cast<size_t>(phrase)];
      found.distinct += last != number;
      last = number;
    }
  }
  return found;
}

}  // namespace ftcore
