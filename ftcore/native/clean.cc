#include "clean.h"

#include <cstring>

#include "letters.h"

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
  for (int64_t i = 0; i < size;) {
    const uint8_t a = text[i];
    if (a < 0x80) {
      if (a == '<' || a == '&') {
        const uint8_t b = i + 1 < size ? text[i + 1] : 0;
        if (letter(b) || (a == '<' ? b == '!' || b == '?' || b == '/' : b == '#')) kinds |= MARKUP;
      }
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
  return static_cast<uint8_t>(kinds);
}

void clean(const uint8_t* text, int64_t size, bool width, bool squeeze, Buffer<uint8_t>& out) {
  out.reserve(size);
  uint8_t *const first = out.data() + out.size(), *to = first;
  bool spaced = squeeze;  // another space would go
  for (int64_t i = 0; i < size;) {
    int64_t end = i;
    while (end < size && !CHANGES.of[text[end]]) ++end;
    if (end > i) {
      std::memcpy(to, text + i, static_cast<size_t>(end - i));
      to += end - i;
      spaced = false;
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
  bool before = false, accent = false;  // the byte before is a letter's; it begins an accented one
  for (int64_t i = 0; i < size; ++i) {
    const uint8_t a = text[i];
    const uint8_t b = i + 1 < size ? text[i + 1] : 0;
    if (a >= 0xE3) {
      han += (a >= 0xE5 && a <= 0xE9) || (a == 0xE4 && b != 0xB7) || (a == 0xE3 && b >= 0x90) ||
             (a == 0xEF && b >= 0xA4 && b <= 0xAB) || (a == 0xF0 && b >= 0xA0);
    }
    const bool accented = a >= 0xC3 && a <= 0xC9, now = letter(a) || accented || accent;
    latin += now && !before;
    before = now;
    accent = accented;
  }
}

}  // namespace ftcore
