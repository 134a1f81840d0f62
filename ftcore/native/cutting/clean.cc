#include "cutting/clean.h"

#include <algorithm>
#include <cstring>

#include "cutting/letters.h"

namespace ftcore {

namespace {

// Characters that are their own NFC whatever stands beside them: Quick_Check says yes and nothing combines with them
// but what is none of them. Source: Unicode's DerivedNormalizationProps.txt; the tests ask `unicodedata` of each.
constexpr uint32_t SURE[][2] = {
    {0x0, 0x2FF},       {0x370, 0x373},     {0x376, 0x377},   {0x37A, 0x37D},   {0x388, 0x38A},   {0x38E, 0x3A1},
    {0x3A3, 0x3FF},     {0x400, 0x482},     {0x48A, 0x52F},   {0x2010, 0x2027}, {0x2030, 0x205E}, {0x2070, 0x2071},
    {0x2074, 0x208E},   {0x20A0, 0x20BF},   {0x2100, 0x2125}, {0x212C, 0x218B}, {0x2190, 0x2328}, {0x2500, 0x2ADB},
    {0x3000, 0x3029},   {0x3030, 0x303F},   {0x3041, 0x3096}, {0x309B, 0x30FF}, {0x3105, 0x312F}, {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},   {0xAC00, 0xD7A3},   {0xE000, 0xF8FF}, {0xFF00, 0xFFEF}, {0x1F300, 0x1F5FF},
    {0x1F600, 0x1F64F}, {0x20000, 0x2A6DF},
};

struct Sure {
  uint64_t of[1024] = {};  // a bit for each character below U+10000
  constexpr Sure() {
    for (const auto& range : SURE)
      for (uint32_t c = range[0]; c <= range[1] && c < 0x10000; ++c) of[c >> 6] |= uint64_t{1} << (c & 63);
  }
};
constexpr Sure SURELY;

bool surely_composed(uint32_t c) {
  if (c < 0x10000) return (SURELY.of[c >> 6] >> (c & 63) & 1) != 0;
  return (c >= 0x1F300 && c <= 0x1F5FF) || (c >= 0x1F600 && c <= 0x1F64F) || (c >= 0x20000 && c <= 0x2A6DF);
}

bool is_han(uint32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x3FFFF);
}

constexpr uint64_t ONES = 0x0101010101010101u, HIGH = 0x8080808080808080u;

// Whether one of eight bytes, none from 0x80 up, is this one.
inline bool holds(uint64_t eight, uint8_t byte) {
  const uint64_t other = eight ^ (ONES * byte);
  return ((other - ONES) & ~other & HIGH) != 0;
}

// The high bit of each of eight bytes, none from 0x80 up, that is this one.
inline uint64_t equal(uint64_t eight, uint8_t byte) {
  return ~((eight ^ ONES * byte) + (HIGH - ONES)) & HIGH;
}

inline bool letter(uint8_t byte) { return static_cast<uint8_t>((byte | 32) - 'a') < 26; }

// Bytes that begin what `clean` may change.
struct Begins {
  bool of[256] = {};
  constexpr Begins() {
    for (int c = 0; c <= 0x20; ++c) of[c] = true;
    for (const int c : {0x7F, 0xC2, 0xE1, 0xE2, 0xE3, 0xEF, 0xF3}) of[c] = true;
  }
};
constexpr Begins CHANGES;

enum class Change { NONE, SPACE, GONE, NARROW };

// What becomes of the character at text[0], of more than one byte, and how many it has.
Change change(const uint8_t* text, int64_t left, bool width, int64_t& size) {
  const auto byte = [&](int64_t i) -> uint32_t { return i < left ? text[i] : 0; };
  const uint32_t a = byte(0), b = byte(1), c = byte(2);
  size = a < 0xE0 ? 2 : a < 0xF0 ? 3 : 4;
  if (size > left) size = left;
  switch (a) {
    case 0xC2: return b <= 0xA0 ? Change::SPACE : b == 0xAD ? Change::GONE : Change::NONE;
    case 0xE1: return b == 0x9A && c == 0x80 ? Change::SPACE : Change::NONE;
    case 0xE2:
      if (b == 0x80) {
        if (c <= 0x8A || c == 0xA8 || c == 0xA9 || c == 0xAF) return Change::SPACE;
        return c == 0x8B ? Change::GONE : Change::NONE;
      }
      if (b == 0x81) return c == 0x9F ? Change::SPACE : c == 0xA0 ? Change::GONE : Change::NONE;
      return Change::NONE;
    case 0xE3: return b == 0x80 && c == 0x80 ? Change::SPACE : Change::NONE;
    case 0xEF:
      if (b == 0xBB && c == 0xBF) return Change::GONE;
      if (!width) return Change::NONE;
      if (b == 0xBC) return (c >= 0x90 && c <= 0x99) || (c >= 0xA1 && c <= 0xBA) ? Change::NARROW : Change::NONE;
      return b == 0xBD && c >= 0x81 && c <= 0x9A ? Change::NARROW : Change::NONE;
    default:  // U+E0100 to U+E01EF
      return b == 0xA0 && ((c >= 0x84 && c <= 0x86) || (c == 0x87 && byte(3) <= 0xAF)) ? Change::GONE : Change::NONE;
  }
}

}  // namespace

