// Many texts cut at once: rows of one array of bytes, on several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ground/buffer.h"
#include "cutting/lexicon.h"

namespace ftcore {

// Row i is data[offsets[i]:offsets[i + 1]], UTF-8; offsets are int32_t or int64_t.
template <class Offset>
struct Rows {
  const uint8_t* data;
  const Offset* offsets;
  int64_t size;
};

// Tokens as they are asked for, and where those of row i begin and end: offsets[i], offsets[i + 1].
struct CutRows {
  Buffer<uint8_t> text;           // joined: a space between a row's tokens, offsets in bytes
  Buffer<int64_t> begins, ends;   // spans in `data`, offsets in tokens
  Buffer<int64_t> offsets;
  int64_t wrong = -1;             // a row that was refused,
  std::string why;                // and why
  bool stopped = false;           // go_on said no
};

// How jieba is asked to cut.
enum class Way { DEFAULT, HMM, SEARCH, SEARCH_HMM, ALL };

// joined: text, and else spans, of DEFAULT and HMM. spaces: tokens of white space are tokens (of spans). Small work is
// the caller's own; else `go_on` is asked every 50 ms.
template <class Offset>
CutRows cut_rows(const Lexicon& lexicon, const Rows<Offset>& rows, Way way, bool joined, bool spaces, int threads,
                 const std::function<bool()>& go_on);

}  // namespace ftcore
