#include "cutting/pages.h"

#include <cstring>
#include <string_view>

#include "cutting/letters.h"

namespace ftcore {

namespace {

constexpr std::string_view OPEN = "<doc", CLOSE = "</doc>", TITLE = "title=\"";

// str.isspace
bool is_space(uint32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

// UTF-8 without NUL.
bool is_text(const uint8_t* text, int64_t size) {
  for (int64_t i = 0; i < size;) {
    if (i + 8 <= size) {
      uint64_t eight;
      std::memcpy(&eight, text + i, 8);
      // no byte from 0x80 up, none that is 0
      if ((eight & 0x8080808080808080u) == 0 && ((eight - 0x0101010101010101u) & 0x8080808080808080u) == 0) {
        i += 8;
        continue;
      }
    }
    if (text[i] == 0 || decode(text, size, i) == UINT32_MAX) return false;
  }
  return true;
}

// str.strip, of UTF-8
void strip(const uint8_t* text, int64_t& begin, int64_t& end) {
  for (int64_t next = begin; begin < end && is_space(decode(text, end, next)); begin = next) {
  }
  while (begin < end) {
    int64_t last = end - 1;
    while ((text[last] & 0xC0) == 0x80) --last;
    int64_t behind = last;
    if (!is_space(decode(text, end, behind))) return;
    end = last;
  }
}

// Whether one line is all that its page's opening line says: its title, which has no reference in it.
bool is_title(std::string_view open, std::string_view line) {
  const size_t found = open.find(TITLE);
  if (found == std::string_view::npos || open[found - 1] != ' ') return false;  // the caller looks closer
  const size_t from = found + TITLE.size(), to = open.rfind('"');
  if (to < from) return false;
  int64_t begin = 0, end = static_cast<int64_t>(to - from);
  const std::string_view title = open.substr(from, to - from);
  if (title.find('&') != std::string_view::npos) return false;
  strip(reinterpret_cast<const uint8_t*>(title.data()), begin, end);
  return begin < end && title.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)) == line;
}

}  // namespace

Pages find_pages(const uint8_t* block, int64_t size, int64_t limit) {
  Pages found;
  const auto view = [&](int64_t begin, int64_t end) {
    return std::string_view(reinterpret_cast<const char*>(block) + begin, static_cast<size_t>(end - begin));
  };
  const auto line_end = [&](int64_t from) -> int64_t {  // its newline, or -1
    const void* at = from < size ? std::memchr(block + from, '\n', static_cast<size_t>(size - from)) : nullptr;
    return at == nullptr ? -1 : static_cast<const uint8_t*>(at) - block;
  };
  int64_t at = 0, line = 0;
  for (;;) {
    while (at < size && block[at] == '\n') ++at, ++line;
    found.stop = at;
    found.lines = line;
    const int64_t open_end = line_end(at);
    if (open_end < 0) return found;
    found.odd = true;  // until the page is known to be none such
    const std::string_view open = view(at, open_end);
    if (open_end - at > limit || open.size() < 5 || open.substr(0, 4) != OPEN || (open[4] != ' ' && open[4] != '>') ||
        open.find('>') != open.size() - 1)
      return found;
    int64_t close = -1, body = open_end + 1, lines = 1;
    for (int64_t next = body, end; (end = line_end(next)) >= 0; next = end + 1, ++lines) {
      const std::string_view text = view(next, end);
      const size_t angle = text.find('<');
      if (angle == std::string_view::npos) continue;
      if (text == CLOSE) {
        close = next;
        ++lines;
        break;
      }
      if (text.find(CLOSE, angle) != std::string_view::npos || (angle == 0 && text.substr(0, 4) == OPEN)) return found;
    }
    if (close < 0) {
      found.odd = size - at > 2 * limit + 64;
      return found;
    }
    if (close - body > limit || std::memchr(block + body, '\r', static_cast<size_t>(close - body)) != nullptr ||
        !is_text(block + at, close - at))
      return found;
    int64_t begin = body, end = close;
    strip(block, begin, end);
    const std::string_view text = view(begin, end);
    Pages::Kind kind = Pages::DOCUMENT;
    if (text.find('\n') == std::string_view::npos) kind = is_title(open, text) ? Pages::EMPTY : Pages::LINE;
    found.rows.reserve(Pages::FIELDS);
    for (const int64_t value : {line, at, open_end, begin, end, static_cast<int64_t>(kind)}) found.rows.push(value);
    at = close + static_cast<int64_t>(CLOSE.size()) + 1;
    line += lines;
    found.odd = false;
  }
}

}  // namespace ftcore
