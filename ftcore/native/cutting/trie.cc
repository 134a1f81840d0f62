#include "cutting/trie.h"

#include <algorithm>
#include <numeric>

namespace ftcore {

namespace {

// 64 bits from bit `at` on; those behind the end are ones.
uint64_t bits(const std::vector<uint64_t>& words, size_t at) {
  const size_t i = at / 64, shift = at % 64;
  const uint64_t low = i < words.size() ? words[i] : ~uint64_t{0};
  if (shift == 0) return low;
  const uint64_t high = i + 1 < words.size() ? words[i + 1] : ~uint64_t{0};
  return low >> shift | high << (64 - shift);
}

void clear(std::vector<uint64_t>& words, size_t at) { words[at / 64] &= ~(uint64_t{1} << at % 64); }
void raise(std::vector<uint64_t>& words, size_t at) { words[at / 64] |= uint64_t{1} << at % 64; }

// The words as a tree whose nodes come in no order: who each one's parent is.
struct Tree {
  std::vector<uint32_t> parents{0};
  std::vector<uint16_t> letters{0};
  std::vector<int64_t> words{-1};  // -1: none
  std::vector<bool> entries{false};

  Tree(const uint16_t* text, const int64_t* offsets, int64_t count, bool prefixes) {
    const auto most = static_cast<size_t>(offsets[count] - offsets[0]);  // words share beginnings: half as many nodes
    size_t room = 1 << 12;
    while (room < most + most / 8) room *= 2;
    std::vector<uint32_t> table(room, 0);
    std::vector<uint32_t> path{0};  // nodes of the word before: dictionaries are more or less sorted
    const uint16_t* before = nullptr;
    int64_t shared_most = 0;
    for (int64_t w = 0; w < count; ++w) {
      const uint16_t* word = text + offsets[w];
      const int64_t size = offsets[w + 1] - offsets[w];
      int64_t i = 0;
      while (i < size && i < shared_most && word[i] == before[i]) ++i;
      path.resize(static_cast<size_t>(i) + 1);
      for (; i < size; ++i) {
        const uint32_t node = step(path.back(), word[i], table);
        if (prefixes) entries[node] = true;
        path.push_back(node);
      }
      before = word;
      shared_most = size;
      if (size == 0) continue;
      words[path.back()] = w;
      entries[path.back()] = true;
    }
  }

 private:
  uint32_t step(uint32_t parent, uint16_t letter, std::vector<uint32_t>& table) {
    const size_t mask = table.size() - 1;
    uint64_t h = (static_cast<uint64_t>(parent) << 16 | letter) * 0x9E3779B97F4A7C15ull;
    for (size_t i = (h >> 32) & mask;; i = (i + 1) & mask) {
      const uint32_t node = table[i];
      if (node == 0) {
        table[i] = static_cast<uint32_t>(parents.size());
        parents.push_back(parent);
        letters.push_back(letter);
        words.push_back(-1);
        entries.push_back(false);
        return table[i];
      }
      if (parents[node] == parent && letters[node] == letter) return node;
    }
  }
};

}  // namespace

void Trie::grow(size_t slots) {
  if (slots <= own_.size()) return;
  own_.resize(slots, Node{0, FREE, 0, NONE});
  own_counts_.resize(slots, 0);
  free_.resize(slots / 64 + 1, ~uint64_t{0});
  unused_bases_.resize(slots / 64 + 1, ~uint64_t{0});
  nodes_ = own_.data();
  counts_ = own_counts_.data();
  slots_ = own_.size();
}

// The root's base is 0, which never moves: its slots take no other node's children.
void Trie::reserve_root() {
  clear(unused_bases_, 0);
  for (size_t i = 0; i <= static_cast<size_t>(alphabet_); ++i) clear(free_, i);
}

void Trie::take(size_t slot, uint16_t letter) {
  own_[slot] = Node{0, letter, 0, NONE};
  own_counts_[slot] = 0;
  clear(free_, slot);
}

// A base of which the slots of all letters are free, from about bit `hint` on, 64 at once.
uint32_t Trie::place(const uint16_t* letters, size_t n, size_t& hint) {
  for (size_t at = hint & ~size_t{63};; at += 64) {
    uint64_t fits = bits(unused_bases_, at);
    for (size_t i = 0; i < n && fits != 0; ++i) fits &= bits(free_, at + letters[i]);
    if (fits == 0) continue;
    const size_t base = at + static_cast<size_t>(__builtin_ctzll(fits));
    hint = at;
    // any letter may be asked of any node: none leads out of the array
    const size_t needed = base + static_cast<size_t>(alphabet_) + 1;
    if (needed > own_.size()) grow(std::max(needed, own_.size() + own_.size() / 8));
    clear(unused_bases_, base);
    return static_cast<uint32_t>(base);
  }
}

void Trie::build(const uint16_t* text, const int64_t* offsets, int64_t words, const double* counts, const double* weights,
                 bool prefixes, int alphabet) {
  const Tree tree(text, offsets, words, prefixes);
  const size_t nodes = tree.parents.size();
  alphabet_ = alphabet;
  own_.clear(), own_counts_.clear(), free_.clear(), unused_bases_.clear();
  hint_ = 0;
  grow(static_cast<size_t>(alphabet) + 1);
  reserve_root();

  // children of each node, one behind the other
  std::vector<uint32_t> starts(nodes + 1, 0), children(nodes);
  for (size_t i = 1; i < nodes; ++i) ++starts[tree.parents[i] + 1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  {
    std::vector<uint32_t> next(starts.begin(), starts.end() - 1);
    for (size_t i = 1; i < nodes; ++i) children[next[tree.parents[i]]++] = static_cast<uint32_t>(i);
  }
  // large families first, while there is room for them; the root's is at home
  std::vector<uint32_t> order;
  for (uint32_t i = 1; i < nodes; ++i)
    if (starts[i + 1] > starts[i]) order.push_back(i);
  const auto family = [&](uint32_t i) { return starts[i + 1] - starts[i]; };
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return family(a) > family(b); });
  order.insert(order.begin(), 0);

