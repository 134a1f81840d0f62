// Characters of UTF-8 one by one, and what jieba's patterns ask of those that are ASCII.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ftcore {

constexpr uint8_t ALPHANUMERIC = 1, DIGIT = 2, DOT = 4, PERCENT = 8;  // of letters that are ASCII

inline bool more(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The character at `at`, of more than one byte, and how many it has; 0 where there is none.
inline uint32_t decode(const uint8_t* at, size_t left, uint32_t& size) {
  const uint8_t a = at[0];
  size = 0;
  if (a >= 0xC2 && a < 0xE0 && left >= 2 && more(at[1])) {
    size = 2;
    return (a & 0x1Fu) << 6 | (at[1] & 0x3Fu);
  }
  if ((a & 0xF0) == 0xE0 && left >= 3 && more(at[1]) && more(at[2])) {
    const uint32_t c = (a & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
    size = c >= 0x800 && (c < 0xD800 || c > 0xDFFF) ? 3 : 0;
    return c;
  }
  if ((a & 0xF8) == 0xF0 && left >= 4 && more(at[1]) && more(at[2]) && more(at[3])) {
    const uint32_t c = (a & 0x07u) << 18 | (at[1] & 0x3Fu) << 12 | (at[2] & 0x3Fu) << 6 | (at[3] & 0x3Fu);
    size = c >= 0x10000 && c <= 0x10FFFF ? 4 : 0;
    return c;
  }
  return 0;
}

inline bool alphanumeric(uint8_t c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace ftcore
