// What Python says of each character: its class, its lower case. Asked a page of 256 at a time, when the first
// character of it is met, so that the answers are those of the Python that runs, whatever Unicode it knows.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace ftcore {

struct Letter {
  // bits 0 to 4: its kind, by which a token's rules know punctuation (ftcore/text/letters.py)
  enum : uint32_t {
    KIND = 31,
    WORD = 1 << 5,       // str.isalnum: \w but for _
    SPACE = 1 << 6,      // str.isspace
    HAN = 1 << 7,        // language.HAN
    OTHER = 1 << 8,      // protect.OTHER: of other scripts
    RARE = 1 << 9,       // protect.RARE: text with one of them is looked at more closely
    EMOJI = 1 << 10,     // one emoji by itself
    PICTURE = 1 << 11,   // begins an emoji (emoji.PICTURE)
    MARK = 1 << 12,      // combines with the letter before it
    SPOKEN = 1 << 13,    // of category L or N
    CASED = 1 << 14,     // as the rule for a final sigma knows them
    IGNORABLE = 1 << 15,
  };
  uint32_t flags, lower;
};

class Letters {
 public:
  static constexpr uint32_t PAGES = 0x1100;
  struct Page {
    Letter of[256];
  };
  // `source` fills the page of this number; any thread may call it, and it may throw.
  explicit Letters(std::function<void(uint32_t, Page&)> source) : source_(std::move(source)) {}
  Letters(const Letters&) = delete;
  ~Letters() {
    for (auto& page : pages_) delete page.load(std::memory_order_relaxed);
  }

  // `code` must be one of Unicode's.
  const Letter& operator[](uint32_t code) const {
    const Page* page = pages_[code >> 8].load(std::memory_order_acquire);
    return (page != nullptr ? *page : ask(code >> 8)).of[code & 255];
  }
  bool is(uint32_t code, uint32_t flags) const { return ((*this)[code].flags & flags) != 0; }

 private:
  const Page& ask(uint32_t number) const;

  std::function<void(uint32_t, Page&)> source_;
  mutable std::atomic<const Page*> pages_[PAGES] = {};
};

// The character at text[i], one byte at least; i moves behind it. UINT32_MAX where it is not UTF-8.
inline uint32_t decode(const uint8_t* text, int64_t size, int64_t& i) {
  const uint32_t a = text[i];
  if (a < 0x80) {
    ++i;
    return a;
  }
  const int64_t left = size - i;
  auto tail = [&](int64_t j) -> uint32_t { return text[i + j] ^ 0x80u; };  // 6 bits, or more than 63
  uint32_t code = UINT32_MAX;
  if (a < 0xE0) {
    if (a >= 0xC2 && left >= 2 && tail(1) < 64) code = (a & 31) << 6 | tail(1), i += 2;
  } else if (a < 0xF0) {
    if (left >= 3 && (tail(1) | tail(2)) < 64) {
      code = (a & 15) << 12 | tail(1) << 6 | tail(2);
      if (code < 0x800 || code - 0xD800 < 0x800) return UINT32_MAX;
      i += 3;
    }
  } else if (a < 0xF5 && left >= 4 && (tail(1) | tail(2) | tail(3)) < 64) {
    code = (a & 7) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
    if (code < 0x10000 || code > 0x10FFFF) return UINT32_MAX;
    i += 4;
  }
  return code;
}

// A character as UTF-8: four bytes of room, as many taken as are returned.
inline int64_t encode(uint32_t code, uint8_t* to) {
  if (code < 0x80) return to[0] = static_cast<uint8_t>(code), 1;
  auto tail = [&](int shift) { return static_cast<uint8_t>(0x80 | (code >> shift & 63)); };
  if (code < 0x800) return to[0] = static_cast<uint8_t>(0xC0 | code >> 6), to[1] = tail(0), 2;
  if (code < 0x10000) return to[0] = static_cast<uint8_t>(0xE0 | code >> 12), to[1] = tail(6), to[2] = tail(0), 3;
  return to[0] = static_cast<uint8_t>(0xF0 | code >> 18), to[1] = tail(12), to[2] = tail(6), to[3] = tail(0), 4;
}

}  // namespace ftcore