  std::vector<uint32_t> slots(nodes, 0), bases(nodes, 0);
  std::vector<uint16_t> letters;
  size_t hint = 0, size = 0;
  for (const uint32_t parent : order) {
    const uint32_t begin = starts[parent], end = starts[parent + 1];
    letters.clear();
    for (uint32_t i = begin; i < end; ++i) letters.push_back(tree.letters[children[i]]);
    if (letters.size() != size) hint = 0;
    size = letters.size();
    if (parent != 0) bases[parent] = place(letters.data(), letters.size(), hint);
    for (uint32_t i = begin; i < end; ++i) {
      slots[children[i]] = bases[parent] + tree.letters[children[i]];
      take(slots[children[i]], tree.letters[children[i]]);
    }
  }
  for (size_t i = 1; i < nodes; ++i) {
    Node& node = own_[slots[i]];
    node.base = bases[i];
    if (!tree.entries[i]) node.letter |= ABSENT;
    const int64_t word = tree.words[i];
    if (word < 0) continue;
    own_counts_[slots[i]] = counts[word];
    if (counts[word] != 0) node.weight = weights[word];
  }
}

bool Trie::borrow(const Node* nodes, const double* counts, size_t slots, int alphabet) {
  const size_t letters = static_cast<size_t>(alphabet);
  bool fits = slots > letters && nodes[0].base == 0;
  for (size_t i = 1; fits && i <= letters; ++i)
    fits = nodes[i].letter == FREE || (nodes[i].letter & ~ABSENT) == static_cast<int>(i);
  for (size_t i = 0; fits && i < slots; ++i)
    fits = nodes[i].letter == FREE || nodes[i].base == 0 || (nodes[i].base + letters < slots && nodes[i].base > 0);
  if (!fits) return false;
  own_.clear(), own_counts_.clear();
  nodes_ = nodes, counts_ = counts, slots_ = slots, alphabet_ = alphabet;
  return true;
}

void Trie::own() {
  if (!own_.empty()) return;
  const size_t slots = slots_;
  const Node* nodes = nodes_;
  const double* counts = counts_;
  free_.clear(), unused_bases_.clear();
  hint_ = 0;
  grow(slots);
  std::copy(nodes, nodes + slots, own_.begin());
  std::copy(counts, counts + slots, own_counts_.begin());
  reserve_root();
  for (size_t i = 1; i < slots; ++i) {
    if (own_[i].letter == FREE) continue;
    clear(free_, i);
    clear(unused_bases_, own_[i].base);
  }
}

// The child that a letter leads to, made where there is none: then no entry.
size_t Trie::child(size_t parent, uint16_t letter) {
  const uint32_t base = own_[parent].base;
  if (parent == 0 || base != 0) {
    const size_t slot = base + letter;
    if ((own_[slot].letter & ~ABSENT) == letter && own_[slot].letter != FREE) return slot;
    if (parent == 0 || (free_[slot / 64] >> slot % 64 & 1)) {  // the root's slots are kept for it
      take(slot, letter | ABSENT);
      return slot;
    }
    // a stranger's: the family moves
    std::vector<uint16_t> letters;
    for (int c = 1; c <= alphabet_; ++c) {
      const uint16_t found = own_[base + static_cast<size_t>(c)].letter;
      if (found != FREE && (found & ~ABSENT) == c) letters.push_back(static_cast<uint16_t>(c));
    }
    letters.push_back(letter);
    const uint32_t to = place(letters.data(), letters.size(), hint_);
    letters.pop_back();
    for (const uint16_t c : letters) {
      take(to + c, c);
      own_[to + c] = own_[base + c];
      own_counts_[to + c] = own_counts_[base + c];
      own_[base + c] = Node{0, FREE, 0, NONE};
      raise(free_, base + c);
    }
    raise(unused_bases_, base);
    own_[parent].base = to;
    take(to + letter, letter | ABSENT);
    return to + letter;
  }
  const uint32_t made = place(&letter, 1, hint_);
  own_[parent].base = made;
  take(made + letter, letter | ABSENT);
  return made + letter;
}

size_t Trie::walk(const uint16_t* word, size_t size, bool entries) {
  own();
  size_t slot = 0;
  for (size_t i = 0; i < size; ++i) {
    slot = child(slot, word[i]);
    if (entries) own_[slot].letter &= static_cast<uint16_t>(~ABSENT);
  }
  return slot;
}

void Trie::enter(const uint16_t* word, size_t size) { walk(word, size, true); }

void Trie::set(const uint16_t* word, size_t size, double count, double weight) {
  const size_t slot = walk(word, size, false);
  if (slot == 0) return;
  own_[slot].letter &= static_cast<uint16_t>(~ABSENT);
  own_[slot].weight = count != 0 ? weight : NONE;
  own_counts_[slot] = count;
}

void Trie::erase(const uint16_t* word, size_t size) {
  own();
  const size_t slot = find(word, size);
  if (slot == 0) return;
  own_[slot].letter |= ABSENT;
  own_[slot].weight = NONE;
  own_counts_[slot] = 0;
}

}  // namespace ftcore
