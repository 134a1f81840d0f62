// Pages of WikiExtractor's text in a block of bytes: the plain ones, so that a line needs no Python.
#pragma once

#include <cstdint>

#include "ground/buffer.h"

namespace ftcore {

struct Pages {
  enum Kind : int64_t {
    DOCUMENT,  // a title, and more
    EMPTY,     // the title, or nothing
    LINE,      // one line, of which the caller finds out
  };
  static constexpr int64_t FIELDS = 6;
  Buffer<int64_t> rows;  // of each: line of <doc>, where that line begins and ends, where its text does, kind
  int64_t stop = 0;      // bytes that are done with
  int64_t lines = 0;     // in them
  bool odd = false;      // a page that is not plain begins there; or else what is left is not whole
};

// A page is plain where a line `<doc …>` begins it and a line `</doc>` ends it, neither stands elsewhere in it, and it is
// UTF-8 without NUL and carriage return, of `limit` bytes at most. Blank lines may stand between.
Pages find_pages(const uint8_t* block, int64_t size, int64_t limit);

}  // namespace ftcore
