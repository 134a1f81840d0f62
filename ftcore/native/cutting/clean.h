// Text as it is cut, of UTF-8 in columns: what a text holds that needs a closer look, white space and wide forms as
// fastText and jieba want them, and how many Han characters and Latin words there are. See ftcore/text/normalize.py.
#pragma once

#include <cstdint>

#include "ground/buffer.h"

namespace ftcore {

enum TextKind : uint8_t {
  TAG = 1,       // may hold a tag: <[!?/A-Za-z]
  REFERENCE = 8, // may hold a character reference: &[#A-Za-z]
  COMPOSED = 2,  // a character that may not be its own NFC in any company
  CHINESE = 4,   // a Han character
};

// Bits of what a text holds.
uint8_t kinds_of(const uint8_t* text, int64_t size);

// Appends a text without invisible marks, with spaces for all white space and controls; with `width` wide letters and
// digits as narrow ones; with `squeeze` no space at either end nor behind another, else only runs of spaces as one.
void clean(const uint8_t* text, int64_t size, bool width, bool squeeze, Buffer<uint8_t>& out);

// Han characters and Latin words (runs of letters).
void count_scripts(const uint8_t* text, int64_t size, int64_t& han, int64_t& latin);

// How often a byte stands in a text.
int64_t count_byte(const uint8_t* text, int64_t size, uint8_t byte);

}  // namespace ftcore
