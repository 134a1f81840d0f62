// Discards and windows of a run of lines, drawn as fastText draws them: frequent words are discarded, then every
// token that is left gets one window of 1..ws, which never crosses a line.
// Source: fastText 0.9.3 Dictionary::getLine, FastText::skipgram; the generator is the engine's own.
#pragma once

#include <cstdint>

namespace ftcore {

// Tokens that were kept; the context of centre i is words[first[i] : last[i]] without i.
struct Drawn {
  int32_t* words;
  int32_t* place;  // tokens of the run before this one, discarded ones too
  int32_t* first;
  int32_t* last;  // exclusive
};

// ids: int32 words of `lines` lines. limits: uint32[nwords], a token stays if a uniform uint32 is not above its
// word's. ws: at least 1. out: as long as ids. Returns how many were kept.
int64_t draw_centres(const int32_t* ids, const int64_t* offsets, int64_t lines, const uint32_t* limits, uint64_t ws,
                     uint64_t seed, Drawn out);

}  // namespace ftcore
