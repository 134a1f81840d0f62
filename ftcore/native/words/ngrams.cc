#include "words/ngrams.h"

#include <algorithm>
#include <cstring>

namespace ftcore {

namespace {

inline bool continues(uint8_t byte) { return (byte & 0xC0) == 0x80; }

}  // namespace

int64_t CharNgrams::count(const uint8_t* word, int64_t size) const {
  int64_t characters = 2;  // "<" (with what a word begins with in the middle of a character) and ">"
  for (int64_t i = 0; i < size; ++i) characters += !continues(word[i]);
  // of n characters there are characters - n + 1
  int64_t low = std::max<int64_t>(minn, 1), high = std::min(maxn, characters);
  if (low > high) return 0;
  int64_t found = (high - low + 1) * (2 * characters - low - high + 2) / 2;
  return low == 1 ? found - 2 : found;
}

void CharNgrams::add(const uint8_t* word, int64_t size, Buffer<int32_t>& out) const {
  const int64_t more = count(word, size);
  out.reserve(more);
  if (more > 0) write(word, size, out.extend(more));
}

int32_t* CharNgrams::write(const uint8_t* word, int64_t size, int32_t* to) const {
  if (maxn <= 0) return to;
  // byte(i): that of `<word>`, whose first mark is at -1
  auto run = [&](auto byte) {
    for (int64_t start = -1; start <= size; ++start) {
      if (continues(byte(start))) continue;
      uint32_t h = 2166136261u;
      int64_t j = start;
      for (int64_t n = 1; j <= size && n <= maxn; ++n) {
        h = mix(h, byte(j++));
        while (j < size && continues(byte(j))) h = mix(h, byte(j++));
        if (n >= minn && !(n == 1 && (start < 0 || j > size)))
          *to++ = static_cast<int32_t>(base + static_cast<int64_t>(bucket(h)));
      }
    }
    return to;
  };
  uint8_t marked[256];
  if (size <= 254) {
    marked[0] = '<';
    std::memcpy(marked + 1, word, static_cast<size_t>(size));
    marked[size + 1] = '>';
    return run([&](int64_t i) { return marked[i + 1]; });
  }
  return run([&](int64_t i) -> uint8_t { return i < 0 ? '<' : i >= size ? '>' : word[i]; });
}

void add_word_ngrams(const int32_t* hashes, int64_t size, int64_t n, int64_t base, const Remainder& bucket,
                     Buffer<int32_t>& out) {
  const int64_t reach = std::min(n, size);
  if (reach < 2) return;
  // as many as words stand behind each, n - 1 at most
  out.reserve((size - reach) * (reach - 1) + reach * (reach - 1) / 2);
  int32_t* to = out.data() + out.size();
  for (int64_t i = 0; i < size; ++i) {
    // 32 bits, widened with their sign
    uint64_t h = static_cast<uint64_t>(static_cast<int64_t>(hashes[i]));
    const int64_t last = std::min(i + reach, size);
    for (int64_t j = i + 1; j < last; ++j) {
      h = h * 116049371u + static_cast<uint64_t>(static_cast<int64_t>(hashes[j]));
      *to++ = static_cast<int32_t>(base + static_cast<int64_t>(bucket(h)));
    }
  }
  out.resize(to - out.data());
}

}  // namespace ftcore
