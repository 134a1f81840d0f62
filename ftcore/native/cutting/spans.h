// Spans that are one token whatever the segmenter thinks: URLs, C++, 3.5, don't, emoji, words of other scripts.
//
// The rules are patterns of Python's `re`, in tests/reference/spans.py; here they are followed by hand, in linear
// time, with the same result: the first pattern that matches wins, and each matches as much as `re` would.
#pragma once

#include <cstdint>

#include "cutting/letters.h"

namespace ftcore {

class Spans {
 public:
  // `wide`: words of other scripts and emoji of several characters as well; version 1 of the rules knows none.
  Spans(const Letters& letters, const uint32_t* text, int64_t size, bool wide)
      : letters_(letters), s_(text), n_(size), wide_(wide) {}

  // In text without Han characters: the end of the token that begins at i.
  int64_t token(int64_t i) const;
  // Beside Han characters: the first span from i on; false where there is none.
  bool find(int64_t i, int64_t& begin, int64_t& end) const;
  // The end of the emoji at i, or NONE.
  int64_t emoji(int64_t i) const;

  static constexpr int64_t NONE = -1;

 private:
  uint32_t at(int64_t i) const { return i < n_ ? s_[i] : 0; }  // 0 is in no class
  int64_t special(int64_t i) const;
  int64_t url(int64_t i) const;
  int64_t email(int64_t i) const;
  int64_t domain(int64_t i) const;
  int64_t plus(int64_t i) const;
  int64_t script(int64_t i) const;
  int64_t initials(int64_t i) const;
  int64_t date(int64_t i) const;
  int64_t clock(int64_t i) const;
  int64_t thousands(int64_t i) const;
  int64_t decimal(int64_t i) const;
  int64_t version(int64_t i) const;
  int64_t joint(int64_t i, bool marks) const;
  int64_t accented(int64_t i) const;
  int64_t beside_han(int64_t i) const;
  int64_t word(int64_t i, bool narrow) const;
  int64_t whole(int64_t i, bool narrow) const;
  int64_t element(int64_t i) const;
  int64_t keycap(int64_t i) const;
  bool letter(int64_t i, bool narrow) const;
  bool spells(int64_t i, const char* word) const;
  int64_t one_of(int64_t i, const char* const* words, uint32_t behind) const;
  int64_t run(int64_t i, uint32_t kind) const;
  int64_t last(int64_t i, int64_t end) const;

  const Letters& letters_;
  const uint32_t* s_;
  const int64_t n_;
  const bool wide_;
};

}  // namespace ftcore
