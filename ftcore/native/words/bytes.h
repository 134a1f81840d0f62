// Lines as a text: bytes that somebody else keeps, copied behind each other.
#pragma once

#include <cstring>

#include "ground/buffer.h"
#include "words/text.h"

namespace ftcore {

struct Bytes {  // borrowed
  const char* data;
  int64_t size;
};

// Add bytes to a text, newlines within them as spaces; returns whether there was one.
inline bool add_bytes(const Bytes& line, Buffer<uint8_t>& text) {
  text.reserve(line.size + 1 + PAD);
  uint8_t* to = text.extend(line.size);
  if (line.size > 0) std::memcpy(to, line.data, static_cast<size_t>(line.size));
  bool found = false;
  for (uint8_t* end = to + line.size; to < end; ++to) {
    to = static_cast<uint8_t*>(std::memchr(to, '\n', static_cast<size_t>(end - to)));
    if (to == nullptr) break;
    *to = ' ';
    found = true;
  }
  return found;
}

// End a text: PAD bytes that do not count behind it. Returns the bytes that do.
inline int64_t finish(Buffer<uint8_t>& text) {
  text.reserve(PAD);
  std::memset(text.data() + text.size(), 0, PAD);
  return text.size();
}

// A line, its end, and PAD bytes that do not count behind it; returns the bytes that do.
inline int64_t one_line(const Bytes& line, Buffer<uint8_t>& text) {
  text.clear();
  add_bytes(line, text);
  text.push('\n');
  return finish(text);
}

}  // namespace ftcore