uint8_t kinds_of(const uint8_t* text, int64_t size) {
  uint32_t kinds = 0;
  bool borders = false;  // \x01 or \x02, which the steps for tags use themselves
  for (int64_t i = 0; i < size;) {
    if (i + 8 <= size) {
      uint64_t eight;
      std::memcpy(&eight, text + i, 8);
      if ((eight & HIGH) == 0 && !(holds(eight, '<') | holds(eight, '&') | holds(eight, 1) | holds(eight, 2))) {
        i += 8;
        continue;
      }
    }
    const uint8_t a = text[i];
    if (a < 0x80) {
      const uint8_t b = i + 1 < size ? text[i + 1] : 0;
      if (a == '<' && (letter(b) || b == '!' || b == '?' || b == '/')) kinds |= TAG;
      if (a == '&' && (letter(b) || b == '#')) kinds |= REFERENCE;
      borders |= a == 1 || a == 2;
      ++i;
    } else if (a >= 0xE5 && a <= 0xE9) {  // U+5000 to U+9FFF
      kinds |= CHINESE;
      i += 3;
    } else {
      const uint32_t code = decode(text, size, i);
      if (code == UINT32_MAX) {
        ++i;
        continue;
      }
      if (!surely_composed(code)) kinds |= COMPOSED;
      if (is_han(code)) kinds |= CHINESE;
    }
  }
  if (borders && (kinds & REFERENCE)) kinds |= TAG;
  return static_cast<uint8_t>(kinds);
}

void clean(const uint8_t* text, int64_t size, bool width, bool squeeze, Buffer<uint8_t>& out) {
  out.reserve(size);
  uint8_t *const first = out.data() + out.size(), *to = first;
  bool spaced = squeeze;  // another space would go
  for (int64_t i = 0; i < size;) {
    int64_t end = i;
    // a plain space between other characters stays; eight at once where all stay
    for (uint64_t eight; end + 8 <= size; end += 8) {
      std::memcpy(&eight, text + end, 8);
      const uint64_t low = eight & ~HIGH, spaces = equal(low, ' ');
      const bool before = end > i ? text[end - 1] == ' ' : true;
      if ((eight & HIGH) != 0 || ((eight - ONES * ' ') & ~eight & HIGH) != 0 || equal(low, 0x7F) != 0 ||
          (spaces & (spaces << 8 | (before ? 0x80 : 0))) != 0)
        break;
    }
    while (end < size && (!CHANGES.of[text[end]] || (text[end] == ' ' && end > i && text[end - 1] != ' '))) ++end;
    if (end > i) {
      std::memcpy(to, text + i, static_cast<size_t>(end - i));
      to += end - i;
      spaced = text[end - 1] == ' ';
      i = end;
      if (i == size) break;
    }
    const uint8_t a = text[i];
    int64_t wide = 1;
    const Change what = a >= 0x80 ? change(text + i, size - i, width, wide) : Change::SPACE;
    if (what == Change::SPACE) {
      if (!spaced || (!squeeze && a != ' ')) *to++ = ' ';
      spaced = squeeze || a == ' ';  // without `squeeze` each other one is a space of its own
    } else if (what == Change::NARROW) {
      // U+FF10 to U+FF19, U+FF21 to U+FF3A, U+FF41 to U+FF5A
      *to++ = static_cast<uint8_t>(text[i + 1] == 0xBC ? text[i + 2] - 0x60 : text[i + 2] - 0x20);
      spaced = false;
    } else if (what == Change::NONE) {
      for (int64_t k = 0; k < wide; ++k) *to++ = text[i + k];
      spaced = false;
    }
    i += wide;
  }
  if (squeeze && to > first && to[-1] == ' ') --to;
  out.extend(to - first);
}

void count_scripts(const uint8_t* text, int64_t size, int64_t& han, int64_t& latin) {
  han = latin = 0;
  const auto accented = [](uint8_t a) { return static_cast<uint8_t>(a - 0xC3) <= 0xC9 - 0xC3; };
  const auto one = [&](uint8_t before2, uint8_t before, uint8_t a, uint8_t b, uint8_t& hans, uint8_t& words) {
    hans = static_cast<uint8_t>(
        hans + ((static_cast<uint8_t>(a - 0xE5) <= 4) | ((a == 0xE4) & (b != 0xB7)) | ((a == 0xE3) & (b >= 0x90)) |
                ((a == 0xEF) & (static_cast<uint8_t>(b - 0xA4) <= 7)) | ((a == 0xF0) & (b >= 0xA0))));
    const bool now = letter(a) | accented(a) | accented(before);
    const bool last = letter(before) | accented(before) | accented(before2);
    words = static_cast<uint8_t>(words + (now & !last));
  };
  int64_t i = 0;
  const auto plain = [&](int64_t to) {
    for (; i < to; ++i) {
      uint8_t hans = 0, words = 0;
      one(i > 1 ? text[i - 2] : 0, i > 0 ? text[i - 1] : 0, text[i], i + 1 < size ? text[i + 1] : 0, hans, words);
      han += hans;
      latin += words;
    }
  };
  plain(std::min<int64_t>(2, size));
  constexpr int64_t MANY = 240;  // what a byte counts to
  for (; i + MANY < size; i += MANY) {
    uint8_t hans = 0, words = 0;
    const uint8_t* const at = text + i;
    for (int64_t k = 0; k < MANY; ++k) one(at[k - 2], at[k - 1], at[k], at[k + 1], hans, words);
    han += hans;
    latin += words;
  }
  plain(size);
}

int64_t count_byte(const uint8_t* text, int64_t size, uint8_t byte) {
  int64_t count = 0;
  for (int64_t i = 0; i < size;) {
    uint8_t some = 0;
    for (const int64_t stop = std::min<int64_t>(size, i + 240); i < stop; ++i)
      some = static_cast<uint8_t>(some + (text[i] == byte));
    count += some;
  }
  return count;
}

}  // namespace ftcore
