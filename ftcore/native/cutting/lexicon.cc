#include "cutting/lexicon.h"

#include <algorithm>
#include <cstring>

#include "cutting/characters.h"

namespace ftcore {

Lexicon::Lexicon(const char* words, const int64_t* offsets, int64_t size, const double* counts, const double* weights,
                 bool prefixes, const Model& model, const int32_t* characters, const double* emissions, int64_t emitted)
    : model_(model), han_(HAN, 0) {
  // letters: what words are made of most gets the lowest numbers
  std::vector<uint32_t> seen(0x10000, 0), chars;
  const auto* bytes = reinterpret_cast<const uint8_t*>(words);
  for (int64_t i = offsets[0]; i < offsets[size]; ++i) {
    if (bytes[i] < 0x80) ++seen[bytes[i]];
    else if ((bytes[i] & 0xF0) == 0xE0 && i + 2 < offsets[size])
      ++seen[(bytes[i] & 0x0Fu) << 12 | (bytes[i + 1] & 0x3Fu) << 6 | (bytes[i + 2] & 0x3Fu)];
  }
  for (uint32_t c = 0; c < HAN; ++c) chars.push_back(HAN_FIRST + c);
  for (uint32_t c = 1; c < 0x80; ++c)
    if (alphanumeric(static_cast<uint8_t>(c)) || std::string_view("+#&._%-").find(static_cast<char>(c)) != std::string_view::npos)
      chars.push_back(c);
  std::stable_sort(chars.begin(), chars.end(), [&](uint32_t a, uint32_t b) { return seen[a] > seen[b]; });
  for (size_t i = 0; i < chars.size(); ++i) {
    const auto letter = static_cast<uint16_t>(i + 1);
    if (chars[i] < 0x80) ascii_[chars[i]] = letter;
    else han_[chars[i] - HAN_FIRST] = letter;
  }
  note_latin();

  std::vector<uint16_t> letters, word;
  std::vector<int64_t> cuts{0};
  std::vector<double> kept_counts, kept_weights;
  letters.reserve(static_cast<size_t>(offsets[size] - offsets[0]) / 2);
  std::vector<int64_t> apart;
  for (int64_t w = 0; w < size; ++w) {
    if (!spell({words + offsets[w], static_cast<size_t>(offsets[w + 1] - offsets[w])}, word)) {
      apart.push_back(w);
      continue;
    }
    letters.insert(letters.end(), word.begin(), word.end());
    cuts.push_back(static_cast<int64_t>(letters.size()));
    kept_counts.push_back(counts[w]);
    kept_weights.push_back(weights[w]);
  }
  trie_.build(letters.data(), cuts.data(), static_cast<int64_t>(cuts.size()) - 1, kept_counts.data(), kept_weights.data(),
              prefixes, LETTERS);
  for (const int64_t w : apart)
    set({words + offsets[w], static_cast<size_t>(offsets[w + 1] - offsets[w])}, counts[w], weights[w], prefixes);

  emissions_.assign((LETTERS + 1) * 4, model.missing);
  for (int64_t i = 0; i < emitted; ++i) {
    const auto c = static_cast<uint32_t>(characters[i]);
    if (c - HAN_FIRST < HAN) std::copy_n(emissions + 4 * i, 4, emissions_.data() + 4 * han_[c - HAN_FIRST]);
  }
}

namespace {

constexpr char MAGIC[16] = "ftcore lexicon1";

struct Head {
  char magic[16];
  int64_t slots, others, other_bytes;
  double log_total;
  Lexicon::Model model;
};

template <class T>
void put(Buffer<uint8_t>& out, const T* from, size_t n) {
  const size_t bytes = n * sizeof(T), padded = (bytes + 7) / 8 * 8;
  out.reserve(static_cast<int64_t>(padded));
  uint8_t* const to = out.extend(static_cast<int64_t>(padded));
  std::memset(to, 0, padded);
  if (bytes > 0) std::memcpy(to, from, bytes);
}

// What `put` wrote; null where it does not fit.
template <class T>
const T* get(const uint8_t*& at, size_t& left, int64_t n) {
  if (n < 0 || static_cast<uint64_t>(n) > left / sizeof(T)) return nullptr;
  const size_t padded = (static_cast<size_t>(n) * sizeof(T) + 7) / 8 * 8;
  if (padded > left) return nullptr;
  const T* const found = reinterpret_cast<const T*>(at);
  at += padded;
  left -= padded;
  return found;
}

}  // namespace

void Lexicon::dump(Buffer<uint8_t>& out) const {
  std::vector<double> counts;
  std::vector<int64_t> offsets{0};
  std::string words;
  for (const auto& [word, count] : others_) {
    words += word;
    counts.push_back(count);
    offsets.push_back(static_cast<int64_t>(words.size()));
  }
  Head head{{}, static_cast<int64_t>(trie_.slots()), static_cast<int64_t>(counts.size()),
            static_cast<int64_t>(words.size()), log_total, model_};
  std::memcpy(head.magic, MAGIC, sizeof(MAGIC));
  put(out, &head, 1);
  put(out, trie_.nodes(), trie_.slots());
  put(out, trie_.counts(), trie_.slots());
  put(out, emissions_.data(), emissions_.size());
  put(out, han_.data(), han_.size());
  put(out, ascii_, 128);
  put(out, counts.data(), counts.size());
  put(out, offsets.data(), offsets.size());
  put(out, words.data(), words.size());
}

bool Lexicon::load(const uint8_t* at, size_t left) {
  const Head* const head = get<Head>(at, left, 1);
  if (head == nullptr || std::memcmp(head->magic, MAGIC, sizeof(MAGIC)) != 0 || head->others < 0 || head->slots < 0)
    return false;
  const auto* const nodes = get<Trie::Node>(at, left, head->slots);
  if (nodes == nullptr) return false;
  const auto* const counts = get<double>(at, left, head->slots);
  const auto* const emissions = get<double>(at, left, (LETTERS + 1) * 4);
  const auto* const han = get<uint16_t>(at, left, HAN);
  const auto* const ascii = get<uint16_t>(at, left, 128);
  if (ascii == nullptr || head->others >= static_cast<int64_t>(left)) return false;
  const auto* const other_counts = get<double>(at, left, head->others);
  const auto* const offsets = get<int64_t>(at, left, head->others + 1);
  const auto* const words = get<char>(at, left, head->other_bytes);
  if (counts == nullptr || emissions == nullptr || han == nullptr || other_counts == nullptr || offsets == nullptr ||
      words == nullptr || left != 0)
    return false;
  const auto letter = [](uint16_t c) { return c <= LETTERS; };
  if (!std::all_of(han, han + HAN, letter) || !std::all_of(ascii, ascii + 128, letter)) return false;
  if (!trie_.borrow(nodes, counts, static_cast<size_t>(head->slots), LETTERS)) return false;
  bool fits = offsets[0] == 0 && offsets[head->others] <= head->other_bytes;
  for (int64_t i = 0; fits && i < head->others; ++i) fits = offsets[i] <= offsets[i + 1];
  if (!fits) return false;
  for (int64_t i = 0; i < head->others; ++i)
    others_.emplace(std::string(words + offsets[i], words + offsets[i + 1]), other_counts[i]);
  model_ = head->model;
  log_total = head->log_total;
  han_.assign(han, han + HAN);
  std::copy(ascii, ascii + 128, ascii_);
  emissions_.assign(emissions, emissions + (LETTERS + 1) * 4);
  note_latin();
  return true;
}

void Lexicon::note_latin() {
  latin_.assign(LETTERS + 1, 0);
  for (uint32_t c = 0; c < 0x80; ++c)
    latin_[ascii_[c]] = static_cast<uint8_t>((alphanumeric(static_cast<uint8_t>(c)) ? ALPHANUMERIC : 0) |
                                             (c >= '0' && c <= '9' ? DIGIT : 0) | (c == '.' ? DOT : 0) |
                                             (c == '%' ? PERCENT : 0));
  latin_[0] = 0;
}

// Letters of a word up to the first character that no block holds; whether there is none.
bool Lexicon::spell(std::string_view word, std::vector<uint16_t>& letters) const {
  letters.clear();
  const auto* at = reinterpret_cast<const uint8_t*>(word.data());
  const uint8_t* const stop = at + word.size();
  while (at < stop) {
    uint32_t size = 1;
    const uint32_t c = *at < 0x80 ? *at : decode(at, static_cast<size_t>(stop - at), size);
    const uint16_t letter = c < 0x80 ? ascii_[c] : size > 0 && c - HAN_FIRST < HAN ? han_[c - HAN_FIRST] : 0;
    if (letter == 0) return false;
    letters.push_back(letter);
    at += size;
  }
  return true;
}

double Lexicon::count(std::string_view word) const {
  std::vector<uint16_t> letters;
  if (spell(word, letters)) {
    const size_t slot = trie_.find(letters.data(), letters.size());
    return slot == 0 ? -1 : trie_.counts()[slot];
  }
  const auto found = others_.find(std::string(word));
  return found == others_.end() ? -1 : found->second;
}

void Lexicon::set(std::string_view word, double count, double weight, bool prefixes) {
  std::vector<uint16_t> letters;
  const bool whole = spell(word, letters);
  if (prefixes) trie_.enter(letters.data(), letters.size());
  if (whole) {
    trie_.set(letters.data(), letters.size(), count, weight);
    return;
  }
  if (prefixes)
    for (size_t i = 1; i < word.size(); ++i)
      if (!more(static_cast<uint8_t>(word[i])) && !spell(word.substr(0, i), letters))
        others_.emplace(word.substr(0, i), 0);
  others_[std::string(word)] = count;
}

void Lexicon::erase(std::string_view word) {
  std::vector<uint16_t> letters;
  if (spell(word, letters)) trie_.erase(letters.data(), letters.size());
  else others_.erase(std::string(word));
}

void Lexicon::force_split(std::string_view word) {
  std::vector<uint16_t> letters;
  if (spell(word, letters)) forced_.emplace(letters.begin(), letters.end());
}

bool Lexicon::known(const uint16_t* letters, size_t n) const {
  const size_t slot = trie_.find(letters, n);
  return slot != 0 && trie_.counts()[slot] != 0;
}

bool Lexicon::forced(const uint16_t* letters, uint32_t n) const {
  return forced_.count(std::u16string(letters, letters + n)) != 0;
}

}  // namespace ftcore
